// Writes archives as orcio makes them, whole and damaged, for member_fuzz to begin with:
// member_seeds DIRECTORY

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/bytes.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/scratch_directory.h"

namespace {

using Bytes = std::vector<std::byte>;

void Write(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary) << orcio::AsText(bytes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path directory(argv[1]);
  std::filesystem::create_directories(directory);
  const orcio::test::ScratchDirectory scratch;
  const auto made =
      orcio::test::MakeArchive(scratch / "wiki-2026-11-23T020000Z.tar.gz",
                               orcio::test::MakeTar(20'000), {.member_bytes = 32 * 1024});
  Bytes whole(std::filesystem::file_size(made.path));
  std::ifstream(made.path, std::ios::binary)
      .read(reinterpret_cast<char*>(whole.data()), static_cast<std::streamsize>(whole.size()));
  Write(directory / "whole", whole);
  for (size_t i = 0; i < made.spans.size(); ++i) {
    const auto begin = whole.begin() + static_cast<ptrdiff_t>(made.spans[i].archive_offset);
    const std::string number = std::to_string(i);
    Bytes header = whole;
    header[made.spans[i].archive_offset] = std::byte{0};
    Write(directory / ("header" + number), header);
    Write(directory / ("cut" + number), Bytes(whole.begin(), begin + 100));
    Bytes without(whole.begin(), begin);
    without.insert(without.end(), begin + made.spans[i].archive_bytes, whole.end());
    Write(directory / ("without" + number), without);
  }
  return 0;
}
