#include "tests/support/archives/gzip_maker.h"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>

#include "base/bytes.h"

namespace orcio::test {
namespace {

using Bytes = std::vector<std::byte>;

void Check(bool good) {
  if (!good) throw std::runtime_error("zlib failed");
}

Bytef* BytesOf(std::string& text) {
  return reinterpret_cast<Bytef*>(text.data());
}

Bytes Compress(std::span<const std::byte> bytes, const GzipOptions& options, int window_bits,
               gz_header* header) {
  z_stream stream{};
  Check(deflateInit2(&stream, options.level, Z_DEFLATED, window_bits, 8, options.strategy) == Z_OK);
  if (header != nullptr) Check(deflateSetHeader(&stream, header) == Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()) + bytes.size() / 8 + 70'000);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const size_t step = options.flush_every == 0 ? bytes.size() : options.flush_every;
  for (size_t at = 0; at < bytes.size(); at += step) {
    const auto piece = bytes.subspan(at, std::min(step, bytes.size() - at));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
    stream.avail_in = static_cast<uInt>(piece.size());
    Check(deflate(&stream, options.flush_every == 0 ? Z_NO_FLUSH : Z_FULL_FLUSH) == Z_OK);
  }
  Check(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

std::vector<std::byte> Gzip(std::span<const std::byte> bytes, const GzipOptions& options) {
  GzipOptions copy = options;
  gz_header header{};
  header.os = 3;
  if (!copy.name.empty()) header.name = BytesOf(copy.name);
  if (!copy.comment.empty()) header.comment = BytesOf(copy.comment);
  if (!copy.extra.empty()) {
    header.extra = BytesOf(copy.extra);
    header.extra_len = static_cast<uInt>(copy.extra.size());
  }
  header.hcrc = copy.header_crc ? 1 : 0;
  return Compress(bytes, copy, MAX_WBITS + 16, &header);
}

std::vector<std::byte> Deflate(std::span<const std::byte> bytes, const GzipOptions& options) {
  return Compress(bytes, options, -MAX_WBITS, nullptr);
}

std::vector<std::byte> Bgzip(std::span<const std::byte> bytes) {
  constexpr size_t kMost = 65280;
  constexpr size_t kFlags = 3;
  Bytes out;
  for (size_t at = 0;; at += kMost) {
    const auto piece = bytes.subspan(std::min(at, bytes.size()),
                                     std::min(kMost, bytes.size() - std::min(at, bytes.size())));
    Bytes member = Gzip(piece, {.extra = std::string("BC\2\0\0\0", 6)});
    Check(member[kFlags] == std::byte{4});
    StoreLittleEndian(static_cast<uint16_t>(member.size() - 1), member.data() + 16);
    out.insert(out.end(), member.begin(), member.end());
    if (piece.empty()) return out;
  }
}

std::vector<std::byte> Joined(std::initializer_list<std::span<const std::byte>> parts) {
  Bytes out;
  for (const auto part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Inflated InflateByZlib(std::span<const std::byte> stream, size_t most_bytes) {
  Inflated inflated;
  inflated.bytes.resize(most_bytes);
  z_stream zlib{};
  Check(inflateInit2(&zlib, -MAX_WBITS) == Z_OK);
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(stream.data()));
  zlib.avail_in = static_cast<uInt>(stream.size());
  zlib.next_out = reinterpret_cast<Bytef*>(inflated.bytes.data());
  zlib.avail_out = static_cast<uInt>(most_bytes);
  inflated.sound = inflate(&zlib, Z_FINISH) == Z_STREAM_END;
  inflated.bytes.resize(zlib.total_out);
  inflated.used = zlib.total_in;
  inflateEnd(&zlib);
  return inflated;
}

BitWriter& BitWriter::Put(uint32_t value, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    if (used_ == 8) {
      bytes_.push_back(std::byte{0});
      used_ = 0;
    }
    bytes_.back() |= static_cast<std::byte>((uint64_t{value} >> i & 1) << used_++);
  }
  return *this;
}

}  // namespace orcio::test
