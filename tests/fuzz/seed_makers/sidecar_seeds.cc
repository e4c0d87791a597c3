// Writes sidecars for sidecar_fuzz to begin with: sidecar_seeds DIRECTORY

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/archives/sidecar_bytes.h"

namespace {

using namespace orcio;

void WriteSeed(const std::filesystem::path& path, const std::vector<TarEntry>& entries) {
  auto bytes = test::BuildSidecar(entries);
  // From seeds that are none, the target would never get past the first checks.
  if (const auto opened = test::OpenSidecar(bytes); !opened) {
    fmt::print(stderr, "{}: {}\n", path.string(), opened.error().message);
    std::exit(1);
  }
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::filesystem::path directory(argv[1]);
  std::filesystem::create_directories(directory);
  WriteSeed(directory / "empty", {});
  WriteSeed(directory / "varied", test::VariedEntries());
  test::EntryMaker make;
  std::vector<TarEntry> many;
  for (int i = 0; i < 100; ++i) many.push_back(make.File(fmt::format("d{}/e/f{}", i % 7, i)));
  WriteSeed(directory / "many", many);
  return 0;
}
