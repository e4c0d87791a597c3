#pragma once

#include <map>
#include <string>

#include "archiver/host/remote_host.h"

namespace orcio::test {

// A "remote" host that is this machine: commands run through `sh -c`, without SSH and without sudo,
// each in a process group of its own that is killed as a whole on time-out and cancellation.
class LocalHost : public RemoteHost {
 public:
  // `environment` comes on top of the test's own, e.g. another PATH.
  explicit LocalHost(std::string name = "localhost",
                     std::map<std::string, std::string> environment = {})
      : name_(std::move(name)), environment_(std::move(environment)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Result<void> Connect(const std::stop_token& stop) override;
  void Disconnect() override {}
  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override;
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override;

  // The commands run so far.
  [[nodiscard]] const std::vector<std::string>& commands() const { return commands_; }

 private:
  std::string name_;
  std::map<std::string, std::string> environment_;
  std::vector<std::string> commands_;
};

}  // namespace orcio::test
