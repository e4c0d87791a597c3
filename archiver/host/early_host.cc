#include "archiver/host/early_host.h"

#include <functional>
#include <future>
#include <utility>

namespace orcio::inline archiver {
namespace {

class EarlyHost : public RemoteHost {
 public:
  EarlyHost(std::unique_ptr<RemoteHost> host, const std::stop_token& stop)
      : host_(std::move(host)),
        forward_(stop, [this] { over_.request_stop(); }),
        begun_(
            std::async(std::launch::async, [this] { return host_->Connect(over_.get_token()); })) {}
  ~EarlyHost() override { over_.request_stop(); }  // `begun_` waits
  EarlyHost(const EarlyHost&) = delete;
  EarlyHost& operator=(const EarlyHost&) = delete;

  [[nodiscard]] const std::string& name() const override { return host_->name(); }

  [[nodiscard]] Result<void> Connect(const std::stop_token& stop) override {
    if (begun_.valid()) ORCIO_TRY(begun_.get());
    return host_->Connect(stop);
  }
  void Disconnect() override { host_->Disconnect(); }
  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override {
    return host_->Run(command, options, stop);
  }
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override {
    return host_->Stream(command, sink, options, stop);
  }

 private:
  const std::unique_ptr<RemoteHost> host_;  // the thread's alone until `begun_` was got
  std::stop_source over_;
  std::stop_callback<std::function<void()>> forward_;
  std::future<Result<void>> begun_;  // goes first
};

}  // namespace

std::unique_ptr<RemoteHost> MakeEarlyHost(std::unique_ptr<RemoteHost> host,
                                          const std::stop_token& stop) {
  return std::make_unique<EarlyHost>(std::move(host), stop);
}

}  // namespace orcio::inline archiver
