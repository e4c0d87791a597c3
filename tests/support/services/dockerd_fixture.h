#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// A dockerd of the test's own on a unix socket, without any network, with one image, "busybox".
// Needs root; skips the test program (needs.h) if dockerd cannot run. Ends with its containers
// and its mounts.
class DockerdFixture {
 public:
  // What of compose is to be found besides docker itself.
  enum class Compose {
    kNone,
    kProgram,  // docker-compose 1, the real one
    kPlugin,   // `docker compose`: version 2 by its options, docker-compose 1 behind them
  };

  DockerdFixture();
  ~DockerdFixture();
  DockerdFixture(const DockerdFixture&) = delete;
  DockerdFixture& operator=(const DockerdFixture&) = delete;

  // An environment whose PATH has a docker that talks to this dockerd, and compose as told. Not in
  // any shell's start-up files: for LocalHost, and for sshd's SetEnv.
  [[nodiscard]] std::map<std::string, std::string> Environment(Compose compose) const;

  // Writes /`directory`/docker-compose.yml and brings the project up.
  void Up(const std::string& project, const std::filesystem::path& directory,
          const std::string& yaml) const;
  // Runs docker with these words; throws if it fails. Returns its output without the last
  // newline.
  std::string Docker(const std::vector<std::string>& words) const;

  // As `systemctl restart docker` does: containers with a restart policy come up again, but for
  // those that were stopped by hand, unless that is `always`.
  void Restart();

  [[nodiscard]] const ScratchDirectory& scratch() const { return scratch_; }

 private:
  void Launch();
  void ImportImage() const;
  void MakePrograms() const;
  [[nodiscard]] bool Answers() const;

  ScratchDirectory scratch_;
  std::unique_ptr<BackgroundCommand> dockerd_;
};

}  // namespace orcio::test
