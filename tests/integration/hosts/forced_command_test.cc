// scripts/orcio-host, which restricts a key in authorized_keys, asked by itself: it allows what
// orcio sends, and nothing else. It is asked hundreds of things, at a tenth of a second each: what
// has the tag [.long] is for scripts/check.

#include "archiver/control/compose_control.h"
#include "archiver/docker/docker_json.h"
#include "archiver/docker/docker_mounts.h"
#include "archiver/host/command_frame.h"
#include "archiver/plan/volume_check.h"
#include "archiver/safety/guard_script.h"
#include "archiver/tar/standing_paths.h"
#include "archiver/tar/wire.h"
#include "base/random_token.h"
#include "tests/integration/hosts/forced_script.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"

namespace orcio::test {
namespace {

const std::string kId(64, 'a');       // of a container of the project `wiki`
const std::string kOtherId(64, 'b');  // of another project's
const std::string kGoneId(64, 'c');

// Runs nothing, and notes what it is asked first.
class Asked : public LocalHost {
 public:
  Result<CommandResult> Run(const std::string& command, const RunOptions&,
                            const std::stop_token&) override {
    return Note(command);
  }
  Result<CommandResult> Stream(const std::string& command, ByteSink&, const RunOptions&,
                               const std::stop_token&) override {
    return Note(command);
  }
  std::string first;

 private:
  CommandResult Note(const std::string& command) {
    if (first.empty()) first = command;
    return {};
  }
};

// What orcio asks about where mounts come from, after the paths.
std::string PlaceLook() {
  Asked host;
  VolumeCheck check;
  check.containers = {{"wiki_web_1", "wiki", "web", {{"", "/x", "/x", true}}}};
  LookAtPlaces(host, check, {});
  return host.first.substr(host.first.find("; do\n") + 5);
}

// What comes before a tar once a service is stopped, if it had these mounts.
std::string SecondLook(const std::vector<std::string>& paths,
                       const std::vector<std::string>& mounts) {
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
  return host.first;
}

// What is asked of a service's paths while it runs.
std::string FirstLook(const std::vector<std::string>& paths) {
  Asked host;
  ServiceConfig service;
  service.paths = paths;
  (void)LookAtPaths(host, service, {}, {});
  return host.first;
}

// What orcio asks about the containers that run.
std::string MountsLook() {
  Asked host;
  (void)ListMounts(host, {});
  return host.first;
}

std::string Replaced(std::string text, const std::string& part, const std::string& by) {
  const size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), by);
}

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
      "PropagatesStopTo,TriggeredBy,After' "
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
      Asked machine;
      (void)(sent == &stop ? control.Stop(machine, {}) : control.Start(machine, {}));
      *sent = machine.first;
    }
    container.working_directory = "/opt/wiki";
    container.config_files = {"/opt/wiki/a,b.yml", "more.yml"};
    Asked machine;
    std::vector<std::string> warnings;
    CHECK(ComposeCommand::For(machine, "wiki", {container}, {container}, warnings, {}).has_value());
    hooks = machine.first;
  }
  std::string stop, start, hooks;
};

}  // namespace

TEST_CASE("The forced command tells what running containers mount and nothing else of them",
          "[.long]") {
  const Script script({"--unit", "wiki.service"});
  const std::string look = MountsLook();
  // As this docker does if it is asked for labels.
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
