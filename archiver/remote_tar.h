#pragma once

#include <string>
#include <vector>

#include "archiver/config.h"
#include "archiver/remote_host.h"
#include "index/error.h"

namespace orcio {

// The tar that a host has: found out, not assumed.
struct RemoteTar {
  enum class Kind { kGnu, kBusybox } kind = Kind::kGnu;
  std::string program;      // what to call, e.g. "tar" or "busybox tar"
  std::string description;  // first line of its version, for the run's facts
  bool xattrs = false;
  bool acls = false;
};

// kRemote, saying what to install, where the host has no tar that orcio knows.
[[nodiscard]] Result<RemoteTar> DetectRemoteTar(RemoteHost& host, const std::stop_token& stop);

// kRemote, naming them, where any of the service's paths is not there or cannot be read.
[[nodiscard]] Result<void> CheckRemotePaths(RemoteHost& host, const ServiceConfig& service,
                                            const std::stop_token& stop);

// A shell command that writes the service's paths to standard output as a tar with names relative
// to '/'.
[[nodiscard]] std::string MakeTarCommand(const RemoteTar& tar, const ServiceConfig& service);

// Decides how a tar that ended went: an error where the archive cannot be trusted, else the
// warnings (files that changed, vanished or shrank while being read), one each, at most 100 and
// then a count.
[[nodiscard]] Result<std::vector<std::string>> JudgeTar(const RemoteTar& tar,
                                                        const CommandResult& result);

}  // namespace orcio
