#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace orcio::test {

// Gzip files as all kinds of programs write them, made with zlib: nothing of orcio's own is used.

struct GzipOptions {
  int level = 6;
  int strategy = 0;       // Z_DEFAULT_STRATEGY
  std::string name = {};  // none if empty, as for the next two
  std::string comment = {};
  std::string extra = {};
  bool header_crc = false;
  size_t flush_every = 0;  // a full flush after so many bytes, as pigz and zlib's users do; 0: none
};

// One member (RFC 1952).
[[nodiscard]] std::vector<std::byte> Gzip(std::span<const std::byte> bytes,
                                          const GzipOptions& options = {});
// A deflate stream (RFC 1951) alone.
[[nodiscard]] std::vector<std::byte> Deflate(std::span<const std::byte> bytes,
                                             const GzipOptions& options = {});
// What bgzip writes: members of at most 65,280 bytes with their length in a subfield BC, and the
// empty member at the end.
[[nodiscard]] std::vector<std::byte> Bgzip(std::span<const std::byte> bytes);

[[nodiscard]] std::vector<std::byte> Joined(
    std::initializer_list<std::span<const std::byte>> parts);

// What zlib decodes a whole deflate stream to.
struct Inflated {
  bool sound = false;            // it ended as such a stream does
  std::vector<std::byte> bytes;  // decoded up to where it ended or was damaged
  size_t used = 0;               // of the input, if it is sound
};
[[nodiscard]] Inflated InflateByZlib(std::span<const std::byte> stream, size_t most_bytes);

// Bits from the lowest on, as deflate packs them.
class BitWriter {
 public:
  BitWriter& Put(uint32_t value, unsigned bits);
  [[nodiscard]] std::vector<std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  unsigned used_ = 8;  // of the last byte
};

}  // namespace orcio::test
