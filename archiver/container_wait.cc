#include "archiver/container_wait.h"

#include <optional>

#include "archiver/remote_text.h"
#include "archiver/shell_quote.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStarts = 3;
constexpr const char* kLogLines = "5";

// One container's way up.
class Ascent {
 public:
  Ascent(DockerContainer before, std::chrono::milliseconds stable)
      : before_(std::move(before)), stable_(stable) {}

  [[nodiscard]] const DockerContainer& before() const { return before_; }

  bool Confirmed(const DockerContainer& now) {
    if (before_.status == "restarting" && now.running()) return true;
    if (now.status != "running") {
      since_.reset();
      return false;
    }
    if (!now.health.empty() && before_.health != "unhealthy") return now.health == "healthy";
    if (!since_ || started_at_ != now.started_at || restarts_ != now.restarts) {
      since_ = Clock::now();
      started_at_ = now.started_at;
      restarts_ = now.restarts;
    }
    return Clock::now() - *since_ >= stable_;
  }

  // Whether it makes sense to start it once more.
  bool TakeAttempt() { return ++starts_ < kStarts; }

 private:
  DockerContainer before_;
  std::chrono::milliseconds stable_;
  std::optional<Clock::time_point> since_;
  std::string started_at_;
  int64_t restarts_ = 0;
  int starts_ = 0;
};

// Why `now` does not count as up, and what it printed last.
Error Describe(RemoteHost& host, const DockerContainer& now, const std::stop_token& stop) {
  std::string state = now.status;
  if (!now.error.empty() && !now.running()) {
    state = fmt::format("docker cannot start it: {}", Excerpt(now.error, 1));
  } else if (now.status == "exited" || now.status == "dead") {
    state = fmt::format("it exited with {} after its start", now.exit_code);
  } else if (now.status == "running" && !now.health.empty()) {
    state = fmt::format("it runs, but its health check says {}", now.health);
  } else if (now.status == "restarting") {
    state = fmt::format("it keeps restarting, last exit code {}", now.exit_code);
  }
  std::string said = "unknown";
  const auto logs =
      host.Run(ShellCommand({"docker", "logs", "--tail", kLogLines, now.id}) + " 2>&1", {}, stop);
  if (logs) said = Excerpt(logs->out, 5);
  return Error{ErrorKind::kNotRunning, 0,
               fmt::format("{}: container {} is not confirmed running again: {}; its last output: "
                           "{}; look at `docker logs {}` there and start it by hand",
                           host.name(), now.name, state, said, now.name)};
}

Failure Gone(const RemoteHost& host, const DockerContainer& before) {
  return Fail(ErrorKind::kNotRunning,
              "{}: container {} of service {} was running and is gone: run `docker compose up -d` "
              "in {} there",
              host.name(), before.name, before.service,
              before.working_directory.empty() ? "the project's directory"
                                               : Excerpt(before.working_directory, 1));
}

}  // namespace

Result<void> WaitUntilUp(RemoteHost& host, const std::vector<DockerContainer>& containers,
                         Clock::time_point deadline, const StartTiming& patience,
                         const std::stop_token& stop) {
  std::vector<Ascent> pending;
  for (const auto& container : containers) pending.emplace_back(container, patience.stable);
  for (;;) {
    std::vector<std::string> ids;
    for (const auto& ascent : pending) ids.push_back(ascent.before().id);
    const auto present = ORCIO_TRY(InspectContainers(host, ids, stop));
    std::vector<Ascent> left;
    auto pause = patience.poll;
    for (auto& ascent : pending) {
      const auto* now = FindContainer(present, ascent.before().id);
      if (now == nullptr) return Gone(host, ascent.before());
      if (ascent.Confirmed(*now)) continue;
      const bool down = !now->running();
      if (Clock::now() >= deadline || (down && !ascent.TakeAttempt())) {
        return Failure(Describe(host, *now, stop));
      }
      if (down) {
        // Its failure shows in the state that the next round finds.
        (void)ORCIO_TRY(host.Run(ShellCommand({"docker", "start", now->id}), {}, stop));
        pause = patience.restart;
      }
      left.push_back(std::move(ascent));
    }
    if (left.empty()) return {};
    pending = std::move(left);
    if (!Pause(pause, stop)) {
      return Fail(ErrorKind::kCancelled, "{}: interrupted while containers start", host.name());
    }
  }
}

}  // namespace orcio
