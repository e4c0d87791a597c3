#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/archives/look_repository.h"
#include "tests/support/program/golden.h"

namespace orcio::test {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// The archives of LookRepository, and of `cut` one that breaks off in the middle of a file.
class Looks {
 public:
  Looks() : transcript([this](Words words) { return Run(std::move(words)); }) {
    Configure(
        "  wiki: {host: workshop, control: none, keep: {last: 1, weekly: 2}}\n"
        "  db: {host: workshop, control: none}\n");
    TarText cut;
    cut.Directory("srv/").File("srv/first", "x").File("srv/second", std::string(100'000, 'x'));
    repository.WriteCut("cut-2025-11-30T020000Z.tar.gz", cut, 20'000);
    transcript.Show((repository / "").string(), "/SCRATCH/");
    transcript.Show(std::string(200, 'd'), "d*200");
    transcript.ShowFitting("f{20,}", "f*");
  }
  // `services` as they stand below `services:`.
  void Configure(const std::string& services) const {
    std::ofstream(config()) << "repository: " << repository.directory().string()
                            << "\nhosts: {workshop: {address: localhost}}\nservices:\n"
                            << services;
  }
  [[nodiscard]] fs::path config() const { return repository / "config.yaml"; }
  [[nodiscard]] fs::path Archive(const std::string& name) const {
    return repository.directory() / name;
  }
  [[nodiscard]] Ended Run(Words words) const {
    words.insert(words.begin(), {"-c", config().string()});
    return repository.Run(words);
  }
  // How much deflate makes of an archive is its version's business.
  void HidePacked() {
    transcript.HideDigits("\\b[0-9]{3} B\\b|free [0-9.]+ KiB");
    transcript.HideDigits("\"(freed_)?bytes(_before)?\":[0-9]{3,}");
    transcript.ShowFitting("(\"sha256\":\"|SHA-256 )[0-9a-f]{64}", "$1DIGEST");
  }
  void HideSeconds() { transcript.ShowFitting("\"seconds\":[0-9.e-]+", "\"seconds\":SECONDS"); }
  // Moments of this run.
  void HideToday() { transcript.HideDigits("[0-9-]{10} (full|quick)"); }

  LookRepository repository;
  Transcript transcript;
};

}  // namespace orcio::test
