#include "archiver/ssh/way/command_streams.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "archiver/host/remote_text.h"

namespace orcio::inline archiver {
namespace {

// tar's complaints about half a million files fit in: a host could go on complaining for good.
constexpr uint64_t kMostErrorOutput = uint64_t{64} << 20;

void Append(std::string& to, bool& truncated, std::string_view bytes, size_t limit) {
  const size_t room = limit - std::min(limit, to.size());
  to.append(bytes.substr(0, room));
  truncated = truncated || bytes.size() > room;
}

}  // namespace

Result<std::string_view> CommandInput::Next() {
  if (given_ < options_.input.size())
    return std::string_view(options_.input).substr(given_, kPiece);
  if (more_given_ == more_.size() && options_.more_input != nullptr) {
    more_.resize(kPiece);
    more_given_ = 0;
    auto got = options_.more_input->Read(more_);
    more_.resize(got ? *got : 0);
    ORCIO_TRY(std::move(got));
  }
  return std::string_view(reinterpret_cast<const char*>(more_.data()), more_.size())
      .substr(more_given_);
}

void CommandInput::Gave(size_t bytes) {
  (given_ < options_.input.size() ? given_ : more_given_) += bytes;
}

void CommandOutput::Take(std::string_view bytes) {
  Append(result_.out, result_.out_truncated, bytes, options_.max_output);
}

Result<void> CommandOutput::TakeError(std::string_view bytes) {
  Append(result_.err, result_.err_truncated, bytes, options_.max_output);
  if ((error_bytes_ += bytes.size()) <= kMostErrorOutput) return {};
  return Fail(ErrorKind::kLimit, "host {}: a command complained without end: {}", host_,
              Excerpt(result_.err));
}

Result<void> PassTo(ByteSink& sink, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = ORCIO_TRY(sink.Buffer());
    const size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    ORCIO_TRY(sink.Commit(count));
    bytes.remove_prefix(count);
  }
  return {};
}

}  // namespace orcio::inline archiver
