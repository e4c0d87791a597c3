#pragma once

#include <functional>
#include <memory>

#include "archiver/config/config.h"
#include "archiver/control/service_control.h"
#include "archiver/host/remote_host.h"
#include "archiver/local/ping.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// How to reach hosts and services; tests put their own here.
struct Connectors {
  std::function<std::unique_ptr<RemoteHost>(const HostConfig&)> host;
  std::function<std::unique_ptr<ServiceControl>(const ServiceConfig&)> control;
  const FileSystem& files;
  // For the ping before a service is touched.
  PingPatience first_ping = kOneQuickPing;
};

}  // namespace orcio::inline archiver
