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

  // What its archives lack, and what to do about it; empty for a GNU tar with everything.
  [[nodiscard]] std::string Losses() const;
};

// kRemote, saying what to install, where the host has no tar that orcio knows.
[[nodiscard]] Result<RemoteTar> DetectRemoteTar(RemoteHost& host, const std::stop_token& stop);

// What must be known before a service is stopped for it: kUnsupported where this tar cannot leave
// out what the service excludes, kLimit where the paths and patterns make too long a command.
[[nodiscard]] Result<void> CheckRemoteTar(const RemoteTar& tar, const ServiceConfig& service);

// kRemote, naming them, where any of the service's paths is not there, cannot be read, or is a
// symbolic link, of which tar would archive the link alone.
[[nodiscard]] Result<void> CheckRemotePaths(RemoteHost& host, const ServiceConfig& service,
                                            const std::stop_token& stop);

// A shell command that writes the service's paths to standard output as a tar with names relative
// to '/', and exits as tar does. The same files make the same tar, but for the order in which their
// file system lists them and a process id in the header names of sparse files.
[[nodiscard]] std::string MakeTarCommand(const RemoteTar& tar, const ServiceConfig& service);

// Decides how a tar that ended went: an error where the archive cannot be trusted, else the
// warnings: files that changed, vanished or shrank while being read, one each, at most 100 and then
// a count; and first what this tar cannot keep, once. A path of the service that vanished whole is
// an error.
[[nodiscard]] Result<std::vector<std::string>> JudgeTar(const RemoteTar& tar,
                                                        const CommandResult& result);

}  // namespace orcio
