#include "archiver/docker/docker.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"

namespace orcio::test {
namespace {

const std::string kHere(64, 'a');
const std::string kGone(64, 'b');

std::string Described(const std::string& id) {
  return "{\"id\":\"" + id + "\",\"name\":\"/wiki\",\"state\":{\"Status\":\"running\"}}\n";
}

Result<Containers> Inspect(const std::string& out, const std::string& err) {
  FakeHost host;
  host.On("docker inspect", out, 1, err);
  return InspectContainers(host, {kHere, kGone}, {});
}

Error FailureOf(const std::string& err, int status = 1) {
  FakeHost host;
  host.On("docker ps", "", status, err);
  const auto listed = ListProject(host, "wiki", {});
  REQUIRE_FALSE(listed);
  return listed.error();
}

bool Says(const Error& error, const std::string& part) {
  INFO(error.message);
  return error.message.find(part) != std::string::npos;
}

}  // namespace

// Ten tries, three minutes, and exit status 20: "no such container" was to be docker's only word.
TEST_CASE("A container that is gone is told from a failure, whatever else is said") {
  const std::string noise = GENERATE(
      as<std::string>(), "", "sudo: unable to resolve host nas: Name or service not known\n",
      "WARNING: Error loading config file: /root/.docker/config.json: permission denied\n",
      "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n");
  for (const std::string words :
       {"Error: No such container: ", "Error response from daemon: No such container: ",
        "error: no such object: "}) {
    const auto found = Inspect(Described(kHere), noise + words + kGone + "\n" + noise);
    INFO((found ? "" : found.error().message));
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    CHECK(found->front().id == kHere);
  }
}

TEST_CASE("A container of which docker says nothing is not gone") {
  CHECK_FALSE(Inspect("", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n"));
  CHECK_FALSE(Inspect(Described(kHere), "Error: No such container: " + std::string(64, 'c')));
  CHECK_FALSE(Inspect("", "Error: No such container: " + kGone + "\n"));
  CHECK_FALSE(Inspect(Described(kHere), ""));
}

TEST_CASE("Why docker fails goes by the line that says it") {
  const std::string config =
      "WARNING: Error loading config file: /home/u/.docker/config.json: permission denied\n";
  // It was: add the user to the group docker.
  CHECK(Says(FailureOf(config + "Cannot connect to the Docker daemon at "
                                "unix:///var/run/docker.sock. Is the docker daemon running?\n"),
             "docker_socket:"));
  CHECK(Says(FailureOf("failed to connect to the docker API at unix:///var/run/docker.sock; check "
                       "if the path is correct and if the daemon is running\n"),
             "docker's daemon does not run there"));
  CHECK(Says(FailureOf(config +
                       "permission denied while trying to connect to the Docker daemon "
                       "socket at unix:///var/run/docker.sock\n" +
                       config),
             "group docker"));
  CHECK(Says(FailureOf("sh: 1: docker: not found\n", 127), "docker:"));
  CHECK_FALSE(Says(FailureOf(config + "Error: out of luck\n"), "group docker"));
}

// It was the template's error, and no word of what to do.
TEST_CASE("Whoever has podman in docker's place hears what to write instead") {
  const std::string note =
      "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n";
  const std::string inspect =
      "Error: template: inspect:1:139: executing \"inspect\" at <index .Config \"StopTimeout\">: "
      "error calling index: can't index item of type *define.InspectContainerConfig\n";
  const std::string list =
      "Error: template: ps:1:2: executing \"ps\" at <.Label>: can't evaluate field Label in type "
      "containers.psReporter\n";
  for (const std::string& said : {inspect, note + inspect, list, note + "Error: out of luck\n"}) {
    const Error error = FailureOf(said, 125);
    CHECK(error.kind == ErrorKind::kRemote);
    CHECK(Says(error, "podman"));
    CHECK(Says(error, "`units:`"));
    CHECK(Says(error, "`start:`"));
  }
  CHECK_FALSE(Says(FailureOf("Error response from daemon: template: out of luck\n"), "podman"));
  CHECK_FALSE(Says(FailureOf("Cannot connect to the Docker daemon at "
                             "unix:///run/podman/podman.sock. Is the docker daemon running?\n"),
                   "`units:`"));
  const auto inspected = Inspect("", note + inspect);
  REQUIRE_FALSE(inspected);
  CHECK(Says(inspected.error(), "podman"));
}

TEST_CASE("Where docker was never run, it is not docker that is missing") {
  FakeHost host;
  host.On("docker ps", [](const std::string&) {
    CommandResult result;
    result.exit_status = 127;
    result.begun = false;
    result.err = "bash: line 1: exec: sudo: not found\n";
    return Result<CommandResult>(result);
  });
  const auto listed = ListProject(host, "wiki", {});
  REQUIRE_FALSE(listed);
  CHECK(Says(listed.error(), "install sudo"));
  CHECK_FALSE(Says(listed.error(), "install docker"));
}

}  // namespace orcio::test
