#pragma once

#include <functional>
#include <memory>

#include "archiver/config.h"
#include "archiver/remote_host.h"
#include "archiver/service_control.h"
#include "index/file_system.h"

namespace orcio {

// How to reach hosts and services; tests put their own here.
struct Machinery {
  std::function<std::unique_ptr<RemoteHost>(const HostConfig&)> host;
  std::function<std::unique_ptr<ServiceControl>(const ServiceConfig&)> control;
  const FileSystem& files;
};

}  // namespace orcio
