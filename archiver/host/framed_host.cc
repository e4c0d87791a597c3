#include "archiver/host/framed_host.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "archiver/host/command_frame.h"
#include "archiver/host/remote_text.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMostNoise = size_t{64} << 10;

Failure TooNoisy(const std::string& host, std::string_view noise) {
  return Fail(ErrorKind::kRemote,
              "{}: more than {} KiB are printed there before a command begins, at last {}: look at "
              "the start-up files of the login shell, and at ForceCommand in sshd_config",
              host, kMostNoise / 1024, Excerpt(noise, 2));  // the last line may be cut off
}

// Hands on what a command itself prints.
class FrameSink : public ByteSink {
 public:
  FrameSink(ByteSink& sink, const std::string& host) : sink_(sink), host_(host) {}

  [[nodiscard]] const FrameFilter& filter() const { return filter_; }

  Result<std::span<std::byte>> Buffer() override {
    if (filter_.begun()) return sink_.Buffer();
    return std::span<std::byte>(first_);
  }
  Result<void> Commit(size_t bytes) override {
    if (filter_.begun()) return sink_.Commit(bytes);
    ORCIO_TRY(Pass(filter_.Take({reinterpret_cast<const char*>(first_.data()), bytes})));
    if (filter_.noise().size() > kMostNoise) return TooNoisy(host_, filter_.noise());
    return {};
  }

 private:
  Result<void> Pass(std::string_view own) {
    while (!own.empty()) {
      const auto room = ORCIO_TRY(sink_.Buffer());
      const size_t count = std::min(room.size(), own.size());
      std::memcpy(room.data(), own.data(), count);
      ORCIO_TRY(sink_.Commit(count));
      own.remove_prefix(count);
    }
    return {};
  }

  ByteSink& sink_;
  const std::string& host_;
  FrameFilter filter_;
  std::array<std::byte, 4096> first_{};
};

void Shorten(std::string& text, bool& truncated, size_t most) {
  if (text.size() <= most) return;
  text.resize(most);
  truncated = true;
}

class FramedHost : public RemoteHost {
 public:
  FramedHost(std::unique_ptr<RemoteHost> host, const HostConfig& config)
      : host_(std::move(host)), prologue_(CommandPrologue(config)) {}

  [[nodiscard]] const std::string& name() const override { return host_->name(); }
  Result<void> Connect(const std::stop_token& stop) override { return host_->Connect(stop); }
  void Disconnect() override { host_->Disconnect(); }

  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    RunOptions with_noise = options;
    with_noise.max_output += kMostNoise;
    auto result = ORCIO_TRY(host_->Run(prologue_ + command, with_noise, stop));
    FrameFilter out;
    std::string own(out.Take(result.out));
    if (out.begun()) result.out = std::move(own);
    ORCIO_TRY(Judge(result, out));
    Shorten(result.out, result.out_truncated, options.max_output);
    Shorten(result.err, result.err_truncated, options.max_output);
    return result;
  }

  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    RunOptions with_noise = options;
    with_noise.max_output += kMostNoise;
    FrameSink framed(sink, name());
    auto result = ORCIO_TRY(host_->Stream(prologue_ + command, framed, with_noise, stop));
    if (!framed.filter().begun()) result.out = framed.filter().noise();
    ORCIO_TRY(Judge(result, framed.filter()));
    Shorten(result.err, result.err_truncated, options.max_output);
    return result;
  }

 private:
  // Takes what came before the command off its errors, and says whether there was a command at all.
  Result<void> Judge(CommandResult& result, const FrameFilter& out) const {
    result.begun = out.begun();
    FrameFilter err;
    std::string own(err.Take(result.err));
    if (err.begun()) result.err = std::move(own);
    if (out.noise().size() > kMostNoise) return TooNoisy(name(), out.noise());
    if (out.begun() || result.exit_status != 0) return {};
    return Fail(ErrorKind::kRemote,
                "{}: a command that was sent there never ran, but something else in its place, "
                "which says: {}: look at ForceCommand in sshd_config, at command= in "
                "authorized_keys, and for an `exit` or `exec` in the start-up files of the login "
                "shell (~/.bashrc)",
                name(), Excerpt(result.err.empty() ? result.out : result.err));
  }

  const std::unique_ptr<RemoteHost> host_;
  const std::string prologue_;
};

}  // namespace

std::unique_ptr<RemoteHost> MakeFramedHost(std::unique_ptr<RemoteHost> host,
                                           const HostConfig& config) {
  return std::make_unique<FramedHost>(std::move(host), config);
}

}  // namespace orcio::inline archiver
