// scripts/orcio-host, which restricts a key in authorized_keys: behind a real sshd all of a run
// goes through it, and nothing else does. The script is asked hundreds of things, at a tenth of a
// second each: what has the tag [.long] is for scripts/check.

#include <algorithm>
#include <fstream>

#include "archiver/host/shell_quote.h"
#include "archiver/run/service_run.h"
#include "archiver/ssh/ssh_host.h"
#include "tests/integration/hosts/forced_script.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/services/compose_project.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {
namespace {

// From now on the client's key is good for nothing but the script with these options.
void Restrict(const SshdFixture& sshd, const std::vector<std::string>& options) {
  std::ifstream in(sshd.client_key().string() + ".pub");
  std::string key;
  std::getline(in, key);
  std::string command;
  for (const char c : kScript + " " + ShellCommand(options)) {
    if (c == '"') command += '\\';
    command += c;
  }
  std::filesystem::remove(sshd.directory() / "authorized_keys");
  sshd.Authorize("restrict,command=\"" + command + "\" " + key);
}

}  // namespace

TEST_CASE("All of a run goes through the restricted key, whatever the paths are called",
          "[.long]") {
  const OrcioFixture orcio(BuiltProgram());
  const auto& scratch = orcio.scratch();
  const std::string name = "it's a \\ \"wiki\" $(touch x) `y` *;&|";
  std::filesystem::create_directory(scratch / name);
  std::filesystem::create_directory(scratch / "plain");
  std::ofstream(scratch / name / "page") << "text";
  const std::string state = (scratch / "running").string();
  std::ofstream{state};
  // As YAML's double quotes have it.
  std::string yaml;
  for (const char c : (scratch / name).string())
    yaml += (c == '"' || c == '\\' ? "\\" : "") + std::string(1, c);
  const std::string wire = GENERATE("auto", "none", "gzip", "zstd");
  CAPTURE(wire);
  orcio.Configure("  wiki:\n    host: workshop\n    wire: " + wire +
                  "\n    control: commands\n    stop: rm " + state + "\n    start: touch " + state +
                  "\n    status: test -e " + state + "\n    exclude: ['cache/*']\n    paths: [\"" +
                  yaml + "\", '" + (scratch / "plain").string() + "']\n");
  const auto options = [&](const std::string& path) {
    return std::vector<std::string>{"--path",    path,
                                    "--path",    (scratch / "plain").string(),
                                    "--command", "rm " + state,
                                    "--command", "touch " + state,
                                    "--command", "test -e " + state};
  };
  Restrict(const_cast<OrcioFixture&>(orcio).sshd(), options((scratch / "other").string()));
  const Ended refused = orcio.Run({"archive"});
  CHECK(refused.status == 1);
  CHECK(refused.err.find("orcio-host: refused") != std::string::npos);
  CHECK(std::filesystem::exists(state));

  Restrict(const_cast<OrcioFixture&>(orcio).sshd(), options((scratch / name).string()));
  const Ended ended = orcio.Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(std::filesystem::exists(state));
  CHECK(MustRun({"tar", "-xOzf", orcio.OnlyArchive().string(), "--wildcards", "*/page"}) == "text");

  if (wire != "none") return;
  // The next one is held against this one: asked whether a path is empty now.
  std::ofstream(scratch / "plain" / "note") << "text";
  REQUIRE(orcio.Run({"archive"}).status == 0);
  std::filesystem::remove(scratch / "plain" / "note");
  const Ended emptied = orcio.Run({"archive"});
  INFO(emptied.err);
  CHECK(emptied.status == 3);
  CHECK(emptied.err.find("holds nothing of " + (scratch / "plain").string()) != std::string::npos);
}

