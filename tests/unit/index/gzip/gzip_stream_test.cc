#include "index/gzip/gzip_stream.h"

#include <algorithm>
#include <random>
#include <string>

#include "base/bytes.h"
#include "index/spans/inflater_at.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/memory_files.h"

namespace orcio {
namespace {

using test::Gzip;
using test::Joined;
using Bytes = std::vector<std::byte>;

struct Decoded {
  Bytes bytes;
  std::optional<Error> error;
  bool cut_short = false;
  std::vector<GzipStream::BadMember> bad;
  std::string garbage;
};

Decoded Decode(const Bytes& gzip, size_t piece = 50'000) {
  test::MemoryFiles files;
  files.Put("g", gzip);
  const auto file = ValueOf(files.OpenRead("g"));
  FileSource source(*file, 0, file->size());
  InputBuffer input(source, 0, size_t{64} << 10);
  GzipStream stream(input, "wiki.tar.gz");
  Decoded decoded;
  Bytes buffer(WindowUse::kWindowBytes + piece + Inflater::kSlack);
  std::byte* const begin = buffer.data() + WindowUse::kWindowBytes;
  for (bool more = true; more;) {
    std::byte* out = begin;
    auto event = stream.Run(out, begin + piece, buffer.data());
    const auto made = static_cast<size_t>(out - begin);
    decoded.bytes.insert(decoded.bytes.end(), begin, out);
    std::memmove(buffer.data(), buffer.data() + made, WindowUse::kWindowBytes);
    if (!event) decoded.error = event.error();
    more = event && *event != GzipStream::Event::kEnd;
  }
  decoded.cut_short = stream.cut_short();
  decoded.bad = stream.bad_members();
  decoded.garbage = stream.garbage();
  return decoded;
}

// What hands out so many bytes alone at first.
class InTwoParts : public ByteSource {
 public:
  InTwoParts(const RandomAccess& file, uint64_t offset, uint64_t at_first)
      : first_(file, offset, at_first),
        rest_(file, offset + at_first, file.size() - std::min(file.size(), offset + at_first)) {}
  Result<size_t> Read(std::span<std::byte> into) override {
    const size_t got = ValueOf(first_.Read(into));
    return got > 0 ? got : rest_.Read(into);
  }

