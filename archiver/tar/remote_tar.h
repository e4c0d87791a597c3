#pragma once

#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

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

// kRemote, saying what to install, if the host has no tar that orcio knows.
[[nodiscard]] Result<RemoteTar> DetectRemoteTar(RemoteHost& host, const std::stop_token& stop);

// What must be known before a service is stopped for it: kUnsupported if this tar cannot leave
// out what the service excludes, kLimit if the paths and patterns make too long a command.
[[nodiscard]] Result<void> CheckRemoteTar(const RemoteTar& tar, const ServiceConfig& service);

// kRemote, naming them, if any of the service's paths is not there, cannot be read, or is a
// symbolic link, of which tar would archive the link alone.
[[nodiscard]] Result<void> CheckRemotePaths(RemoteHost& host, const ServiceConfig& service,
                                            const std::stop_token& stop);

// A shell command that writes the service's paths to standard output as a tar with names relative
// to '/', and exits as tar does. The same files make the same tar, but for the order in which their
// file system lists them and a process id in the header names of sparse files.
[[nodiscard]] std::string MakeTarCommand(const RemoteTar& tar, const ServiceConfig& service);

// The same for single files, none of which is gone into: commands, each with its standard input,
// whose tars follow each other as one once the last `trailer_bytes` of all but the last are taken
// off. `names`, relative to '/', are in groups that must not be torn apart: the names of one file.
struct TarCommand {
  std::string line;
  std::string input = {};
  bool single_names = false;
};
struct TarBatches {
  std::vector<TarCommand> commands;
  size_t trailer_bytes = 0;
};
[[nodiscard]] TarBatches MakeTarBatches(const RemoteTar& tar,
                                        const std::vector<std::vector<std::string>>& names);

// Decides how a tar that ended went: an error if the archive cannot be trusted, else the
// warnings: files that changed, vanished or shrank while being read, one each, at most 100 and then
// a count. A path of the service that vanished whole is
// an error; with `single_names`, one of many that the tar was given by name and that has vanished
// is not.
[[nodiscard]] Result<std::vector<std::string>> JudgeTar(const RemoteTar& tar,
                                                        const CommandResult& result,
                                                        bool single_names = false);

// Of the names that a tar was given, sorted, those of which it says that there is no such file any
// more, or a socket by now: as it was given them.
[[nodiscard]] std::vector<std::string> VanishedNames(const RemoteTar& tar,
                                                     const CommandResult& result);

}  // namespace orcio::inline archiver
