// Writes gzip files of all kinds for gzip_fuzz to begin with: gzip_seeds DIRECTORY

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/bytes.h"
#include "tests/support/archives/gzip_maker.h"

namespace {

using namespace orcio;
using Bytes = std::vector<std::byte>;

void Write(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary) << AsText(bytes);
}

// Repetitions near and far, between bytes that do not compress.
Bytes Sample(size_t size) {
  std::mt19937_64 random(size);
  Bytes bytes(64, std::byte{'o'});
  while (bytes.size() < size) {
    const size_t distance = 1 + random() % bytes.size();
    for (size_t count = random() % 200; count > 0; --count)
      bytes.push_back(bytes[bytes.size() - distance]);
    bytes.push_back(static_cast<std::byte>(random()));
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path directory(argv[1]);
  std::filesystem::create_directories(directory);
  const Bytes sample = Sample(20'000);
  for (const int level : {0, 1, 9})
    Write(directory / fmt::format("level{}", level), test::Gzip(sample, {.level = level}));
  for (const int strategy : {1, 2, 3, 4})
    Write(directory / fmt::format("strategy{}", strategy),
          test::Gzip(sample, {.strategy = strategy}));
  Write(directory / "flushed", test::Gzip(sample, {.flush_every = 3000}));
  Write(directory / "bgzip", test::Bgzip(sample));
  Write(directory / "header",
        test::Gzip(Sample(100), {.name = "n", .comment = "c", .extra = "xx", .header_crc = true}));
  Write(directory / "many", test::Joined({test::Gzip(Sample(100)), test::Gzip({}),
                                          test::Gzip(Sample(300)), Bytes(10)}));
  Write(directory / "stream", test::Deflate(Sample(2000)));
  return 0;
}
