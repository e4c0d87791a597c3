#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/docker.h"
#include "archiver/remote_host.h"
#include "index/error.h"

namespace orcio {

// The compose that a host has: the `docker compose` plugin, or a `docker-compose` program.
struct ComposeTool {
  std::vector<std::string> program;
  // Version 1 knows a project by its files only. From 2 on compose goes by the containers' labels,
  // and starts what a service depends on along with it.
  int major = 0;
};

// Nothing where the host has neither.
[[nodiscard]] Result<std::optional<ComposeTool>> DetectComposeTool(RemoteHost& host,
                                                                   const std::stop_token& stop);

// Stops and starts whole services of one project by way of compose, with the project's own files
// and directory where they are there: version 2 runs a service's hooks (pre_stop, post_start) only
// where it has read them.
class ComposeCommand {
 public:
  // Nothing where compose would touch other containers than `wanted` out of the project's `all`
  // (services partly running, say), or knows them only by files that it cannot read. Then
  // containers have to be stopped and started one by one.
  [[nodiscard]] static Result<std::optional<ComposeCommand>> For(
      RemoteHost& host, const ComposeTool& tool, const std::string& project,
      const std::vector<DockerContainer>& all, const std::vector<DockerContainer>& wanted,
      const std::stop_token& stop);

  // Shell commands. `stop_timeout` of 0 leaves it to each container.
  [[nodiscard]] std::string Stop(std::chrono::seconds stop_timeout) const;
  [[nodiscard]] std::string Start() const;
  // Whether it has read the project's files, and so runs the hooks in them.
  [[nodiscard]] bool runs_hooks() const { return runs_hooks_; }
  // Whether Start would start the wanted ones alone. Stop never stops others that run.
  [[nodiscard]] bool starts_exactly() const { return starts_exactly_; }

 private:
  ComposeCommand(std::vector<std::string> words, std::vector<std::string> services)
      : words_(std::move(words)), services_(std::move(services)) {}
  [[nodiscard]] std::string Line(std::vector<std::string> arguments) const;
  [[nodiscard]] Result<bool> KnowsServices(RemoteHost& host, const std::stop_token& stop) const;

  std::vector<std::string> words_;
  std::vector<std::string> services_;
  bool runs_hooks_ = false;
  bool starts_exactly_ = true;
};

}  // namespace orcio
