#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "index/inflate/inflater.h"

namespace orcio::inline index {

// How to decode a span. With the span's place in the archive it is a checkpoint: decoding begins
// after the first `skip_bits` bits of the span's first byte.
struct SpanStart {
  enum class Kind : uint8_t {
    kMember = 0,   // a whole gzip member, as orcio writes them
    kDeflate = 1,  // in a gzip member, between any two symbols; the span may reach into later ones
    kStored = 2,   // the tar's bytes as they are
    kLost = 3,     // damaged when it was indexed: there is nothing to read
  };

  Kind kind = Kind::kMember;
  uint8_t skip_bits = 0;       // 0 to 7
  uint64_t block_bits = 0;     // how many bits before that the block's header begins: 0, at one
  uint64_t window_offset = 0;  // of its packed window
  uint32_t window_bytes = 0;   // packed; 0 if it needs none
  friend bool operator==(const SpanStart&, const SpanStart&) = default;
};

// The 32 KiB before a checkpoint, packed with zstd. Not thread-safe: one a thread.
class WindowPacker {
 public:
  WindowPacker();
  ~WindowPacker();

  // Replaces `packed` by what is used of `window`; by nothing if that is nothing.
  void Pack(std::span<const std::byte> window, const WindowUse& use,
            std::vector<std::byte>& packed);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// No packed window is larger.
inline constexpr size_t kMaxPackedWindowBytes = WindowUse::kWindowBytes + 1024;

// kDamaged if `packed` is no window.
[[nodiscard]] Result<void> UnpackWindow(std::span<const std::byte> packed,
                                        std::span<std::byte> window);

}  // namespace orcio::inline index
