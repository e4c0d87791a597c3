#pragma once

#include <chrono>
#include <utility>
#include <vector>

#include "archiver/control/compose_control.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/services/fake_docker.h"

namespace orcio::test {

inline constexpr StartTiming kQuick{std::chrono::milliseconds(1), std::chrono::milliseconds(20),
                                    std::chrono::milliseconds(1)};

// What comes up is seen to be up within this, however long this process has to wait for its turn.
inline constexpr std::chrono::seconds kLong{30};
// For what is not to come up before it is over.
inline constexpr std::chrono::seconds kShort{1};

inline ServiceConfig Wiki(std::chrono::seconds start_timeout = kLong) {
  ServiceConfig service;
  service.name = "wiki";
  service.host = "atena";
  service.project = "wiki";
  service.start_timeout = start_timeout;
  return service;
}

// One run of the control, from inspection to start.
struct ComposeRun {
  FakeHost host;
  FakeDocker docker;
  ComposeControl control;

  explicit ComposeRun(std::vector<FakeDocker::Container> containers,
                      std::chrono::seconds start_timeout = kLong)
      : docker(host, std::move(containers)), control(Wiki(start_timeout), kQuick) {}
  Result<void> Inspect() { return control.Inspect(host, {}); }
  Result<void> Stop() { return control.Stop(host, {}); }
  Result<void> Start() { return control.Start(host, {}); }
};

inline FakeDocker::Container Db() {
  return {.id = "1", .service = "db", .depends_on = ""};
}
inline FakeDocker::Container Web() {
  return {.id = "2", .service = "web", .depends_on = "db:service_started:true"};
}
inline FakeDocker::Container StoppedJob() {
  return {.id = "3", .service = "job", .status = "exited", .depends_on = ""};
}

}  // namespace orcio::test
