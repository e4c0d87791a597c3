#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "archiver/host/remote_host.h"
#include "tests/support/command.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// A real systemd, first process of namespaces of its own: it sees this machine's files, but has its
// own /run, and no units of this machine's but those that come with Debian's packages. Ended, with
// all that it started, when this goes out of scope. Needs root, and ends the program with 77 (fails
// if CI=true) if it cannot be had.
class SystemdFixture {
 public:
  SystemdFixture();
  ~SystemdFixture();
  SystemdFixture(const SystemdFixture&) = delete;
  SystemdFixture& operator=(const SystemdFixture&) = delete;

  // A host whose commands run there. Outlived by this.
  [[nodiscard]] std::unique_ptr<RemoteHost> Host(const std::string& name = "atena") const;
  // Runs a line of sh there; throws, with what it printed, if it fails. Returns its output.
  std::string Must(const std::string& line) const;
  // The same, and whether it exited with 0.
  [[nodiscard]] bool Succeeds(const std::string& line) const;
  // Its root directory, as seen from here: what is written there stays there.
  [[nodiscard]] std::filesystem::path root() const { return "/proc/" + pid_ + "/root"; }
  // Adds a unit file, and has systemd read it.
  void AddUnit(const std::string& name, const std::string& text) const;

 private:
  [[nodiscard]] std::string Inside(const std::string& line) const;
  // Ended first, with all that it started.
  void End();

  ScratchDirectory scratch_;
  std::unique_ptr<BackgroundCommand> unshare_;
  std::string pid_;  // systemd's, as seen from here
};

}  // namespace orcio::test
