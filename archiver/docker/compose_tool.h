#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/docker/docker.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// The compose that a host has: the `docker compose` plugin, or a `docker-compose` program.
struct ComposeTool {
  std::vector<std::string> program;
  // Version 1 knows a project by its files only. From 2 on compose goes by the containers' labels,
  // and starts what a service depends on along with it.
  int major = 0;
};

// Nothing if the host has neither.
[[nodiscard]] Result<std::optional<ComposeTool>> DetectComposeTool(RemoteHost& host,
                                                                   const std::stop_token& stop);

// Stops and starts whole services of one project by way of compose, with the project's own files
// and directory, for the sake of the hooks in them (pre_stop, post_start): docker, which is seconds
// faster, knows of none.
class ComposeCommand {
 public:
  // Nothing if the files from which `wanted` were made, out of the project's `all`, have no
  // hooks, or cannot be read, or if compose does not know of hooks (before 2.30), or would touch
  // other containers. Then docker stops and starts them one by one; `warnings` gets why, if the
  // files mention hooks. If no file as much as mentions hooks, or other files, that is one command.
  [[nodiscard]] static Result<std::optional<ComposeCommand>> For(
      RemoteHost& host, const std::string& project, const std::vector<DockerContainer>& all,
      const std::vector<DockerContainer>& wanted, std::vector<std::string>& warnings,
      const std::stop_token& stop);

  // Shell commands. `stop_timeout` of 0 leaves it to each container.
  [[nodiscard]] std::string Stop(std::chrono::seconds stop_timeout) const;
  [[nodiscard]] std::string Start() const;
  // Whether Start would start the wanted ones alone. Stop never stops others that run.
  [[nodiscard]] bool starts_exactly() const { return starts_exactly_; }

 private:
  ComposeCommand(std::vector<std::string> words, std::vector<std::string> services,
                 bool starts_exactly)
      : words_(std::move(words)), services_(std::move(services)), starts_exactly_(starts_exactly) {}
  [[nodiscard]] std::string Line(std::vector<std::string> arguments) const;
  // Whether it runs hooks; if not, and it is not for want of them, why.
  struct HookLook {
    bool runs = false;
    bool lacks_service = false;
    std::string why_not;
  };
  [[nodiscard]] Result<HookLook> LookForHooks(RemoteHost& host, bool declared,
                                              const std::stop_token& stop) const;

  std::vector<std::string> words_;
  std::vector<std::string> services_;
  bool starts_exactly_;
};

}  // namespace orcio::inline archiver
