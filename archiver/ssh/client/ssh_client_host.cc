#include "archiver/ssh/client/ssh_client_host.h"

#include <utility>

#include "archiver/ssh/client/ssh_client_command.h"
#include "archiver/ssh/client/ssh_client_master.h"
#include "archiver/ssh/way/ssh_command.h"

namespace orcio {
namespace {

class SshClientHost : public RemoteHost {
 public:
  SshClientHost(HostConfig config, const SshOptions& options)
      : config_(std::move(config)), options_(options) {}

  [[nodiscard]] const std::string& name() const override { return config_.name; }

  // An ssh that lives has heard from the host within the dead-link timeout.
  Result<void> Connect(const std::stop_token& stop) override {
    if (master_ != nullptr) {
      const auto alive = master_->OpenLine({stop});
      if (alive) return {};
      if (alive.error().kind == ErrorKind::kCancelled) return Failure(alive.error());
    }
    Disconnect();
    master_ = ORCIO_TRY(SshClientMaster::Open(config_, options_, stop));
    return {};
  }

  void Disconnect() override { master_.reset(); }

  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    return Execute(command, nullptr, options, stop);
  }

  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    return Execute(command, &sink, options, stop);
  }

 private:
  Result<CommandResult> Execute(const std::string& command, ByteSink* sink,
                                const RunOptions& options, const std::stop_token& stop) {
    if (master_ == nullptr)
      return Fail(ErrorKind::kNetwork, "host {}: there is no connection to it", config_.name);
    if (command.find('\0') != std::string::npos)
      return Fail(ErrorKind::kInvalid, "host {}: a command cannot hold NUL", config_.name);
    const bool sudo = options.as_root && config_.sudo;
    auto result = RunOverMaster(*master_, PortableShellLine(sudo ? "sudo -n -- " : "", command),
                                options, sink, stop);
    if (!result) Disconnect();
    return result;
  }

  const HostConfig config_;
  const SshOptions options_;
  std::unique_ptr<SshClientMaster> master_;
};

}  // namespace

std::unique_ptr<RemoteHost> MakeSshClientHost(const HostConfig& config, const SshOptions& options) {
  return std::make_unique<SshClientHost>(config, options);
}

}  // namespace orcio
