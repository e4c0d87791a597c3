#include "index/inflate/inflater.h"

#include <zlib.h>

#include <cstring>
#include <random>

#include "base/bytes.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/sanitized.h"

namespace orcio {
namespace {

using test::BitWriter;
using Bytes = std::vector<std::byte>;
using Stop = Inflater::Stop;

// How a stream is handed to the inflater: in pieces of at most so many bytes.
struct Pieces {
  size_t in = SIZE_MAX;
  size_t out = 100'000;
};

struct Decoded {
  Stop stop = Stop::kInput;
  Bytes bytes;
  size_t used = 0;  // of the input
};

Decoded Decode(const Bytes& stream, const Pieces& pieces = {}) {
  Inflater inflater;
  inflater.Begin();
  Decoded decoded;
  Bytes buffer(WindowUse::kWindowBytes + pieces.out + Inflater::kSlack);
  std::byte* const begin = buffer.data() + WindowUse::kWindowBytes;
  size_t there = std::min(pieces.in, stream.size());
  for (;;) {
    const size_t before = std::min(decoded.bytes.size(), size_t{WindowUse::kWindowBytes});
    std::copy(decoded.bytes.end() - static_cast<ptrdiff_t>(before), decoded.bytes.end(),
              begin - before);
    Inflater::Place place{stream.data() + decoded.used, stream.data() + there, begin,
                          begin + pieces.out, begin - before};
    decoded.stop = inflater.Run(place);
    decoded.used = static_cast<size_t>(place.in - stream.data());
    decoded.bytes.insert(decoded.bytes.end(), begin, place.out);
    if (decoded.stop == Stop::kInput && there < stream.size()) {
      there = std::min(stream.size(), there + std::min(pieces.in, stream.size()));
    } else if (decoded.stop != Stop::kOutput && decoded.stop != Stop::kBlock) {
      return decoded;
    }
  }
}

// Text, random bytes, runs and repetitions near and far.
Bytes Varied(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  Bytes bytes = test::MakeTar(size / 2);
  bytes.resize(size / 2);
  while (bytes.size() < size) {
    const size_t count = random() % 700;
    const size_t distance = 1 + random() % (random() % 3 == 0 ? 8 : 40'000);
    for (size_t i = 0; i < count && distance <= bytes.size(); ++i)
      bytes.push_back(bytes[bytes.size() - distance]);
    bytes.push_back(static_cast<std::byte>(random()));
  }
  return bytes;
}

// Requires that both say the same of a stream; what they decoded before damage may differ in
// length.
void RequireLikeZlib(const Bytes& stream, const Pieces& pieces = {}) {
  const Decoded decoded = Decode(stream, pieces);
  const auto by_zlib = test::InflateByZlib(stream, decoded.bytes.size() + 70'000);
  REQUIRE((decoded.stop == Stop::kEnd) == by_zlib.sound);
  if (by_zlib.sound) {
    REQUIRE(decoded.bytes == by_zlib.bytes);
    REQUIRE(decoded.used == by_zlib.used);
  }
}

// Every way zlib can be told to compress.
std::vector<test::GzipOptions> AllOptions() {
  std::vector<test::GzipOptions> all;
  for (const int strategy : {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED}) {
    for (const int level : {0, 1, 6, 9}) all.push_back({.level = level, .strategy = strategy});
  }
  all.push_back({.flush_every = 5'000});
  return all;
}

}  // namespace

TEST_CASE("Whatever zlib compressed comes back") {
  const Bytes bytes = Varied(600'000, 1);
  for (const auto& options : AllOptions()) {
    CAPTURE(options.level, options.strategy, options.flush_every);
    const Decoded decoded = Decode(test::Deflate(bytes, options));
    REQUIRE(decoded.stop == Stop::kEnd);
    REQUIRE(decoded.bytes == bytes);
  }
}

TEST_CASE("A stream decodes the same in pieces of any size") {
  // A window and some, in single bytes.
  const Bytes bytes = Varied(test::kSanitized ? 40'000 : 100'000, 2);
  for (const auto& options : AllOptions()) {
    const Bytes stream = test::Deflate(bytes, options);
    for (const Pieces& pieces : {Pieces{1, 100'000}, Pieces{7, 1}, Pieces{1000, 13},
                                 Pieces{SIZE_MAX, 300}, Pieces{33, 32'768}}) {
      CAPTURE(options.level, options.strategy, pieces.in, pieces.out);
      const Decoded decoded = Decode(stream, pieces);
      REQUIRE(decoded.stop == Stop::kEnd);
      REQUIRE(decoded.bytes == bytes);
    }
  }
}

TEST_CASE("What follows a stream is left where it is") {
  Bytes stream = test::Deflate(AsBytes("some words, some more words"));
  const size_t size = stream.size();
  stream.resize(size + 100, std::byte{0xAA});
  const Decoded decoded = Decode(stream);
  CHECK(decoded.stop == Stop::kEnd);
  CHECK(decoded.used == size);
}

TEST_CASE("A stream cut anywhere asks for more") {
  const Bytes bytes = Varied(3'000, 3);
  for (const auto& options : AllOptions()) {
    const Bytes stream = test::Deflate(bytes, options);
    for (size_t size = 0; size < stream.size(); size += test::kStride) {
      const Decoded decoded =
          Decode(Bytes(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(size)));
      REQUIRE(decoded.stop == Stop::kInput);
      REQUIRE(decoded.bytes.size() <= bytes.size());
      REQUIRE(std::equal(decoded.bytes.begin(), decoded.bytes.end(), bytes.begin()));
    }
  }
}

TEST_CASE("A damaged stream is refused where zlib refuses it, and else decodes to the same") {
  const Bytes bytes = Varied(4'000, 4);
  std::mt19937_64 random(5);
  for (const auto& options : AllOptions()) {
    const Bytes sound = test::Deflate(bytes, options);
    for (unsigned i = 0; i < 400; i += test::kStride) {
      Bytes stream = sound;
      for (uint64_t flips = 1 + random() % 3; flips > 0; --flips)
        stream[random() % (i % 2 == 0 ? 120 : stream.size())] ^= std::byte{1} << random() % 8;
      CAPTURE(options.level, options.strategy, i);
      RequireLikeZlib(stream, {SIZE_MAX, 1 + random() % 70'000});
    }
  }
}

TEST_CASE("Random bytes are treated as zlib treats them") {
  std::mt19937_64 random(6);
  for (unsigned i = 0; i < 30'000; i += test::kStride) {
    Bytes stream(1 + random() % 200);
    for (auto& byte : stream) byte = static_cast<std::byte>(random());
    // Half of them dynamic blocks: the part with the most rules.
    if (i % 2 == 0) stream[0] = (stream[0] & std::byte{0xF8}) | std::byte{0x05};
    RequireLikeZlib(stream);
  }
}

TEST_CASE("A block of the unknown type is damage") {
  CHECK(Decode(BitWriter().Put(1, 1).Put(3, 2).Put(0, 29).bytes()).stop == Stop::kDamaged);
}

TEST_CASE("A stored block whose lengths contradict each other is damage") {
  CHECK(Decode(BitWriter().Put(1, 8).Put(5, 16).Put(5, 16).bytes()).stop == Stop::kDamaged);
  CHECK(Decode(BitWriter().Put(1, 8).Put(0, 16).Put(0xFFFF, 16).bytes()).stop == Stop::kEnd);
}

TEST_CASE("A distance beyond the first byte is damage") {
  // Fixed codes: a literal 'a' (8 bits, 0x91 first bit first), length 3 (0000001), distance 1 or 2.
  const auto stream = [](uint32_t distance_code) {
    return BitWriter()
        .Put(1, 1)
        .Put(1, 2)
        .Put(0x89, 8)
        .Put(0x40, 7)
        .Put(distance_code, 5)
        .Put(0, 7)
        .Put(0, 32)
        .bytes();
  };
  const Decoded near = Decode(stream(0));
  CHECK(near.stop == Stop::kEnd);
  CHECK(AsText(near.bytes) == "aaaa");
  CHECK(Decode(stream(16)).stop == Stop::kDamaged);
}

TEST_CASE("Decoding goes on between any two symbols, given the block's header and the window") {
  const Bytes bytes = Varied(150'000, 7);
  std::mt19937_64 random(8);
  for (const auto& options : AllOptions()) {
    const Bytes stream = test::Deflate(bytes, options);
    for (int i = 0; i < 12; ++i) {
      // Decodes up to anywhere, remembering where the last block's header began.
      Bytes buffer(bytes.size() + 100'000 + Inflater::kSlack);
      const size_t wanted = 1 + random() % (bytes.size() - 1);
      Inflater inflater;
      inflater.Begin();
      Inflater::Place place{stream.data(), stream.data() + stream.size(), buffer.data(),
                            buffer.data() + wanted, buffer.data()};
      uint64_t block = 0;
      const auto bit = [&] {
        return static_cast<uint64_t>(place.in - stream.data()) * 8 - inflater.unread_bits();
      };
      for (Stop stop = Stop::kBlock; stop == Stop::kBlock;) {
        block = bit();
        stop = inflater.Run(place);
      }
      CAPTURE(options.level, options.strategy, wanted);
      const uint64_t at = bit();
      const auto done = static_cast<size_t>(place.out - buffer.data());

      Inflater second;
      second.Begin(static_cast<unsigned>(block % 8));
      Inflater::Place header{stream.data() + block / 8, stream.data() + stream.size()};
      REQUIRE(second.ReadHeader(header) == Stop::kOutput);
      const auto header_end = static_cast<uint64_t>(header.in - stream.data());
      REQUIRE(second.Continue(static_cast<unsigned>(at % 8),
                              second.in_stored_block() ? at / 8 - header_end : 0));
      Inflater::Place rest{stream.data() + at / 8, stream.data() + stream.size(), place.out,
                           buffer.data() + bytes.size() + 1, buffer.data()};
      Stop stop = Stop::kBlock;
      while (stop == Stop::kBlock) stop = second.Run(rest);
      REQUIRE(stop == Stop::kEnd);
      REQUIRE(rest.out == buffer.data() + bytes.size());
      REQUIRE(std::equal(bytes.begin() + static_cast<ptrdiff_t>(done), bytes.end(), place.out));
    }
  }
}

TEST_CASE("Of a window, what no match refers to is not needed") {
  const Bytes bytes = Varied(200'000, 9);
  const Bytes stream = test::Deflate(bytes);
  Bytes buffer(bytes.size() + Inflater::kSlack);
  Inflater inflater;
  inflater.Begin();
  Inflater::Place place{stream.data(), stream.data() + stream.size(), buffer.data(),
                        buffer.data() + 100'000, buffer.data()};
  Stop stop = Stop::kBlock;
  while (stop == Stop::kBlock) stop = inflater.Run(place);
  REQUIRE(stop == Stop::kOutput);
  std::byte* const begin = place.out;
  // Once with all of the window, watching; then with what was used alone, all else spoilt.
  Inflater again = inflater;
  const Bytes rest_of_stream(place.in, place.in_end);
  WindowUse use;
  use.Reset();
  const Inflater::Watch watch{begin, &use};
  place.out_end = begin + WindowUse::kWindowBytes;
  do stop = inflater.Run(place, &watch);
  while (stop == Stop::kBlock);
  REQUIRE(stop == Stop::kOutput);
  REQUIRE(use.any());
  const Bytes expected(begin, place.out);
  Bytes window(WindowUse::kWindowBytes);
  use.CopyUsed(std::span(begin - WindowUse::kWindowBytes, WindowUse::kWindowBytes), window);
  const auto zeros = std::count(window.begin(), window.end(), std::byte{0});
  CHECK(zeros > 1000);
  CHECK(zeros < static_cast<ptrdiff_t>(window.size()));

  std::copy(window.begin(), window.end(), begin - WindowUse::kWindowBytes);
  Inflater::Place once_more{rest_of_stream.data(), rest_of_stream.data() + rest_of_stream.size(),
                            begin, begin + WindowUse::kWindowBytes,
                            begin - WindowUse::kWindowBytes};
  do stop = again.Run(once_more);
  while (stop == Stop::kBlock);
  CHECK(Bytes(begin, once_more.out) == expected);
}

}  // namespace orcio