TEST_CASE("All of a compose project's run goes through the restricted key, with containers dying") {
  static DockerdFixture dockerd;
  const ComposeProject project(dockerd, "wiki");
  const auto compose = DockerdFixture::Compose::kProgram;
  const SshdFixture sshd("SetEnv PATH=" + dockerd.Environment(compose).at("PATH") + "\n");
  Restrict(sshd, {"--project", project.service().project, "--path", project.service().paths.at(0)});
  const ScratchDirectory repository;
  const auto host = MakeSshHost(sshd.Config());
  const auto control = MakeServiceControl(project.service());
  const auto outcome = RunService({project.service(), LocalFileSystem(), repository.path(), {}, {}},
                                  *host, *control, {});
  INFO((outcome.error ? outcome.error->message : ""));
  INFO((outcome.start_error ? outcome.start_error->message : ""));
  CHECK_FALSE(outcome.error);
  CHECK_FALSE(outcome.start_error);
  CHECK(outcome.facts.warnings.empty());
  CHECK(project.State("db") == "running");
  CHECK(project.State("web") == "running");
  CHECK(project.Lines("ends") == std::vector<std::string>{"web", "db"});

  const std::string agent =
      dockerd.Docker({"run", "--detach", "--network=none", "--volume",
                      project.volume().string() + ":/wiki", "busybox", "sleep", "1000"});
  auto paused = project.service();
  paused.mode = Mode::kPause;
  const auto pause = MakeServiceControl(paused);
  project.Forget("ends");
  const auto frozen =
      RunService({paused, LocalFileSystem(), repository.path(), {}, {}}, *host, *pause, {});
  INFO((frozen.error ? frozen.error->message : ""));
  CHECK_FALSE(frozen.error);
  CHECK_FALSE(frozen.start_error);
  CHECK(std::any_of(
      frozen.facts.warnings.begin(), frozen.facts.warnings.end(), [&](const std::string& warning) {
        return warning.find("may write to " + project.volume().string()) != std::string::npos;
      }));
  dockerd.Docker({"rm", "--force", agent});
  CHECK(project.State("web") == "running");
  CHECK(project.Lines("ends").empty());

  // None is left to tell from which files it was made.
  const auto pruned = MakeServiceControl(project.service());
  REQUIRE_OK(pruned->Inspect(*host, {}));
  REQUIRE_OK(pruned->Stop(*host, {}));
  dockerd.Docker({"container", "prune", "--force"});
  REQUIRE_OK(pruned->Start(*host, {}));
  CHECK(project.State("web") == "running");
  ForgetMemory(project.service().paths.at(0));

  project.Break();
  const auto again = MakeServiceControl(project.service());
  const auto broken = RunService({project.service(), LocalFileSystem(), repository.path(), {}, {}},
                                 *host, *again, {});
  REQUIRE(broken.start_error);
  CHECK(broken.start_error->message.find("no configuration") != std::string::npos);  // its log

  // Another project's container is out of reach.
  const std::string other = dockerd.Docker({"create", "busybox", "true"});
  const auto stopped = ValueOf(host->Run("'docker' 'start' '" + other + "'", {}, {}));
  CHECK(stopped.err.starts_with("orcio-host: refused: "));
  CHECK(dockerd.Docker({"inspect", "--format", "{{.State.Status}}", other}) == "created");
}

TEST_CASE("An SSH client with the restricted key gets no shell, file or forwarding", "[.long]") {
  const SshdFixture sshd;
  Restrict(sshd, {"--path", "/srv/wiki"});
  const auto ssh = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"ssh",
                                   "-F",
                                   "none",
                                   "-o",
                                   "BatchMode=yes",
                                   "-o",
                                   "UserKnownHostsFile=" + sshd.known_hosts().string(),
                                   "-i",
                                   sshd.client_key().string(),
                                   "-p",
                                   std::to_string(sshd.port())};
    words.insert(words.end(), more.begin(), more.end());
    return RunCommand(words);
  };
  const std::string at = sshd.user() + "@127.0.0.1";
  for (const std::string command :
       {"", "cat /etc/shadow", "sh", "rm -rf /srv/wiki", "scp -f /etc/passwd",
        "/usr/lib/sftp-server", "tar -cf - /etc", "exec sh -c 'id'", "exec sudo -n -- sh -c 'id'",
        "exec sh -c 'eval \"$(printf %b \"id\")\"'; id",
        "exec sh -c 'eval \"$(printf %b \"id\")\"'\nid"}) {
    CAPTURE(command);
    const Ended ended = ssh(command.empty() ? std::vector{at} : std::vector{at, command});
    CHECK(ended.status == 1);
    CHECK(ended.out.empty());
    CHECK(ended.err.find("orcio-host: refused: ") != std::string::npos);
  }
  CHECK(ssh({"-s", at, "sftp"}).status != 0);
  CHECK(ssh({"-W", "127.0.0.1:22", at}).status != 0);
}

}  // namespace orcio::test
