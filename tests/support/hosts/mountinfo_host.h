#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/hosts/local_host.h"

namespace orcio::test {

// This machine, with the mounts that a test says it has.
class MountinfoHost : public LocalHost {
 public:
  explicit MountinfoHost(std::filesystem::path mountinfo) : mountinfo_(std::move(mountinfo)) {
    SetMounts({});
  }

  // Each as mountinfo has it from the root on, "/ /srv/wiki rw - ext4 /dev/sdb1 rw", or from the
  // device on, "8:2 / /srv/wiki rw ...".
  void SetMounts(const std::vector<std::string>& lines) const {
    std::ofstream out(mountinfo_);
    out << "24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
    for (const auto& line : lines)
      out << "36 24 " << (line.starts_with('/') ? "98:0 " : "") << line << '\n';
  }

  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override {
    return LocalHost::Run(Told(command), options, stop);
  }
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override {
    return LocalHost::Stream(Told(command), sink, options, stop);
  }

 private:
  [[nodiscard]] std::string Told(std::string command) const {
    const std::string real = "/proc/self/mountinfo";
    for (size_t at = command.find(real); at != std::string::npos; at = command.find(real, at)) {
      command.replace(at, real.size(), mountinfo_.string());
      at += mountinfo_.string().size();
    }
    return command;
  }

  const std::filesystem::path mountinfo_;
};

}  // namespace orcio::test
