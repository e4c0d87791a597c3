#include "tests/support/services/compose_project.h"

#include <chrono>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace orcio::test {
namespace {

constexpr std::chrono::seconds kUpTime{120};

// Says that it has started once it can be told to stop: as process 1 it is deaf to TERM until it
// has a trap. It starts few processes: runc fails to freeze a container that forks all the time. $$
// is compose's way to write a dollar.
std::string Counter(const std::string& service) {
  return "test -e /data/broken && test " + service +
         " = web && { echo no configuration; exit 3; }; stop=; trap stop=1 TERM; rm -f /data/" +
         service + ".end; echo " + service +
         " >>/data/starts; i=0; "
         "while [ -z \"$$stop\" ]; do i=$$((i+1)); echo $$i >/data/" +
         service + ".1; echo $$i >/data/" + service + ".2; sleep 0.2; done; echo $$i >/data/" +
         service + ".end; echo " + service + " >>/data/ends";
}

std::string Yaml(const std::string& volume) {
  const std::string common =
      "    image: busybox\n"
      "    network_mode: none\n"
      "    volumes: ['" +
      volume + ":/data']\n";
  return "version: '2.4'\n"
         "services:\n"
         "  db:\n" +
         common + "    command: [sh, -c, '" + Counter("db") +
         "']\n"
         "    healthcheck: {test: [CMD, 'true'], interval: 1s}\n"
         "  web:\n" +
         common + "    command: [sh, -c, '" + Counter("web") +
         "']\n"
         "    depends_on: [db]\n"
         "  job:\n" +
         common + "    command: ['true']\n";
}

}  // namespace

ComposeProject::ComposeProject(const DockerdFixture& dockerd, std::string name)
    : dockerd_(dockerd), name_(std::move(name)) {
  std::filesystem::create_directory(volume());
  // Docker would refuse the names, or compose take over what another project left.
  if (const std::string left = Left(); !left.empty())
    throw std::runtime_error("containers of an earlier " + name_ + " are still there: " + left);
  dockerd_.Up(name_, stack(), Yaml(volume()));
  const auto deadline = std::chrono::steady_clock::now() + kUpTime;
  while (State("job") != "exited" || Lines("starts").size() < 2) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error(name_ + " not up");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  service_.name = name_;
  service_.project = name_;
  service_.host = "atena";
  service_.paths = {volume()};
  service_.start_timeout = std::chrono::seconds(120);
  service_.stop_timeout = std::chrono::seconds(60);
}

// Whatever the project has: a test may have removed one of its containers.
ComposeProject::~ComposeProject() {
  const Ended removed = RunShell("ids=$(" + Docker() + " ps -aq --filter " + Filter() +
                                 ")\n[ -z \"$ids\" ] || " + Docker() + " rm -f $ids");
  if (removed.status != 0)
    std::cerr << "containers of " << name_ << " were not removed: " << removed.err << std::flush;
}

std::string ComposeProject::Docker() const {
  return (dockerd_.scratch() / "bin/docker").string();
}

std::string ComposeProject::Filter() const {
  return "label=com.docker.compose.project=" + name_;
}

std::string ComposeProject::Left() const {
  return dockerd_.Docker({"ps", "-a", "--filter", Filter(), "--format", "{{.Names}}"});
}

std::string ComposeProject::Container(const std::string& service) const {
  return name_ + "_" + service + "_1";
}

std::string ComposeProject::Of(const std::string& service, const std::string& field) const {
  return dockerd_.Docker({"inspect", "--format", "{{" + field + "}}", Container(service)});
}

std::string ComposeProject::State(const std::string& service) const {
  return Of(service, ".State.Status");
}

// RFC 3339 with as many digits of a second as there are: without the Z, what has fewer is less.
std::string ComposeProject::StartedAt(const std::string& service) const {
  std::string at = Of(service, ".State.StartedAt");
  if (at.ends_with('Z')) at.pop_back();
  return at;
}

std::vector<std::string> ComposeProject::Lines(const std::string& file) const {
  std::ifstream in(volume() / file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void ComposeProject::Forget(const std::string& file) const {
  std::filesystem::remove(volume() / file);
}

void ComposeProject::Break() const {
  std::ofstream(volume() / "broken").flush();
}

}  // namespace orcio::test
