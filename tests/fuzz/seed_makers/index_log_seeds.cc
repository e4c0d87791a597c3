// Writes logs of interrupted indexing for index_log_fuzz to begin with: index_log_seeds DIRECTORY

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "tests/support/archives/interrupted_log.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path directory(argv[1]);
  std::filesystem::create_directories(directory);
  for (const bool is_gzip : {true, false}) {
    for (const size_t spans : {size_t{1}, size_t{2}}) {
      orcio::test::InterruptedLog log(is_gzip);
      const auto bytes = log.Make(spans);
      if (bytes.empty()) return 1;
      std::ofstream(directory / fmt::format("{}{}", is_gzip ? "gzip" : "tar", spans),
                    std::ios::binary)
          << orcio::AsText(bytes);
    }
  }
  return 0;
}
