#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/hosts/fake_host.h"

namespace orcio::test {

// A docker daemon with one compose project, as far as orcio talks to it, behind a FakeHost.
class FakeDocker {
 public:
  struct Container {
    std::string id;  // one hexadecimal digit, shown 64 times
    std::string service;
    std::string status = "running";
    std::string depends_on = "-";  // compose 2's label; "-" for none, as docker-compose 1 leaves it
    std::string number = "1";
    std::string health{};
    std::string check = "null";  // JSON: when docker runs its health check, in nanoseconds
    std::string one_off = "False";
    std::string config_files = "docker-compose.yml";
    std::string environment_file{};
    bool starts = true;  // whether it stays up after a start
    bool stops = true;   // whether it heeds a stop
    int freezes = 1;     // which attempt to pause it succeeds
    int64_t restarts = 0;
    std::string created = "2026-01-0" + id + "T00:00:00Z";
    std::string started = "2026-01-01T00:00:00Z";
    std::string finished = "0001-01-01T00:00:00Z";
    std::string mounts = "[]";  // as docker inspect has them
    std::string image = "sha256:new";

    [[nodiscard]] std::string full_id() const { return std::string(64, id.at(0)); }
    [[nodiscard]] std::string name() const { return "wiki_" + service + "_" + number; }
  };

  FakeDocker(FakeHost& host, std::vector<Container> initial);

  // What `docker compose version` (plugin) or `docker-compose version` (program) says.
  void HasCompose(const std::string& kind, const std::string& version);
  // What the project's files are found to mention: "own" hooks, "others", or nothing.
  void FilesMention(const std::string& what);

  // Does what the lines of a script ask for, and says what it would print.
  [[nodiscard]] std::string Obey(const std::string& script);

  [[nodiscard]] Container& Of(const std::string& service, const std::string& number = "1");
  // Ids, each as its digit, in the order in which docker's verb reached them.
  std::string stopped;
  std::string started;
  std::string paused;
  std::string unpaused;
  std::vector<Container> containers;
  // What docker remembers: "start wiki_web_1", a line for each event.
  std::string events;
  // The host's clock, as `date +%s.%N` has it: 2026-02-25, 06:13:20. What is stopped has ended, and
  // what is started starts, at these.
  std::string now = "1772000000.123456789";
  std::string stops_at = "2026-02-25T06:13:19.5Z";
  std::string starts_at = "2026-03-01T00:00:00Z";
  // Called before the daemon says what its containers are.
  std::function<void()> on_inspect;

 private:
  // Those whose ids a command has, in its order.
  [[nodiscard]] std::vector<Container*> In(const std::string& command);
  void Stop(Container& container);
  void Start(Container& container);
  [[nodiscard]] std::string Inspect(const std::string& command) const;

  FakeHost& host_;
};

}  // namespace orcio::test
