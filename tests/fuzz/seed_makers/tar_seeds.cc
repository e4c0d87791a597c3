// Writes tars for tar_fuzz to begin with: tar_seeds DIRECTORY

#include <filesystem>
#include <fstream>

#include "tests/support/archives/tar_fixtures.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path directory(argv[1]);
  std::filesystem::create_directories(directory);
  for (const auto& fixture : orcio::test::TarFixtures())
    std::ofstream(directory / fixture.name, std::ios::binary) << fixture.tar;
  return 0;
}
