// scripts/orcio-host, which restricts a key in authorized_keys: behind a real sshd all of a run
// goes through it, and nothing else does. The script is asked hundreds of things, at a tenth of a
// second each: what has the tag [.long] is for scripts/check.

#include <algorithm>
#include <fstream>

#include "archiver/control/compose_control.h"
#include "archiver/docker/docker_json.h"
#include "archiver/docker/docker_mounts.h"
#include "archiver/host/command_frame.h"
#include "archiver/host/shell_quote.h"
#include "archiver/plan/volume_check.h"
#include "archiver/run/service_run.h"
#include "archiver/safety/guard_script.h"
#include "archiver/ssh/ssh_host.h"
#include "archiver/ssh/way/ssh_command.h"
#include "archiver/tar/standing_paths.h"
#include "archiver/tar/wire.h"
#include "base/random_token.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/services/compose_project.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {
namespace {

const std::string kScript = std::string(SourceDirectory()) + "/scripts/orcio-host";
const std::string kId(64, 'a');       // of a container of the project `wiki`
const std::string kOtherId(64, 'b');  // of another project's
const std::string kGoneId(64, 'c');

void WriteProgram(const std::filesystem::path& path, const std::string& script) {
  std::ofstream(path) << "#!/bin/sh\n" << script;
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

// What orcio asks about where mounts come from, behind the paths.
std::string PlaceLook() {
  class Asked : public LocalHost {
   public:
    Result<CommandResult> Run(const std::string& command, const RunOptions&,
                              const std::stop_token&) override {
      if (asked.empty()) asked = command;
      return CommandResult{};
    }
    std::string asked;
  };
  Asked host;
  VolumeCheck check;
  check.containers = {{"wiki_web_1", "wiki", "web", {{"", "/x", "/x", true}}}};
  LookAtPlaces(host, check, {});
  return host.asked.substr(host.asked.find("; do\n") + 5);
}

// What comes before a tar once a service is stopped, if it had these mounts.
std::string SecondLook(const std::vector<std::string>& paths,
                       const std::vector<std::string>& mounts) {
  class Asked : public LocalHost {
   public:
    Result<CommandResult> Stream(const std::string& command, ByteSink&, const RunOptions&,
                                 const std::stop_token&) override {
      asked = command;
      return CommandResult{};
    }
    std::string asked;
  };
  class Nowhere : public ByteSink {
    Result<std::span<std::byte>> Buffer() override { return std::span<std::byte>(); }
    Result<void> Commit(size_t) override { return {}; }
  };
  ServiceConfig service;
  service.paths = paths;
  service.min_ratio = 0.1;
  StandingPaths before{true, {}, {}};
  for (const auto& mount : mounts) before.mounts.push_back({mount, mount, false});
  Asked host;
  Nowhere nowhere;
  for (const auto& path : paths) before.nodes[path] = "64:2";
  PathLosses losses;
  (void)MakeWatchfulHost(host, service, before, {}, losses)->Stream("", nowhere, {}, {});
  return host.asked;
}

// What is asked of a service's paths while it runs.
std::string FirstLook(const std::vector<std::string>& paths) {
  class Asked : public LocalHost {
   public:
    Result<CommandResult> Run(const std::string& command, const RunOptions&,
                              const std::stop_token&) override {
      asked = command;
      return CommandResult{};
    }
    std::string asked;
  };
  Asked host;
  ServiceConfig service;
  service.paths = paths;
  (void)LookAtPaths(host, service, {}, {});
  return host.asked;
}

// What orcio asks about the containers that run.
std::string MountsLook() {
  class Asked : public LocalHost {
   public:
    Result<CommandResult> Run(const std::string& command, const RunOptions&,
                              const std::stop_token&) override {
      asked = command;
      return CommandResult{};
    }
    std::string asked;
  };
  Asked machine;
  (void)ListMounts(machine, {});
  return machine.asked;
}

std::string Replaced(std::string text, const std::string& part, const std::string& by) {
  const size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), by);
}

// What the script remembers of the project `wiki` beside the test's own directories.
void ForgetMemory(const std::string& path) {
  MustRunShell("rm -rf /run/orcio-host-$(id -u)-$(printf '\\nwiki\\n\\n%s\\n' '" + path +
               "' | cksum | cut -d ' ' -f 1)");
}

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

