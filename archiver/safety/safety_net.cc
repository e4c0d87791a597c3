#include "archiver/safety/safety_net.h"

#include "archiver/host/remote_text.h"
#include "base/random_token.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kAskTime{30};
// How long to wait for a guard that has fired: it knows as well as we do what to start. If all that
// is left are containers that are gone, it waits for somebody to make them, and nobody for it.
constexpr std::chrono::seconds kGuardTime{60};
constexpr std::chrono::milliseconds kGuardPoll{500};
// max_downtime is orcio's to keep; the guard keeps it if orcio does not.
constexpr std::chrono::seconds kDowntimeGrace{10};

// What did not come about, for people.
const char* Undone(const RunJournal& journal) {
  return journal.swap ? "nothing was restored" : "no archive was made";
}

bool WorthRetrying(const Error& error) {
  return error.kind == ErrorKind::kNetwork || error.kind == ErrorKind::kRefused ||
         error.kind == ErrorKind::kCancelled;
}

GuardPlan PlanGuard(const RunJournal& journal, const ServiceConfig& service,
                    const ServiceControl& control) {
  GuardPlan plan;
  plan.token = journal.guard;
  plan.service = service.name;
  plan.silence = *service.guard;
  if (service.max_downtime) plan.longest = *service.max_downtime + kDowntimeGrace;
  plan.start = control.StartScript();
  return plan;
}

Result<void> Arm(const RunJournal& journal, const ServiceConfig& service,
                 const ServiceControl& control, RemoteHost& host, const std::stop_token& stop) {
  auto connected = host.Connect(stop);
  if (!connected) {
    connected.error().message +=
        "; this was the second connection, by which the guard there hears of orcio (guard: in "
        "orcio.yaml(5)); " +
        service.name + " was not stopped";
    return connected;
  }
  return ArmGuard(host, PlanGuard(journal, service, control), stop);
}

}  // namespace

Result<std::unique_ptr<SafetyNet>> SafetyNet::Spread(Place place, RunJournal journal,
                                                     const ServiceConfig& service,
                                                     const ServiceControl& control,
                                                     std::unique_ptr<RemoteHost> pulse_host,
                                                     const std::stop_token& stop) {
  if (service.guard) journal.guard = RandomToken();
  auto net = std::make_unique<SafetyNet>(place, std::move(journal));
  ORCIO_TRY(WriteJournal(place.files, place.repository, net->journal_));
  if (!service.guard) return net;
  auto armed = Arm(net->journal_, service, control, *pulse_host, stop);
  if (!armed) {
    // It may be armed though we do not know: then it finds the service running.
    net->Concluded();
    return Failure(std::move(armed).error());
  }
  net->pulse_host_ = std::move(pulse_host);
  net->pulse_ =
      std::make_unique<GuardPulse>(*net->pulse_host_, net->journal_.guard, *service.guard);
  return net;
}

std::unique_ptr<RemoteHost> SafetyNet::Guarded(RemoteHost& host) const {
  return std::make_unique<GuardedHost>(host, journal_.guard);
}

std::stop_token SafetyNet::lost() const {
  return pulse_ ? pulse_->lost() : std::stop_token();
}

void SafetyNet::Note(const GuardState& state, const std::string& host) {
  if (voided_ || state.mark == GuardState::Mark::kArmed) return;
  const std::string& service = journal_.service.name;
  voided_ = Error{ErrorKind::kRemote, 0,
                  state.mark == GuardState::Mark::kFired
                      ? fmt::format("{}: {}, for the guard on {} started {} by itself ({})",
                                    service, Undone(journal_), host, service, state.detail)
                      : fmt::format("{}: {}, for the guard on {} has vanished: that host was "
                                    "started anew, or orcio was silent before it stopped anything",
                                    service, Undone(journal_), host)};
}

Result<void> SafetyNet::Ended(RemoteHost& host, const std::stop_token& stop) {
  if (journal_.guard.empty()) return {};
  const auto state = ORCIO_TRY(AskGuard(host, EndedCommand(journal_.guard), kAskTime, stop));
  Note(state, host.name());
  if (voided_) return Failure(*voided_);
  ended_ = true;
  return {};
}

