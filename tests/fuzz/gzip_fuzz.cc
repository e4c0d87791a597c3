// Reads arbitrary bytes as a gzip file: cuts it into spans, decodes each span again from its
// checkpoint, and holds what comes out against zlib. Everything but damage found must agree. Seeds:
// gzip_seeds DIRECTORY.

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "index/spans/gzip_spans.h"
#include "index/spans/span_decoder.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/files/memory_files.h"

namespace {

using namespace orcio;
using Bytes = std::vector<std::byte>;

// Small, so that even small inputs have several spans.
constexpr size_t kSpanBytes = 4096;
constexpr size_t kMostBytes = size_t{4} << 20;  // a bomb is cut there

void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "\n";
  std::abort();
}

struct Cut {
  Bytes tar;
  bool whole = false;  // to its end, and no member is bad
};

Cut CutAndDecodeAgain(const RandomAccess& file) {
  FileSource source(file, 0, file.size());
  InputBuffer input(source, 0, size_t{64} << 10);
  GzipStream stream(input, "f");
  GzipSpans spans(stream, kSpanBytes);
  DecodedSpan decoded;
  Cut cut;
  for (;;) {
    const auto more = spans.Next(decoded);
    if (!more) Require(more.error().kind == ErrorKind::kDamaged, "an error is damage");
    if (!more || !*more) {
      cut.whole = more && stream.bad_members().empty();
      return cut;
    }
    const auto tar = decoded.tar();
    Require(decoded.span.tar_offset == cut.tar.size(), "spans have no gap");
    Require(tar.size() <= 2 * kSpanBytes + 258, "spans are bounded");
    const auto again = DecodeSpan(file, decoded.span, decoded.start, decoded.packed_window, "span");
    Require(again.has_value(), "a span decodes again");
    Require(std::equal(again->begin(), again->end(), tar.begin(), tar.end()), "to the same bytes");
    cut.tar.insert(cut.tar.end(), tar.begin(), tar.end());
    if (cut.tar.size() > kMostBytes) return cut;
  }
}

// The first member, as zlib reads it.
void CompareFirstMember(const Bytes& bytes, const Cut& cut) {
  z_stream zlib{};
  if (inflateInit2(&zlib, MAX_WBITS + 16) != Z_OK) return;
  Bytes out(cut.tar.size() + 1);
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  zlib.avail_in = static_cast<uInt>(bytes.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  const bool sound = inflate(&zlib, Z_FINISH) == Z_STREAM_END;
  const size_t size = zlib.total_out;
  inflateEnd(&zlib);
  if (cut.whole) Require(sound, "zlib reads the first member of what is sound");
  if (!sound) return;
  Require(size <= cut.tar.size(), "all of the first member was decoded");
  Require(std::equal(out.begin(), out.begin() + static_cast<ptrdiff_t>(size), cut.tar.begin()),
          "to what zlib decodes it to");
}

void Read(const Bytes& bytes) {
  test::MemoryFiles files;
  files.Put("f", bytes);
  const auto file = files.OpenRead("f");
  const Cut cut = CutAndDecodeAgain(**file);
  if (cut.tar.size() <= kMostBytes) CompareFirstMember(bytes, cut);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  const Bytes bytes(begin, begin + size);
  Read(bytes);
  // The same bytes as the deflate stream of a member: more of them get past the header.
  static constexpr std::byte kHeader[10] = {std::byte{0x1f}, std::byte{0x8b}, std::byte{8}};
  Read(test::Joined({kHeader, bytes}));
  return 0;
}
