#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "archiver/control/service_control.h"

namespace orcio::test {

// A service that a test stops and starts. What is done to it is in `log`.
class FakeControl : public ServiceControl {
 public:
  // What each says next, once; after that it succeeds.
  std::deque<Result<void>> inspects, stops, starts;
  Result<std::vector<std::string>> looked_again = std::vector<std::string>();
  std::vector<std::string> running{"web", "db"};
  std::vector<MountingContainer> mounts;
  std::vector<std::string> log;
  // Called by Stop and Start before they answer.
  std::function<void()> on_stop, on_start;
  std::atomic<bool> started = false;
  bool start_was_cancelled = false;

  Result<void> Inspect(RemoteHost&, const std::stop_token&) override {
    log.emplace_back("inspect");
    return Next(inspects);
  }
  [[nodiscard]] std::vector<std::string> Running() const override { return running; }
  [[nodiscard]] std::vector<MountingContainer> Mounts() const override { return mounts; }
  Result<void> Stop(RemoteHost&, const std::stop_token&) override {
    log.emplace_back("stop");
    if (on_stop) on_stop();
    return Next(stops);
  }
  Result<void> Start(RemoteHost&, const std::stop_token& stop) override {
    log.emplace_back("start");
    start_was_cancelled = start_was_cancelled || stop.stop_requested();
    if (on_start) on_start();
    started = true;
    return Next(starts);
  }

  Result<std::vector<std::string>> LookAgain(RemoteHost&, const std::stop_token&) override {
    return looked_again;
  }

 private:
  static Result<void> Next(std::deque<Result<void>>& answers) {
    if (answers.empty()) return {};
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
};

}  // namespace orcio::test