Result<void> SafetyNet::TakeEnd(const std::optional<GuardState>& state, const RemoteHost& host,
                                const CommandResult& result) {
  if (!state) return RemoteFailure(host, "asking for the guard", result);
  Note(*state, host.name());
  if (voided_) return Failure(*voided_);
  ended_ = true;
  return {};
}

class SafetyNet::EndingHost : public RemoteHost {
 public:
  EndingHost(SafetyNet& net, RemoteHost& host) : net_(net), host_(host) {}

  [[nodiscard]] const std::string& name() const override { return host_.name(); }
  [[nodiscard]] Result<void> Connect(const std::stop_token& stop) override {
    return host_.Connect(stop);
  }
  void Disconnect() override { host_.Disconnect(); }
  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override {
    if (net_.ended_) return host_.Run(command, options, stop);
    const std::string& token = net_.journal_.guard;
    auto result = ORCIO_TRY(host_.Run(EndedThenCommand(token, command), options, stop));
    const auto state = TakeGuardState(result.out);
    ORCIO_TRY(net_.TakeEnd(state, host_, result));
    return result;
  }
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override {
    return host_.Stream(command, sink, options, stop);
  }

 private:
  SafetyNet& net_;
  RemoteHost& host_;
};

std::unique_ptr<RemoteHost> SafetyNet::Ending(RemoteHost& host) {
  if (journal_.guard.empty()) ended_ = true;
  return std::make_unique<EndingHost>(*this, host);
}

Result<void> SafetyNet::Settle(RemoteHost& host, ServiceControl& control,
                               const std::stop_token& stop) {
  if (journal_.guard.empty() || ended_) return {};
  const auto deadline = Clock::now() + kGuardTime;
  for (;;) {
    const auto state = AskGuard(host, TakeCommand(journal_.guard), kAskTime, stop);
    if (!state && WorthRetrying(state.error())) return Failure(state.error());
    if (!state) return {};  // the service starts all the same
    Note(*state, host.name());
    if (state->mark == GuardState::Mark::kArmed && state->phase == GuardState::Phase::kStopping)
      control.StopMayGoOn();
    if (!state->at_work() || Clock::now() >= deadline) return {};
    if (!Pause(kGuardPoll, stop))
      return Fail(ErrorKind::kCancelled, "{}: interrupted", host.name());
  }
}

Result<void> SafetyNet::Disarm(RemoteHost& host, const std::stop_token& stop) {
  if (journal_.guard.empty()) return {};
  // What the pulse hears from here on may be of the disarming itself.
  auto lost = Voided();
  const auto state = AskGuard(host, DisarmCommand(journal_.guard), kAskTime, stop);
  if (!state && WorthRetrying(state.error())) return Failure(state.error());
  if (state) {
    Note(*state, host.name());
  } else if (!voided_) {
    voided_ = Error{ErrorKind::kRemote, 0,
                    fmt::format("{}: {}, for it cannot be known whether the guard "
                                "has fired: {}",
                                journal_.service.name, Undone(journal_), state.error().message)};
  }
  if (!voided_) voided_ = std::move(lost);
  pulse_.reset();
  if (pulse_host_) pulse_host_->Disconnect();
  // If that fails, the guard does it before long, or a reboot.
  if (state) (void)AskGuard(host, RemoveCommand(journal_.guard), kAskTime, stop);
  return {};
}

void SafetyNet::TakeIn() {
  if (!journal_.swap) Concluded();
}

void SafetyNet::Concluded() {
  auto removed = RemoveJournal(place_.files, place_.repository, journal_.service.name);
  if (!removed) left_ = std::move(removed).error();
}

std::optional<Error> SafetyNet::Voided() const {
  if (voided_) return voided_;
  if (!pulse_ || !pulse_->lost().stop_requested()) return std::nullopt;
  return Error{
      ErrorKind::kRemote, 0,
      fmt::format("{}: {}, for the guard on {} must be taken to have "
                  "started it: {}",
                  journal_.service.name, Undone(journal_), journal_.service.host, pulse_->why())};
}

}  // namespace orcio::inline archiver