// The script as sshd starts it, on a machine whose docker and systemctl only say what they were
// asked.
class Script {
 public:
  explicit Script(std::vector<std::string> options) : options_(std::move(options)) {
    std::filesystem::create_directory(scratch_ / "bin");
    std::filesystem::create_directory(scratch_ / "wiki");
    std::ofstream(scratch_ / "wiki/page") << "text";
    for (const std::string program : {"journalctl", "docker-compose"})
      WriteProgram(scratch_ / "bin" / program, "echo " + program + " \"$@\"\n");
    WriteProgram(scratch_ / "bin/systemctl",
                 "case \"$*\" in *--property=Names,*) case \"$*\" in\n"
                 "*app.service*) echo 'Requires=system.slice lib.service' ;;\n"
                 "*lib.service*) printf 'Names=system.slice\\n\\nPartOf=wiki.service\\n' ;;\n"
                 "*wiki.socket*) echo 'Triggers=wiki.service' ;;\n"
                 "*sshd.service*) echo 'Requires=sshd.service *' ;; esac; exit ;; esac\n"
                 "echo systemctl \"$@\"\n");
    WriteProgram(scratch_ / "bin/docker",
                 "case \"$*\" in *'index .Config.Labels'*) case \"$*\" in\n"
                 "*aaa*) echo wiki; exit ;; *bbb*) echo shop; exit ;;\n"
                 "*ccc*) echo 'Error: No such container: c' >&2; exit 1 ;;\n"
                 "*) echo 'Cannot connect to the Docker daemon' >&2; exit 1 ;; esac ;;\n"
                 // As `docker ps` has them of the project's containers.
                 "*=wiki*'{{.Label \"com.docker.compose.service\"}}')\n"
                 "printf '%s\\n' db db a=b a=b a=b xdb; exit ;;\n"
                 "*=wiki*project.working_dir*) echo /opt/wiki; echo /opt/wiki; exit ;;\n"
                 "*=wiki*project.config_files*) echo '/opt/wiki/a,b.yml,more.yml'; exit ;;\n"
                 "*=wiki*project.environment_file*) echo /opt/wiki/.env; exit ;; esac\n"
                 "echo docker \"$@\"\n");
    options_.insert(options_.end(), {"--path", path()});
  }
  [[nodiscard]] std::string path() const { return (scratch_ / "wiki").string(); }

  // With what an SSH client asks for as it is.
  [[nodiscard]] Ended AskRaw(const std::string& request, const std::string& input = {}) const {
    std::vector<std::string> words{kScript};
    words.insert(words.end(), options_.begin(), options_.end());
    CommandOptions options;
    options.environment["SSH_ORIGINAL_COMMAND"] = request;
    options.environment["PATH"] = (scratch_ / "bin").string() + ":/usr/sbin:/usr/bin:/sbin:/bin";
    options.directory = scratch_.path().string();
    options.input = input;
    return RunCommand(words, options);
  }
  // As orcio sends it.
  [[nodiscard]] Ended Ask(const std::string& command, const std::string& input = {}) const {
    return AskRaw(PortableShellLine("", command), input);
  }
  void CheckRefused(const Ended& ended, const std::string& what) const {
    CAPTURE(what);
    CHECK(ended.status == 1);
    CHECK(ended.out.empty());
    CHECK(ended.err.starts_with("orcio-host: refused: "));
    CHECK(ended.err.find('\x1b') == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch_ / "pwned"));
  }
  void Refuses(const std::string& command) const { CheckRefused(Ask(command), command); }
  // Runs, and its output has `part`.
  void Allows(const std::string& command, const std::string& part) const {
    const Ended ended = Ask(command);
    CAPTURE(command, ended.err);
    CHECK(ended.status == 0);
    CHECK(ended.out.find(part) != std::string::npos);
  }

 private:
  ScratchDirectory scratch_;
  std::vector<std::string> options_;
};

}  // namespace

TEST_CASE("The forced command knows what orcio sends", "[.long]") {
  MustRun({std::string(SourceDirectory()) + "/scripts/sync-orcio-host", "--check"});
}

TEST_CASE("What is sent to a command comes back through the forced command") {
  const Script script({"--command", "true"});
  const Ended ended = script.Ask(CommandPrologue({}) + "cat", "# one\n# two\n");
  CHECK(ended.status == 0);
  CHECK(ended.out == "\norcio-begin\n# one\n# two\n");
}

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

