#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "archiver/host/remote_host.h"
#include "archiver/safety/guard_script.h"
#include "base/error.h"
#include "base/threads/mutex.h"

namespace orcio::inline archiver {

// What a host says of its guard.
struct GuardState {
  enum class Mark {
    kArmed,
    kFired,
    kGone,  // no trace of it: the host was started anew, or it was disarmed before
  };
  enum class Phase { kBefore, kStopping, kStopped };
  Mark mark = Mark::kGone;
  Phase phase = Phase::kBefore;
  std::string detail;  // kFired: what it is at, and why
  // Whether a guard that fired still starts something: it is not done, and what it could start runs
  // without those containers that are gone.
  [[nodiscard]] bool at_work() const { return mark == Mark::kFired && !done() && !lacking(); }

 private:
  [[nodiscard]] bool done() const {
    return detail.starts_with("confirmed") || detail.starts_with("failed");
  }
  [[nodiscard]] bool lacking() const { return detail.starts_with("lacking"); }
};

// Starts a guard. kRemote, saying what to do, if the host cannot have one.
[[nodiscard]] Result<void> ArmGuard(RemoteHost& host, const GuardPlan& plan,
                                    const std::stop_token& stop);

// Runs one of guard_script.h's commands that tell the guard's state.
[[nodiscard]] Result<GuardState> AskGuard(RemoteHost& host, const std::string& command,
                                          std::chrono::seconds timeout,
                                          const std::stop_token& stop);

// The state that a command told before it did something else, taken off what it printed; nothing
// if there is none.
[[nodiscard]] std::optional<GuardState> TakeGuardState(std::string& out);

// Keeps a guard quiet, through a connection of its own: what the other one is at, and how long its
// answers take, does not matter. Once the guard must be taken to have fired, the run is lost.
class GuardPulse {
 public:
  // `host` is used by this object's thread alone as long as it lives. It is connected.
  GuardPulse(RemoteHost& host, std::string token, std::chrono::seconds silence);
  ~GuardPulse();
  GuardPulse(const GuardPulse&) = delete;
  GuardPulse& operator=(const GuardPulse&) = delete;

  // Requested to stop once the run is lost.
  [[nodiscard]] std::stop_token lost() const { return lost_.get_token(); }
  // Why; empty as long as it is not.
  [[nodiscard]] std::string why() const;

 private:
  void Beat(const std::stop_token& over);
  [[nodiscard]] Result<GuardState> Ask(bool connected, std::chrono::seconds timeout,
                                       const std::stop_token& over);
  void Lose(std::string why);

  RemoteHost& host_;
  const std::string token_;
  const std::chrono::seconds silence_;
  std::stop_source lost_;
  mutable Mutex mutex_;
  std::string why_ GUARDED_BY(mutex_);
  std::jthread thread_;
};

// A host whose commands are refused there once the guard has fired, and ended when it fires; with
// an empty token, the host as it is. kRemote if they were refused.
class GuardedHost : public RemoteHost {
 public:
  GuardedHost(RemoteHost& host, std::string token) : host_(host), token_(std::move(token)) {}

  [[nodiscard]] const std::string& name() const override { return host_.name(); }
  [[nodiscard]] Result<void> Connect(const std::stop_token& stop) override {
    return host_.Connect(stop);
  }
  void Disconnect() override { host_.Disconnect(); }
  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override;
  // Takes the service to have stopped.
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override;

 private:
  [[nodiscard]] Result<CommandResult> Judge(CommandResult result) const;

  RemoteHost& host_;
  const std::string token_;
};

}  // namespace orcio::inline archiver
