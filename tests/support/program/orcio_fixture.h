#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// The program as an administrator has it: a configuration with one host, a real sshd, and an empty
// repository.
class OrcioFixture {
 public:
  // `program` is the orcio to run; `sshd_config` as SshdFixture has it.
  explicit OrcioFixture(std::string program, const std::string& sshd_config = {});

  // Writes the configuration: the host `workshop`, and `services`, YAML lines as they stand below
  // `services:`. `host_lines` are added to the host's keys.
  void Configure(const std::string& services, const std::string& host_lines = {}) const;

  // orcio -c CONFIG WORDS...
  [[nodiscard]] Ended Run(const std::vector<std::string>& words) const;

  [[nodiscard]] std::filesystem::path config() const { return scratch_ / "config.yaml"; }
  [[nodiscard]] std::filesystem::path repository() const { return scratch_ / "repository"; }
  [[nodiscard]] const ScratchDirectory& scratch() const { return scratch_; }
  [[nodiscard]] const std::string& program() const { return program_; }
  [[nodiscard]] SshdFixture& sshd() { return sshd_; }
  // Names in the repository but the lock's, sorted.
  [[nodiscard]] std::vector<std::string> RepositoryNames() const;
  // The one archive there is; throws if there is none or more.
  [[nodiscard]] std::filesystem::path OnlyArchive() const;

 private:
  std::string program_;
  ScratchDirectory scratch_;
  SshdFixture sshd_;
};

}  // namespace orcio::test
