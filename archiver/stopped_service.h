#pragma once

#include <chrono>
#include <string>

#include "archiver/remote_host.h"
#include "archiver/service_control.h"
#include "index/error.h"

namespace orcio {

// A service from the moment it is about to be stopped: whichever way this goes out of scope, an
// exception included, the service is started again before.
class StoppedService {
 public:
  struct Retry {
    std::chrono::seconds limit;  // while the host is away
    std::chrono::seconds pause;  // doubles, up to 30 s
  };

  StoppedService(RemoteHost& host, ServiceControl& control, Retry retry)
      : host_(host), control_(control), retry_(retry) {}
  ~StoppedService();
  StoppedService(const StoppedService&) = delete;
  StoppedService& operator=(const StoppedService&) = delete;

  // Starts it and returns once it is confirmed running, connecting anew as often as that takes. It
  // cannot be cancelled. Where the host answers and says no, it is asked again ten times only: a
  // host that has just booted refuses logins for a while, a changed host key stays.
  [[nodiscard]] Result<void> Start();

 private:
  RemoteHost& host_;
  ServiceControl& control_;
  const Retry retry_;
  bool started_ = false;
};

}  // namespace orcio