TEST_CASE("The forced command allows what orcio sends, for what it names", "[.long]") {
  const Script script(
      {"--project", "wiki", "--unit", "wiki.service", "--command", "systemctl stop x"});
  const std::string path = script.path().substr(1);
  script.Allows("'systemctl' '--no-block' 'stop' '--' 'wiki.service'", "stop -- wiki.service");
  script.Allows("'systemctl' '--no-block' 'start' '--' 'wiki.service'", "start -- wiki.service");
  // With what systemd stops with it, and what would start it again.
  script.Allows("'systemctl' '--no-block' 'stop' '--' 'wiki.socket' 'app.service' 'wiki.service'",
                "stop -- wiki.socket app.service wiki.service");
  script.Allows("'journalctl' '--unit=app.service' '--lines=5' '--no-pager' '--output=cat'",
                "journalctl --unit=app.service");
  script.Allows(
      "'systemctl' 'show' "
      "'--property=Id,LoadState,ActiveState,SubState,Job,InvocationID,"
      "ActiveEnterTimestampMonotonic,CanStart,CanStop,TimeoutStopUSec,RequiredBy,RequisiteOf,"
      "BoundBy,ConsistsOf,"
      "PropagatesStopTo,TriggeredBy' "
      "'--' 'wiki.service' 'wiki.service'",
      "systemctl show");
  script.Allows("'journalctl' '--unit=wiki.service' '--lines=5' '--no-pager' '--output=cat'",
                "journalctl --unit=wiki.service");
  script.Allows("'sh' '-c' 'systemctl stop x'", "systemctl stop x");
  script.Allows("'docker' 'stop' '-t' '10' '" + kId + "' '" + kGoneId + "'",
                "docker stop -t 10 aa");
  for (const std::string compose : {"'docker' 'compose'", "'docker-compose'"}) {
    const std::string line = "cd / && " + compose + " '--project-name' 'wiki'";
    const std::string files =
        line + " '--project-directory' '/opt/wiki' '--file' '/opt/wiki/a,b.yml'";
    script.Allows(files + " 'config' '--services'", "config --services");
    script.Allows(files +
                      " '--file' '/opt/wiki/more.yml' '--env-file' '/opt/wiki/.env' 'stop' "
                      "'--timeout' '60' 'db' 'web'",
                  "--env-file /opt/wiki/.env stop --timeout 60 db web");
    script.Allows(files + " 'start' 'db'", "start db");
    script.Allows(TellHostNow() + files + " 'start' 'db'", "start db");
    const std::string profiles = Replaced(files, "'wiki'", "'wiki' '--profile' '*'");
    script.Allows(profiles + " 'config' '--services'", "--profile * --project-directory");
    script.Allows(profiles + " 'stop' 'db'", "stop db");
    script.Refuses(Replaced(profiles, "'*'", "'prod'") + " 'stop' 'db'");
    script.Refuses(files + " 'up' 'db'");
    script.Refuses(line + " 'stop' 'db'");
  }
  ForgetMemory(script.path());
  script.Allows("'docker' 'pause' '" + kId + "' '" + kGoneId + "'", "docker pause aa");
  script.Allows("m=0\nfor path in '" + script.path() + "'; do\n" + PlaceLook(),
                "orcio-volume: 1 file " + script.path() + "|");
  script.Allows("'docker' 'unpause' '" + kId + "'", "docker unpause aa");
  script.Allows(
      "'docker' 'events' '--since' '1772000000.1' '--until' '1772000009.2' '--filter' "
      "'type=container' '--filter' 'event=start' '--filter' 'event=unpause' '--filter' "
      "'label=com.docker.compose.project=wiki' '--format' "
      "'{{.Action}} {{index .Actor.Attributes \"name\"}}'",
      "docker events --since 1772000000.1");
  script.Allows("'docker' 'logs' '--tail' '5' '" + kId + "' 2>&1", "docker logs --tail 5 aa");
  script.Allows(
      "LC_ALL=C TAR_OPTIONS= tar '--create' '--directory=/' '--file=-' '--exclude=a/*' '--' '" +
          path + "'",
      "text");
  const std::string busybox = "cd / && LC_ALL=C ls -d -- '" + path +
                              "' >/dev/null && LC_ALL=C tar -c -f - -- '" + path + "'";
  script.Allows(SecondLook({script.path()}, {"/"}) + busybox, "page");
  script.Allows(FirstLook({script.path(), script.path()}), "orcio-node: 1 ");
  script.Allows(SecondLook({script.path(), script.path()}, {"/", "/"}) + busybox, "page");
  script.Allows(SecondLook({}, {"/"}) + PackedCommand(Wire::kNone, busybox), "page");
  script.Allows("cd / && LC_ALL=C ls -d -- '" + path +
                    "' >/dev/null && LC_ALL=C busybox tar -c -f - -- '" + path + "'",
                "text");
}

