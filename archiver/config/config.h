#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "index/upkeep/retention.h"

namespace orcio::inline archiver {

// The configuration, checked: whatever is in one of these is possible. See orcio.yaml(5).

// How a host is reached: by libssh, within orcio, or by this machine's own OpenSSH client, ssh(1).
enum class Transport { kLibssh, kSsh };

struct HostConfig {
  std::string name;
  std::string address;  // host name or IP; defaults to `name`, which ~/.ssh/config may map
  std::optional<uint16_t> port;
  std::optional<std::string> user;
  std::optional<std::filesystem::path> identity;     // private key file
  std::optional<std::filesystem::path> known_hosts;  // instead of ~/.ssh/known_hosts
  std::optional<std::string> proxy_command;
  Transport transport = Transport::kLibssh;
  bool sudo = false;
  std::optional<std::filesystem::path> docker;  // the program, .../docker
  std::optional<std::filesystem::path>
      docker_socket;              // of the daemon, if it is another than docker's own
  std::vector<std::string> path;  // directories there, searched before the host's own PATH
  std::chrono::seconds connect_timeout{20};
};

enum class ControlKind { kCompose, kSystemd, kCommands, kNone };
enum class Mode { kStop, kPrecopy, kPause, kLive };
enum class Wire { kAuto, kNone, kGzip, kZstd };

// Shell commands to run on this machine; an empty one is none.
struct HookConfig {
  std::string start;
  std::string success;
  std::optional<std::string> warning;  // without it, `success` is told of warnings, too
  std::string failure;
  std::chrono::seconds timeout{60};  // of each
};

struct ServiceConfig {
  std::string name;
  std::string host;
  std::vector<std::string> paths;  // absolute, normalised, no "..", never "/"; default /srv/<name>
  ControlKind control = ControlKind::kCompose;
  std::string project;             // compose project; default <name>
  std::vector<std::string> units;  // systemd
  std::string stop_command;        // commands
  std::string start_command;
  std::string status_command;  // commands: exit 0 while running; optional
  Mode mode = Mode::kStop;
  // If the file does not say, containers are archived with precopy, or with stop if that is
  // not possible, which is no reason for a warning then.
  bool mode_chosen = true;
  uint32_t full_every = 8;  // precopy: of so many runs one reads every file
  // How the tar is compressed on the host; kAuto if the file does not say.
  Wire wire = Wire::kNone;
  std::chrono::seconds stop_timeout{0};     // for containers or units to stop; 0: their own
  std::chrono::seconds start_timeout{300};  // until running, and healthy
  std::optional<std::chrono::seconds> max_downtime;
  // While it is down: without a byte from the host for so long, it is started again.
  std::chrono::seconds stall_timeout{120};
  // Without a sign of orcio for so long, the host starts the service by itself. 30 s if the
  // file does not say; nothing for `none`.
  std::optional<std::chrono::seconds> guard;
  std::vector<std::string> exclude;  // tar patterns, relative to each path
  // What the service's containers keep outside of `paths`, and that is meant so: paths on the host
  // with all below them, names of volumes, or SERVICE:/PATH as in a compose file; patterns.
  // Likewise what other running containers may write to within `paths`, with CONTAINER:/PATH.
  std::vector<std::string> ignore_mounts;
  // An archive that holds less than this part of what the last complete ones do is warned of, and
  // is none of those that retention counts. A tenth if the file does not say; 0: any size will
  // do.
  double min_ratio = 0;
  std::optional<RetentionPolicy> keep;
  std::optional<std::chrono::seconds> max_age;  // of the last complete archive, for `status`
  bool offsite_never = false;
  HookConfig hooks;
  std::string ping;  // a URL that is told of each run; a secret, and empty if there is none
};

struct Config {
  std::filesystem::path repository;
  std::map<std::string, HostConfig> hosts;
  std::vector<ServiceConfig> services;  // as in the file
  HookConfig hooks;                     // of services that say nothing else
  std::string ping;                     // as a service's, for runs of all services
  std::string mail;    // who is written to if something has gone wrong; empty: nobody
  bool prune = false;  // after each archive of a service that has a policy

  [[nodiscard]] const ServiceConfig* FindService(std::string_view name) const;
};

// kInvalid for unknown keys, wrong types and impossible values, each with "file:line:column: ".
// `file_name` is for messages. Keys that later versions mean to act on are accepted here only if
// this version acts on them, or says so.
[[nodiscard]] Result<Config> ParseConfig(std::string_view yaml, const std::string& file_name);
// kNotFound if the file is not there; kInvalid if it is over 1 MiB or readable but wrong.
[[nodiscard]] Result<Config> LoadConfig(const std::filesystem::path& path);

}  // namespace orcio::inline archiver
