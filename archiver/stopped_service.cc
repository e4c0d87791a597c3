#include "archiver/stopped_service.h"

#include <algorithm>

#include "archiver/pause.h"

namespace orcio {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongestPause{30};
constexpr int kMostRefusals = 10;

Result<void> ConnectAndStart(RemoteHost& host, ServiceControl& control) {
  const std::stop_token never;
  ORCIO_TRY(host.Connect(never));
  return control.Start(host, never);
}

}  // namespace

StoppedService::~StoppedService() {
  if (!started_) (void)Start();
}

Result<void> StoppedService::Start() {
  started_ = true;
  const auto deadline = Clock::now() + retry_.limit;
  auto pause = retry_.pause;
  for (int refusals = 0;;) {
    auto up = ConnectAndStart(host_, control_);
    if (up) return up;
    const ErrorKind kind = up.error().kind;
    // kRemote: docker's own daemon, say, comes up later than sshd does.
    const bool refused = kind == ErrorKind::kRefused || kind == ErrorKind::kRemote;
    if (!refused && kind != ErrorKind::kNetwork) return up;
    refusals = refused ? refusals + 1 : 0;
    if (refusals >= kMostRefusals || Clock::now() + pause > deadline) return up;
    (void)Pause(pause, {});
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace orcio
