#include "archiver/safety/stopped_service.h"

#include <algorithm>

#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongestPause{30};
constexpr int kMostRefusals = 10;

}  // namespace

StoppedService::~StoppedService() {
  if (!started_) (void)Start();
}

// The connection that has just brought the last byte needs no look at whether it is alive; one
// command says that all was read and starts the service.
Result<void> StoppedService::BringUp(const std::stop_token& stop) {
  if (net_.TakeEndsWithStart()) {
    auto up = control_.Start(*net_.Ending(host_), stop);
    // Else the guard has fired, or does not answer.
    if (up || net_.ended() || up.error().kind == ErrorKind::kNetwork) return up;
  }
  ORCIO_TRY(host_.Connect(stop));
  ORCIO_TRY(net_.Settle(host_, control_, stop));
  return control_.Start(host_, stop);
}

Result<void> StoppedService::Try(const std::stop_token& stop) {
  auto up = BringUp(stop);
  if (!up && up.error().kind != ErrorKind::kNotRunning) return up;
  if (!known_) known_ = Clock::now();
  // One that does not come up is a person's business: the guard would only go on trying.
  auto disarmed = net_.Disarm(host_, stop);
  return up ? disarmed : up;
}

Result<void> StoppedService::Start(const std::stop_token& stop) {
  started_ = true;
  const auto deadline = Clock::now() + retry_.limit;
  auto pause = retry_.pause;
  for (int refusals = 0;;) {
    auto up = Try(stop);
    if (up) {
      net_.TakeIn();
      return up;
    }
    const ErrorKind kind = up.error().kind;
    // kRemote: docker's own daemon, say, comes up later than sshd does.
    const bool refused = kind == ErrorKind::kRefused || kind == ErrorKind::kRemote;
    if (!refused && kind != ErrorKind::kNetwork) return up;
    refusals = refused ? refusals + 1 : 0;
    if (refusals >= kMostRefusals || Clock::now() + pause > deadline) return up;
    if (!Pause(pause, stop)) return up;
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace orcio::inline archiver