namespace {

// What a control sends first to stop, and to start, the container `id`.
struct SentByControl {
  explicit SentByControl(const std::string& id) {
    DockerContainer container;
    container.id = id;
    container.name = "wiki_web_1";
    container.service = "web";
    ServiceConfig service;
    service.name = service.project = "wiki";
    service.stop_timeout = std::chrono::seconds(10);
    for (std::string* sent : {&stop, &start}) {
      ComposeControl control(service);
      REQUIRE_OK(control.Recall(ContainersToJson({container})));
      Machine machine;
      (void)(sent == &stop ? control.Stop(machine, {}) : control.Start(machine, {}));
      *sent = machine.first;
    }
    container.working_directory = "/opt/wiki";
    container.config_files = {"/opt/wiki/a,b.yml", "more.yml"};
    Machine machine;
    std::vector<std::string> warnings;
    CHECK(ComposeCommand::For(machine, "wiki", {container}, {container}, warnings, {}).has_value());
    hooks = machine.first;
  }
  struct Machine : LocalHost {
    Result<CommandResult> Run(const std::string& command, const RunOptions&,
                              const std::stop_token&) override {
      if (first.empty()) first = command;
      return CommandResult{};
    }
    std::string first;
  };
  std::string stop, start, hooks;
};

}  // namespace

TEST_CASE("The forced command tells what running containers mount and nothing else of them",
          "[.long]") {
  const Script script({"--unit", "wiki.service"});
  const std::string look = MountsLook();
  // As this docker does where it is asked for labels.
  CHECK(script.Ask(look).err.find("Cannot connect to the Docker daemon") != std::string::npos);
  for (const std::string& other :
       {Replaced(look, "{{json .Name}}", "{{json .Config.Env}}"), look + "touch pwned\n",
        Replaced(look, "$ids\n", "$ids; touch pwned\n"), Replaced(look, "'inspect'", "'rm'")})
    script.Refuses(other);
}

// With a number of his choice a thief had second copies made of a database, and started them.
TEST_CASE("The forced command has no more containers made than there were of a service") {
  const Script script({"--project", "wiki"});
  const std::string compose = GENERATE("'docker' 'compose'", "'docker-compose'");
  const std::string files = "cd / && " + compose +
                            " '--project-name' 'wiki' '--profile' '*' '--project-directory' "
                            "'/opt/wiki' '--file' '/opt/wiki/a,b.yml'";
  const std::string up = " 'up' '--no-start' '--no-build' '--no-deps' '--no-recreate'";
  ForgetMemory(script.path());
  script.Refuses(files + up + " '--scale' 'db=2' 'db'");
  // It remembers what there was when orcio looked for hooks. Of each there is one by now.
  script.Allows(SentByControl(kId).hooks, "");
  script.Allows(files + up + " '--scale' 'db=2' '--scale' 'a=b=3' 'db' 'a=b'",
                "--no-recreate --scale db=2 --scale a=b=3 db a=b");
  script.Allows(files + up + " '--pull' 'never' '--scale' 'db=2' 'db'",
                "--no-recreate --pull never --scale db=2 db");
  for (const std::string more :
       {"", " 'db'", " '--scale' 'db=2' 'web'", " '--scale' 'db=1' 'db'", " '--scale' 'db=0' 'db'",
        " '--scale' 'db=x' 'db'", " '--scale' '2' '2'", " '--scale' '--build=2' '--build'",
        " '--scale' 'db=2' '--build'", " '--scale' 'db=3' 'db'", " '--scale' 'db=9999' 'db'",
        " '--scale' 'a=b=4' 'a=b'", " '--scale' 'web=2' 'web'", " '--scale' 'd.=2' 'd.'",
        " '--pull' 'always' '--scale' 'db=2' 'db'"})
    script.Refuses(files + up + more);
  script.Refuses(Replaced(files, "/opt/wiki/a,b.yml", "/tmp/evil.yml") + up +
                 " '--scale' 'db=2' 'db'");
  ForgetMemory(script.path());
}

