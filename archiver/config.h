#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/error.h"

namespace orcio {

// The configuration, checked: whatever is in one of these is possible. See orcio.yaml(5).

struct HostConfig {
  std::string name;
  std::string address;  // host name or IP; defaults to `name`, which ~/.ssh/config may map
  std::optional<uint16_t> port;
  std::optional<std::string> user;
  std::optional<std::filesystem::path> identity;     // private key file
  std::optional<std::filesystem::path> known_hosts;  // instead of ~/.ssh/known_hosts
  std::optional<std::string> proxy_command;
  bool sudo = false;
  std::chrono::seconds connect_timeout{20};
};

enum class ControlKind { kCompose, kSystemd, kCommands, kNone };
enum class Mode { kStop };

struct KeepPolicy {
  unsigned last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
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
  std::chrono::seconds stop_timeout{0};     // for containers or units to stop; 0: their own
  std::chrono::seconds start_timeout{300};  // until running, and healthy
  std::optional<std::chrono::seconds> max_downtime;
  std::vector<std::string> exclude;  // tar patterns, relative to each path
  std::optional<KeepPolicy> keep;
  bool offsite_never = false;
};

struct HookConfig {
  std::string success;
  std::string failure;
};

struct Config {
  std::filesystem::path repository;
  std::map<std::string, HostConfig> hosts;
  std::vector<ServiceConfig> services;  // as in the file
  HookConfig hooks;

  [[nodiscard]] const ServiceConfig* FindService(std::string_view name) const;
};

// kInvalid for unknown keys, wrong types and impossible values, each with "file:line:column: ".
// `file_name` is for messages. Keys that later versions mean to act on are accepted here only if
// this version acts on them, or says so.
[[nodiscard]] Result<Config> ParseConfig(std::string_view yaml, const std::string& file_name);
// kNotFound where the file is not there; kInvalid where it is over 1 MiB or readable but wrong.
[[nodiscard]] Result<Config> LoadConfig(const std::filesystem::path& path);

}  // namespace orcio
