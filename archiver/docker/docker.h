#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/docker/docker_mount.h"
#include "archiver/host/host_time.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// When docker runs a container's health check, and how many times it may fail.
struct HealthCheck {
  std::chrono::milliseconds interval{30000};
  std::chrono::milliseconds timeout{30000};
  std::chrono::milliseconds start_period{0};  // failures do not count before
  // Instead of `interval` during the start period; nothing if the container leaves it to docker:
  // from version 25 on 5 s, before that there is no such thing.
  std::optional<std::chrono::milliseconds> start_interval;
  int64_t retries = 3;

  // From a container's start: when the check runs first, at the earliest and at the latest.
  [[nodiscard]] std::chrono::milliseconds EarliestCheck() const;
  [[nodiscard]] std::chrono::milliseconds LatestCheck() const;
  // By when it is healthy or unhealthy, however slow each check is.
  [[nodiscard]] std::chrono::milliseconds Verdict() const;
};

// A container of a compose project, as `docker inspect` describes it.
struct DockerContainer {
  struct Dependency {
    std::string service;
    bool healthy = false;  // must be healthy, not only started, before this one starts
  };

  std::string id;  // 64 hexadecimal digits
  std::string name;
  std::string image;    // docker's digest of it; empty if it is not told
  std::string created;  // RFC 3339 in UTC: sorts as text
  std::string status;   // Docker's word: created, running, paused, restarting, exited, dead...
  std::string health;   // starting, healthy, unhealthy; empty if it has no health check
  std::optional<HealthCheck> check;  // what is known of it
  int64_t exit_code = 0;
  std::string error;  // why docker could not start it
  std::string started_at;
  std::string finished_at;  // when it last ended, though it may run again
  // For how long it has run, by its host's clock; nothing if that is not told.
  std::optional<std::chrono::milliseconds> age;
  int64_t restarts = 0;
  std::optional<std::chrono::seconds> stop_timeout;
  std::vector<DockerMount> mounts;

  std::string service;   // compose's labels, from here on
  std::string number;    // which replica of the service
  bool one_off = false;  // made by `compose run`
  std::string working_directory;
  // What is between the commas of a label: a file's name that has commas is several of them.
  std::vector<std::string> config_files;
  std::vector<std::string> environment_files;
  // Nothing if the label is missing: docker-compose 1 does not write it.
  std::optional<std::vector<Dependency>> depends_on;

  // Whether it has run and ended: what was made and never started has no time of a start.
  [[nodiscard]] bool exited_once() const {
    return status != "created" && !started_at.starts_with("0001-");
  }
  // Being restarted by its restart policy counts: that is what it will do until it is stopped.
  [[nodiscard]] bool running() const { return status == "running" || status == "restarting"; }
};

using Containers = std::vector<DockerContainer>;

// What a host says of containers, and when by its own clock; nothing if it does not tell. A
// command that does something first may have it tell the time before, too.
struct DockerLook {
  Containers containers;
  std::optional<HostNow> begun;
  std::optional<HostNow> now;
};

// The containers, running or not, that carry the label of compose project `project`, in no order.
// kRemote, with what to do, if docker is missing or says no. One command.
[[nodiscard]] Result<DockerLook> LookAtProject(RemoteHost& host, const std::string& project,
                                               const std::stop_token& stop);
[[nodiscard]] Result<std::vector<DockerContainer>> ListProject(RemoteHost& host,
                                                               const std::string& project,
                                                               const std::stop_token& stop);

// Names of the compose projects that have containers on the host, sorted.
[[nodiscard]] Result<std::vector<std::string>> ListProjects(RemoteHost& host,
                                                            const std::stop_token& stop);

// Those of the containers `ids` that still exist.
[[nodiscard]] Result<DockerLook> LookAtContainers(RemoteHost& host,
                                                  const std::vector<std::string>& ids,
                                                  const std::stop_token& stop);
[[nodiscard]] Result<std::vector<DockerContainer>> InspectContainers(
    RemoteHost& host, const std::vector<std::string>& ids, const std::stop_token& stop);

// The two halves of LookAtContainers, for whoever does something in the same command before: shell
// that has docker say what the containers `ids`, of which there are any, are like; and the sense of
// what it printed, but for lines that begin with "orcio-".
[[nodiscard]] std::string LookCommand(const std::vector<std::string>& ids);
[[nodiscard]] Result<DockerLook> ReadLook(const RemoteHost& host, const CommandResult& result,
                                          const std::vector<std::string>& ids);

// kRemote: what docker, or the shell that did not find it, complained of; with the cure if there
// is one.
[[nodiscard]] Failure DockerFailure(const RemoteHost& host, const std::string& what,
                                    const CommandResult& result);

// The one of `containers` whose id this is; null if there is none.
[[nodiscard]] const DockerContainer* FindContainer(const std::vector<DockerContainer>& containers,
                                                   const std::string& id);

}  // namespace orcio::inline archiver