TEST_CASE("The forced command lets all of a project's containers stop and start in one command",
          "[.long]") {
  const Script script({"--project", "wiki"});
  const SentByControl sent(kId);
  script.Allows(sent.stop, "orcio-level: stopped\norcio-now: ");
  script.Allows(sent.start, "orcio-now: ");
  script.Allows(EndedThenCommand(std::string(32, 'a'), sent.start), "orcio-guard: gone");
  script.Allows(LookCommand({kId, kGoneId}), "docker inspect --type container");
  script.Allows(sent.hooks, "");
  ForgetMemory(script.path());
  for (const std::string& command :
       {SentByControl(kOtherId).stop, SentByControl(kOtherId).start, LookCommand({kId, kOtherId}),
        Replaced(sent.stop, "'docker' 'stop'", "'touch' 'pwned'"),
        Replaced(sent.start, "'docker' 'start'", "'docker' 'rm'"),
        Replaced(sent.start, "'docker' 'start'", "touch pwned; 'docker' 'start'"),
        sent.stop + "touch pwned\n", sent.start + "touch pwned\n",
        Replaced(sent.hooks, "'/opt/wiki/more.yml'", "'/etc/shadow'"),
        Replaced(sent.hooks, "'/opt/wiki/more.yml'", "'/opt/wiki/more.yml'; touch pwned"),
        EndedThenCommand(std::string(32, 'a'), "touch pwned"),
        EndedThenCommand(std::string(32, 'a'), ""),
        EndedThenCommand(std::string(32, 'a'), EndedCommand(std::string(32, 'a')))}) {
    script.Refuses(command);
  }
}

TEST_CASE("The forced command lets a guard be started, kept quiet and ended, and no other program",
          "[.long]") {
  const Script script({"--command", "true", "--unit", "wiki.service"});
  const std::string token(32, 'a');
  GuardPlan plan;
  plan.token = token;
  plan.service = "wiki";
  ServiceConfig service;
  service.name = "wiki";
  service.control = ControlKind::kCommands;
  service.start_command = service.status_command = "true";
  plan.start = MakeServiceControl(service)->StartScript();
  const std::string program = GuardProgram(plan);

  CHECK(script.Ask(ArmCommand(token), program).out == "orcio-guard: armed before\n");
  CHECK(script.Ask(BeatCommand(token)).out == "orcio-guard: armed before\n");
  script.Refuses(GuardedCommand(token, "touch pwned", false));
  script.Allows(GuardedCommand(token, "'sh' '-c' 'true'", false), "");
  CHECK(script.Ask(TakeCommand(token)).out == "orcio-guard: armed stopping\n");
  script.Allows(GuardedCommand(token, "'sh' '-c' 'true'", true), "");
  CHECK(script.Ask(EndedCommand(token)).out == "orcio-guard: armed stopped\n");
  CHECK(script.Ask(DisarmCommand(token)).out == "orcio-guard: armed over\n");
  CHECK(script.Ask(RemoveCommand(token)).out == "orcio-guard: gone before\n");
  CHECK(script.Ask(BeatCommand(token)).out == "orcio-guard: gone before\n");

  service.control = ControlKind::kSystemd;
  const auto start_of = [&](const std::string& memory) {
    const auto control = MakeServiceControl(service);
    REQUIRE_OK(control->Recall(memory));
    plan.start = control->StartScript();
    return GuardProgram(plan);
  };
  for (const std::string memory : {R"(["wiki.socket","wiki.service","app.service"])",
                                   R"(["wiki.service",{"unit":"app.service","activating":true}])",
                                   R"([{"unit":"wiki.service","activating":true}])",
                                   R"([{"unit":"wiki.socket","activating":false,"joined":true},)"
                                   R"("wiki.service",)"
                                   R"({"unit":"app.service","activating":true,"joined":true}])"}) {
    CAPTURE(memory);
    const std::string own = RandomToken();
    plan.token = own;
    CHECK(script.Ask(ArmCommand(own), start_of(memory)).out == "orcio-guard: armed before\n");
    CHECK(script.Ask(RemoveCommand(own)).out == "orcio-guard: gone before\n");
  }
  plan.token = token;
  const std::string sshd = start_of(R"(["wiki.service","sshd.service"])");
  script.CheckRefused(script.Ask(ArmCommand(token), sshd), sshd);
  const std::string joined =
      start_of(R"(["wiki.service",{"unit":"sshd.service","activating":false,"joined":true}])");
  script.CheckRefused(script.Ask(ArmCommand(token), joined), joined);

  service.control = ControlKind::kCommands;
  service.start_command = "touch pwned";
  plan.start = MakeServiceControl(service)->StartScript();
  const std::string foreign = GuardProgram(plan);
  plan.start = "start_all() { touch pwned; }\nfinish_stop() { :; }\n";
  for (const auto& other : {std::string(), std::string("touch pwned\n"), program + "touch pwned\n",
                            "touch pwned\n" + program, foreign, GuardProgram(plan)}) {
    script.CheckRefused(script.Ask(ArmCommand(token), other), other);
  }
  script.Refuses(ArmCommand(token) + "touch pwned\n");
  script.Refuses(ArmCommand("../" + token.substr(3)));
  script.Refuses(BeatCommand(token) + "touch pwned\n");
  script.Refuses(BeatCommand("$(touch pwned)aaaaaaaaaaaaaaaaaa"));
  script.Refuses(GuardedCommand(token, GuardedCommand(token, "'sh' '-c' 'true'", false), false));
}

