#include "tests/support/compose_project.h"

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace orcio::test {
namespace {

constexpr std::chrono::seconds kUpTime{60};

// $$ is compose's way to write a dollar.
std::string Counter(const std::string& service) {
  return "test -e /data/broken && test " + service +
         " = web && { echo no configuration; exit 3; }; rm -f /data/" + service + ".end; echo " +
         service +
         " >>/data/starts; stop=; trap stop=1 TERM; i=0; "
         "while [ -z \"$$stop\" ]; do i=$$((i+1)); echo $$i >/data/" +
         service + ".1; echo $$i >/data/" + service + ".2; sleep 0.01; done; echo $$i >/data/" +
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
  service_.start_timeout = std::chrono::seconds(30);
  service_.stop_timeout = std::chrono::seconds(10);
}

ComposeProject::~ComposeProject() {
  for (const char* service : {"web", "db", "job"}) {
    (void)RunCommand({dockerd_.scratch() / "bin/docker", "rm", "-f", Container(service)});
  }
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