 private:
  FileSource first_;
  FileSource rest_;
};

uint64_t EndOf(const InputBuffer& input) {
  return input.offset() + input.bytes().size();
}

// Requires that a stream that goes on from `state` has first read up to `end`.
void RequireSameInput(const RandomAccess& file, const GzipStream::State& state, uint64_t end) {
  const uint64_t begin = state.position.bit / 8;
  CAPTURE(state.position.bit, state.buffered, end);
  InTwoParts source(file, begin, state.buffered);
  InputBuffer input(source, begin, size_t{64} << 10);
  GzipStream stream(input, "wiki.tar.gz", state,
                    ValueOf(InflaterAt(file, state.position, "the place")));
  // Nothing has been read yet: whoever keeps the place again says the same.
  REQUIRE(stream.Save().position.bit == state.position.bit);
  REQUIRE(stream.Save().buffered == state.buffered);
  Bytes buffer(WindowUse::kWindowBytes + 1 + Inflater::kSlack);
  std::byte* out = buffer.data() + WindowUse::kWindowBytes;
  REQUIRE_OK(stream.Run(out, out + 1, buffer.data()));
  REQUIRE(EndOf(input) == end);
}

void RequireClean(const Bytes& gzip, const Bytes& bytes) {
  const Decoded decoded = Decode(gzip);
  INFO((decoded.error ? decoded.error->message : decoded.garbage));
  REQUIRE_FALSE(decoded.error);
  REQUIRE(decoded.bad.empty());
  REQUIRE(decoded.garbage.empty());
  REQUIRE(decoded.bytes == bytes);
}

const Bytes& Sample() {
  static const Bytes bytes = test::MakeTar(300'000);
  return bytes;
}

}  // namespace

TEST_CASE("A member with a name, a comment, an extra field and a header CRC decodes") {
  RequireClean(Gzip(Sample()), Sample());
  RequireClean(Gzip(Sample(), {.name = "wiki.tar"}), Sample());
  RequireClean(Gzip(Sample(), {.comment = "by hand"}), Sample());
  RequireClean(Gzip(Sample(), {.extra = std::string(65'535, 'x')}), Sample());
  RequireClean(Gzip(Sample(), {.header_crc = true}), Sample());
  RequireClean(Gzip(Sample(), {.name = std::string(300'000, 'n'),
                               .comment = std::string(200'000, 'c'),
                               .extra = "xy",
                               .header_crc = true}),
               Sample());
}

TEST_CASE("A stream that goes on where another one stood has as much input at hand") {
  std::mt19937_64 random(1);
  std::string digits;
  while (digits.size() < 400'000) digits += std::to_string(random());
  test::MemoryFiles files;
  files.Put("g", Gzip(AsBytes(digits)));
  const auto file = ValueOf(files.OpenRead("g"));
  FileSource source(*file, 0, file->size());
  InputBuffer input(source, 0, size_t{64} << 10);
  GzipStream stream(input, "wiki.tar.gz");
  constexpr size_t kPiece = 7'001;
  Bytes buffer(WindowUse::kWindowBytes + kPiece + Inflater::kSlack);
  std::byte* const begin = buffer.data() + WindowUse::kWindowBytes;
  size_t inside_bytes = 0;
  for (;;) {
    std::byte* out = begin;
    const auto event = ValueOf(stream.Run(out, begin + kPiece, buffer.data()));
    const auto made = static_cast<size_t>(out - begin);
    std::memmove(buffer.data(), buffer.data() + made, WindowUse::kWindowBytes);
    const auto state = stream.Save();
    if (event == GzipStream::Event::kEnd || state.at != GzipStream::State::At::kBlocks) break;
    // Else both read on at once.
    if (event != GzipStream::Event::kFull || state.buffered <= Inflater::kEnoughInput) continue;
    RequireSameInput(*file, state, EndOf(input));
    if (state.position.bit % 8 != 0) ++inside_bytes;
  }
  CHECK(inside_bytes > 10);
}

TEST_CASE("Members one behind the other decode to one stream") {
  const std::span<const std::byte> all(Sample());
  RequireClean(Joined({Gzip(all.first(1)), Gzip({}), Gzip(all.subspan(1, 99'999), {.name = "n"}),
                       Gzip(all.subspan(100'000), {.level = 0})}),
               Sample());
  RequireClean(test::Bgzip(all), Sample());
}

TEST_CASE("Nothing compressed decodes to nothing") {
  RequireClean(Gzip({}), {});
}

TEST_CASE("A match does not reach back into the member before") {
  // zlib would have matched the second half with the first, had they been one member: here a
  // stream says so though they are two.
  const Bytes text = test::MakeTar(20'000);
  const auto whole = Gzip(Joined({text, text}), {.flush_every = text.size()});
  const Decoded sound = Decode(whole);
  REQUIRE_FALSE(sound.error);
  // A match of distance 4 as a member's first symbol.
  auto crafted = Gzip(AsBytes("abcd"));
  Bytes second(crafted.begin(), crafted.begin() + 10);
  const auto stream =
      test::BitWriter().Put(1, 1).Put(1, 2).Put(0x40, 7).Put(24, 5).Put(0, 60).bytes();
  second.insert(second.end(), stream.begin(), stream.end());
  const Decoded decoded = Decode(Joined({crafted, second}));
  REQUIRE(decoded.error);
  CHECK(decoded.error->kind == ErrorKind::kDamaged);
  CHECK(decoded.error->message.find("wiki.tar.gz: damaged at or before offset") == 0);
  CHECK(AsText(decoded.bytes) == "abcd");
}

TEST_CASE("Zeros behind the last member are nothing, anything else is garbage") {
  const Bytes gzip = Gzip(Sample());
  for (const size_t zeros : {size_t{1}, size_t{511}, size_t{100'000}})
    RequireClean(Joined({gzip, Bytes(zeros)}), Sample());
  for (const std::string_view tail :
       {std::string_view("x"), std::string_view("\0\0x", 3), std::string_view("\x1f"),
        std::string_view("\0\x1f\x8b", 3)}) {
    const Decoded decoded = Decode(Joined({gzip, AsBytes(tail)}));
    CHECK_FALSE(decoded.error);
    CHECK(decoded.bytes == Sample());
    CHECK(decoded.garbage.find(fmt::format("at offset {}", gzip.size())) != std::string::npos);
  }
}

TEST_CASE("A member whose CRC or length is off is told, and the next one decodes") {
  const std::span<const std::byte> all(Sample());
  const Bytes first = Gzip(all.first(1000));
  const Bytes third = Gzip(all.subspan(3000));
  for (const size_t from_end : {size_t{8}, size_t{5}, size_t{4}, size_t{1}}) {
    Bytes second = Gzip(all.subspan(1000, 2000));
    second[second.size() - from_end] ^= std::byte{4};
    const Decoded decoded = Decode(Joined({first, second, third}));
    CHECK_FALSE(decoded.error);
    CHECK(decoded.bytes == Sample());
    REQUIRE(decoded.bad.size() == 1);
    CHECK(decoded.bad[0].begin == 1000);
    CHECK(decoded.bad[0].end == 3000);
    CHECK(decoded.bad[0].message.find(fmt::format("at offset {} ", first.size())) !=
          std::string::npos);
  }
}

TEST_CASE("A gzip file cut anywhere gives what stands before, and says that it is cut") {
  Bytes bytes = test::MakeTar(4'000);
  bytes.resize(4'000);
  const Bytes gzip = Joined({Gzip(std::span(bytes).first(1500), {.name = "n", .header_crc = true}),
                             Gzip(std::span(bytes).subspan(1500))});
  const size_t first = Gzip(std::span(bytes).first(1500), {.name = "n", .header_crc = true}).size();
  size_t before = 0;
  for (size_t size = 1; size < gzip.size(); ++size) {
    CAPTURE(size, first);
    const Decoded decoded =
        Decode(Bytes(gzip.begin(), gzip.begin() + static_cast<ptrdiff_t>(size)));
    REQUIRE(decoded.bytes.size() >= before);
    before = decoded.bytes.size();
    REQUIRE(std::equal(decoded.bytes.begin(), decoded.bytes.end(), bytes.begin()));
    // One byte of a member could be anything: gzip takes it for garbage.
    if (size == first || size == first + 1) {
      REQUIRE_FALSE(decoded.error);
      REQUIRE(decoded.garbage.empty() == (size == first));
    } else {
      REQUIRE(decoded.error);
      REQUIRE(decoded.error->kind == ErrorKind::kDamaged);
      REQUIRE(decoded.cut_short);
    }
  }
}

TEST_CASE("Headers that gzip refuses are refused") {
  const Bytes sound = Gzip(Sample(), {.name = "n", .header_crc = true});
  const auto refused = [&](size_t at, uint8_t value) {
    Bytes gzip = sound;
    gzip[at] = static_cast<std::byte>(value);
    const Decoded decoded = Decode(gzip);
    return decoded.error && decoded.error->kind == ErrorKind::kDamaged && decoded.bytes.empty() &&
           !decoded.cut_short;
  };
  CHECK(refused(0, 'P'));
  CHECK(refused(2, 7));
  CHECK(refused(3, 0x20));
  CHECK(refused(3, 0x80));
  CHECK(refused(10, 'm'));  // the name, which the header's CRC covers
}

TEST_CASE("A header in another member that gzip refuses ends the stream there") {
  Bytes second = Gzip(Sample());
  second[2] = std::byte{7};
  const Decoded decoded = Decode(Joined({Gzip(Sample()), second}));
  REQUIRE(decoded.error);
  CHECK(decoded.bytes == Sample());
  CHECK(decoded.bad.empty());
}

}  // namespace orcio