TEST_CASE("The forced command looks for programs where it is told to by its own options alone") {
  const ScratchDirectory scratch;
  WriteProgram(scratch / "docker", "echo mine $DOCKER_HOST\n");
  HostConfig host;
  host.docker = scratch / "docker";
  host.docker_socket = "/run/user/7/docker.sock";
  const std::string ask = "'docker' 'logs' '--tail' '5' '" + kId + "' 2>&1";
  const Script plain({"--project", "wiki"});
  plain.Allows(CommandPrologue({}) + "'docker' 'stop' '" + kId + "'", "docker stop aa");
  CHECK(plain.Ask(CommandPrologue(host) + ask).status == 1);
  const Script named({"--project", "mine unix:///run/user/7/docker.sock", "--bin",
                      scratch.path().string(), "--docker-socket", "/run/user/7/docker.sock"});
  named.Allows(CommandPrologue(host) + ask, "orcio-begin\nmine unix:///run/user/7/docker.sock\n");
  host.docker = "/tmp/docker";
  CHECK(named.Ask(CommandPrologue(host) + ask).status == 1);
  host.docker = scratch / "docker";
  host.docker_socket = "/tmp/docker.sock";
  CHECK(named.Ask(CommandPrologue(host) + ask).status == 1);
  named.Refuses("PATH='" + scratch.path().string() + "':$PATH\ntouch pwned");
  plain.Refuses("PATH='/tmp':$PATH\n:");
}

