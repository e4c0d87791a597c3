#include "archiver/ssh/ssh_host.h"

#include <utility>

#include "archiver/host/framed_host.h"
#include "archiver/ssh/client/ssh_client_command.h"
#include "archiver/ssh/client/ssh_client_master.h"
#include "archiver/ssh/libssh/ssh_channel.h"
#include "archiver/ssh/libssh/ssh_session.h"
#include "archiver/ssh/way/ssh_command.h"

namespace orcio::inline archiver {
namespace {

// A host by a connection that is a Session, in which RunOn runs a line.
template <class Session, auto RunOn>
class SshHost : public RemoteHost {
 public:
  SshHost(HostConfig config, const SshOptions& options)
      : config_(std::move(config)), options_(options) {}

  [[nodiscard]] const std::string& name() const override { return config_.name; }

  Result<void> Connect(const std::stop_token& stop) override {
    if (session_ != nullptr) {
      auto alive = session_->Probe(stop);
      if (alive || alive.error().kind == ErrorKind::kCancelled) return alive;
    }
    Disconnect();
    session_ = ORCIO_TRY(Session::Open(config_, options_, stop));
    return {};
  }

  void Disconnect() override { session_.reset(); }

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
    if (session_ == nullptr)
      return Fail(ErrorKind::kNetwork, "host {}: there is no connection to it", config_.name);
    if (command.find('\0') != std::string::npos)
      return Fail(ErrorKind::kInvalid, "host {}: a command cannot hold NUL", config_.name);
    const bool sudo = options.as_root && config_.sudo;
    auto result = RunOn(*session_, PortableShellLine(sudo ? "sudo -n -- " : "", command), options,
                        sink, stop);
    // Its packets may be halfway through anything.
    if (!result) Disconnect();
    return result;
  }

  const HostConfig config_;
  const SshOptions options_;
  std::unique_ptr<Session> session_;
};

}  // namespace

std::unique_ptr<RemoteHost> MakeSshHost(const HostConfig& config, const SshOptions& options) {
  using ByLibssh = SshHost<SshSession, RunOnSession>;
  using ByClient = SshHost<SshClientMaster, RunOverMaster>;
  std::unique_ptr<RemoteHost> host;
  if (config.transport == Transport::kSsh) {
    host = std::make_unique<ByClient>(config, options);
  } else {
    host = std::make_unique<ByLibssh>(config, options);
  }
  return MakeFramedHost(std::move(host), config);
}

}  // namespace orcio::inline archiver
