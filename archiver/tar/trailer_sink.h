#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/byte_sink.h"

namespace orcio::inline archiver {

// Makes one tar of several: takes the end off all but the last, which is so many zero bytes. Not
// thread-safe.
class TrailerSink : public ByteSink {
 public:
  // `bytes`: 0 if there is but one tar, which is passed on as it is; at most 1024.
  TrailerSink(ByteSink& sink, size_t bytes) : sink_(sink), bytes_(bytes) {}

  // The next tar begins. kRemote if the one before did not end as it should.
  [[nodiscard]] Result<void> NextTar() {
    if (held_ != bytes_ && held_ != 0) return OddEnd();
    const auto end = std::span(buffer_).first(held_);
    if (std::any_of(end.begin(), end.end(), [](std::byte byte) { return byte != std::byte{}; }))
      return OddEnd();
    held_ = 0;
    return {};
  }
  // The last tar has ended: hands its end on.
  [[nodiscard]] Result<void> End() {
    const size_t bytes = held_;
    held_ = 0;
    return Pass(std::span(buffer_).first(bytes));
  }

  [[nodiscard]] Result<std::span<std::byte>> Buffer() override {
    if (bytes_ == 0) return sink_.Buffer();
    return std::span(buffer_).subspan(held_);
  }
  [[nodiscard]] Result<void> Commit(size_t count) override {
    if (bytes_ == 0) return sink_.Commit(count);
    const size_t all = held_ + count;
    const size_t pass = all > bytes_ ? all - bytes_ : 0;
    ORCIO_TRY(Pass(std::span(buffer_).first(pass)));
    std::memmove(buffer_.data(), buffer_.data() + pass, all - pass);
    held_ = all - pass;
    return {};
  }

 private:
  static Failure OddEnd() {
    return Fail(ErrorKind::kRemote, "a tar did not end with two blocks of zeros");
  }
  Result<void> Pass(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto room = ORCIO_TRY(sink_.Buffer());
      const size_t count = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), count);
      ORCIO_TRY(sink_.Commit(count));
      bytes = bytes.subspan(count);
    }
    return {};
  }

  ByteSink& sink_;
  const size_t bytes_;
  std::array<std::byte, size_t{64} << 10> buffer_{};
  size_t held_ = 0;  // at the buffer's beginning: what may be the end
};

}  // namespace orcio::inline archiver