TEST_CASE("The forced command refuses whatever is not orcio's, or not named", "[.long]") {
  const Script script({"--project", "wiki", "--unit", "wiki.service", "--command", "true"});
  const std::string path = script.path().substr(1);
  const std::string tar = "LC_ALL=C TAR_OPTIONS= tar '--create' '--file=-' ";
  const std::string compose = "cd / && 'docker' 'compose' '--project-name' ";
  const std::string own = compose + "'wiki' '--project-directory' ";
  for (const std::string& command : std::vector<std::string>{
           "",
           " ",
           "touch pwned",
           "cat /etc/shadow",
           ":; touch pwned",
           ":\ntouch pwned",
           "true",
           "'sh' '-c' 'touch pwned'",
           "'sh' '-c' 'true'; touch pwned",
           "'sh' '-c' 'true'touch",
           "'sh' '-c' 'true' 'x'",
           "'sh' '-c' true",
           "'sh' '-c' 'tr''ue'",
           "'sh'  '-c' 'true'",
           "'sh' '-c' 'true\n'",
           "'sh' '-c' '\ntrue'",
           "'sh' '-c' ''",
           tar + "'--' 'etc'",
           PackedCommand(Wire::kZstd, tar + "'--' 'etc'"),
           PackedCommand(Wire::kGzip, "touch pwned"),
           PackedCommand(Wire::kGzip, "echo x") + "touch pwned",
           PackedCommand(Wire::kGzip, PackedCommand(Wire::kGzip, "echo x")),
           tar + "'--' '" + path + "' 2>/dev/null </dev/null | sh",
           tar + "'--' '" + path + "' 'etc'",
           tar + "'--' '" + path + "/../..'",
           tar + "'--' '" + path + "/page'",
           tar + "'--' '/" + path + "'",
           tar + "'" + path + "'",
           tar + "'--' '" + path + "' ; touch pwned",
           tar + "'--' '" + path + "'$(touch pwned)",
           tar + "'--' \"$(touch pwned)\"",
           tar + "'--' '" + path + "'\ntouch pwned",
           tar + "'--to-command=touch pwned' '--' '" + path + "'",
           tar + "'--use-compress-program=touch pwned' '--' '" + path + "'",
           tar + "'--checkpoint=1' '--checkpoint-action=exec=touch pwned' '--' '" + path + "'",
           tar + "'--files-from=/etc/passwd' '--' '" + path + "'",
           tar + "'--exclude-from=/etc/passwd' '--' '" + path + "'",
           tar + "'-h' '--' '" + path + "'",
           tar + "'--'",
           tar + "'--' ''",
           "LC_ALL=C TAR_OPTIONS=--to-command=sh tar '--create' '--' '" + path + "'",
           "TAR_OPTIONS= tar '--extract' '--' '" + path + "'",
           "LC_ALL=C TAR_OPTIONS= rm '--create' '--' '" + path + "'",
           "cd / && LC_ALL=C ls -d -- '" + path + "' >/dev/null && LC_ALL=C tar -c -f - -- 'etc'",
           "cd / && LC_ALL=C ls -d -- 'etc' >/dev/null && LC_ALL=C tar -c -f - -- '" + path + "'",
           "n=0\nfor path in '/etc'; do\n",
           "e=0\nfor path in '/" + path + "'; do\ntouch pwned; done\n",
           FirstLook({"/etc"}),
           FirstLook({"etc"}),
           FirstLook({"/" + path + "/disk"}),
           FirstLook({"/" + path + "/../../etc"}),
           FirstLook({"/" + path + "2"}),
           FirstLook({"/" + path + "/a\nb"}),
           SecondLook({"/etc"}, {}) + tar + "'--' '" + path + "'",
           SecondLook({"/" + path, "/etc"}, {}) + tar + "'--' '" + path + "'",
           SecondLook({"/" + path}, {"/a\nb"}) + tar + "'--' '" + path + "'",
           SecondLook({"/" + path}, {}) + tar + "'--' 'etc'",
           SecondLook({"/" + path}, {}) + "touch pwned",
           SecondLook({"/" + path}, {"/it's"}) + PackedCommand(Wire::kGzip, "touch pwned"),
           SecondLook({"/" + path}, {}),
           "'docker' 'volume' 'inspect' '--format' '{{json .Options}}' 'wiki_db'",
           "m=0\nfor path in '/etc'; do\n" + PlaceLook(),
           "m=0\nfor path in '/" + path + "' '/etc'; do\n" + PlaceLook(),
           "m=0\nfor path in '/" + path + "'; do\ntouch pwned; done\n",
           "n=0\nfor path in '/" + path + "'; do\ntouch pwned; done\n",
           "'docker' 'stop' '" + kOtherId + "'",
           "'docker' 'stop' '" + kId + "' '" + kOtherId + "'",
           "'docker' 'stop' 'wiki_web_1'",
           "'docker' 'stop' '" + std::string(64, 'd') + "'",
           "'docker' 'stop' '-t' '-1' '" + kId + "'",
           "'docker' 'stop' '-t' '' '" + kId + "'",
           "'docker' 'rm' '" + kId + "'",
           "'docker' 'exec' '" + kId + "' 'sh'",
           "'docker' 'run' '--privileged' 'x'",
           "'docker' 'ps' '--all'",
           "'docker' 'ps' '--all' '--quiet' '--no-trunc' '--filter' "
           "'label=com.docker.compose.project=shop'",
           "'docker' 'ps' '--all' '--quiet' '--no-trunc' '--filter' 'wiki'",
           "'docker' 'inspect' '--type' 'container' '--format' '{{json .Config.Env}}' '" + kId +
               "'",
           "'docker' 'logs' '--tail' '5' '" + kOtherId + "' 2>&1",
           "'docker' 'events'",
           "'docker' 'events' '--since' '0' '--until' '9' '--filter' "
           "'type=container' '--filter' 'event=start' '--filter' 'event=unpause' '--filter' "
           "'label=com.docker.compose.project=shop' '--format' "
           "'{{.Action}} {{index .Actor.Attributes \"name\"}}'",
           "'docker' 'logs' '--tail' '5' '" + kId + "'",
           "cd / && 'docker' 'compose' '--project-name' 'wiki' 'down'",
           compose + "'shop' 'stop' 'db'",
           compose + "'wiki' 'stop'",
           compose + "'wiki' 'stop' '--help'",
           compose + "'wiki' 'stop' 'db'; touch pwned",
           compose + "'wiki' 'stop' '--timeout' 'x' 'db'",
           compose + "'wiki' 'config' '--services'",
           compose + "'wiki' '--file' '/opt/wiki/more.yml' 'stop' 'db'",
           own + "'/opt/wiki' '--file' '/tmp/evil.yml' 'stop' 'db'",
           own + "'/opt/wiki' '--file' 'more.yml' 'stop' 'db'",
           own + "'/opt/wiki' '--file' '/opt/wiki/' 'stop' 'db'",
           own + "'/opt/wiki' '--file' '/opt/wiki//opt/wiki/a,b.yml' 'stop' 'db'",
           own + "'/opt/wiki' '--file' '/opt/wiki/more.yml' '--file' '/tmp/evil.yml' 'stop' 'db'",
           own + "'/opt/wiki' '--file' '/opt/wiki/more.yml' '--env-file' '/tmp/x' 'start' 'db'",
           own + "'/opt/wiki' '--file' '/opt/wiki/more.yml' '--profile' 'x' 'start' 'db'",
           own + "'/opt/wiki' '--file' '/opt/wiki/more.yml' 'config'",
           own + "'/opt/wiki' 'config' '--services'",
           own + "'/tmp' '--file' '/tmp/more.yml' 'config' '--services'",
           own + "'' '--file' '/more.yml' 'config' '--services'",
           "'systemctl' '--no-block' 'stop' '--' 'sshd.service'",
           "'systemctl' '--no-block' 'mask' '--' 'wiki.service'",
           "'systemctl' '--no-block' 'stop' '--' 'app.service' 'sshd.service'",
           "'systemctl' '--no-block' 'stop' '--' 'other.service app.service'",
           "'systemctl' '--no-block' 'stop' '--' '-Happ.service'",
           "'systemctl' '--no-block' 'stop' '--' 'wiki.service' 'sshd.service'",
           "'systemctl' 'show' '--property=Environment' '--' 'wiki.service'",
           "'journalctl' '--unit=sshd.service' '--lines=5' '--no-pager' '--output=cat'",
           "'journalctl' 'wiki.service' '--lines=5' '--no-pager' '--output=cat'",
           "'touch' 'pwned'",
           "'",
           "''",
           "'docker' 'stop' '" + kId,
           "\x1b[2J\xff"}) {
    script.Refuses(command);
  }
  // Without any options nothing but looking for a tar is left.
  const Script bare({});
  for (const std::string command : {"'docker' 'ps' '--all' '--quiet' '--no-trunc' '--filter' "
                                    "'label=com.docker.compose.project='",
                                    "'sh' '-c' ''", "'systemctl' '--no-block' 'stop' '--' ''",
                                    "LC_ALL=C TAR_OPTIONS= tar '--create' '--' ''"}) {
    bare.Refuses(command);
  }
}

TEST_CASE("Asked to go by sudo, the forced command runs itself by sudo, with the same options",
          "[.long]") {
  const ScratchDirectory scratch;
  WriteProgram(scratch / "sudo", "printf '%s\\n' \"$*\"\n");
  std::filesystem::permissions(scratch.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(scratch / "sudo", std::filesystem::perms(0755));
  std::filesystem::copy_file(kScript, scratch / "orcio-host");
  CommandOptions options;
  options.environment["SSH_ORIGINAL_COMMAND"] = PortableShellLine("sudo -n -- ", "cat");
  options.environment["PATH"] = scratch.path().string() + ":/usr/bin:/bin";
  const std::string program = (scratch / "orcio-host").string();
  const std::vector<std::string> words{program, "--path", "/srv/wiki", "--unit", "a.service"};
  CHECK(RunCommand(words, options).status == 0);  // is root already
  std::vector<std::string> as_nobody{"setpriv", "--reuid", "65534",
                                     "--regid", "65534",   "--clear-groups"};
  as_nobody.insert(as_nobody.end(), words.begin(), words.end());
  CHECK(MustRun(as_nobody, options) == "-n -- " + program + " --path /srv/wiki --unit a.service\n");
}

TEST_CASE("What is not dressed as orcio dresses it is refused") {
  const Script script({"--command", "touch pwned"});
  const std::string inner = "'\\''sh'\\'' '\\''-c'\\'' '\\''touch pwned'\\''";
  for (const std::string& request : std::vector<std::string>{
           "touch pwned", "sh -c 'touch pwned'",
           "exec sh -c 'eval \"$(printf %b \":\")\"' ; touch pwned",
           "exec sh -c 'eval \"$(printf %b \"$(touch pwned)\")\"'",
           "exec sh -c 'eval \"$(printf %b \":\")\"'\n",
           "exec exec sh -c 'eval \"$(printf %b \":\")\"'", "exec sh -c '" + inner + "'",
           "exec sh -c 'eval \"$(printf %b \":\")\"",
           "exec sh -c 'eval \"$(printf %b \"\\c\")\"'"}) {
    script.CheckRefused(script.AskRaw(request), request);
  }
  const Script wrong({"--port", "22"});
  wrong.CheckRefused(wrong.Ask("cat"), "an option that it does not have");
}

}  // namespace orcio::test
