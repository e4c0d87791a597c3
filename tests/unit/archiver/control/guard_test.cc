#include "archiver/safety/guard.h"

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "archiver/control/service_control.h"
#include "archiver/host/shell_quote.h"
#include "base/random_token.h"
#include "base/text/words.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

namespace fs = std::filesystem;
using Mark = GuardState::Mark;
using Phase = GuardState::Phase;

constexpr std::chrono::seconds kAsk{30};
constexpr std::chrono::seconds kLong{60};

// A directory for the front of PATH in which `sh` is the shell of that name.
std::string PathWith(const fs::path& directory, const std::string& shell) {
  for (const char* where : {"/usr/bin/", "/bin/"}) {
    if (!fs::exists(directory / "sh") && fs::exists(where + shell))
      fs::create_symlink(where + shell, directory / "sh");
  }
  return directory.string() + ":" + std::getenv("PATH");
}

// Commands run in a directory, and with nothing but an environment, as a login session has them.
class Session : public test::LocalHost {
 public:
  Session(fs::path home, std::vector<std::string> environment)
      : LocalHost("atena"), home_(std::move(home)), environment_(std::move(environment)) {}

  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    std::vector<std::string> words{"env", "-i", "HOME=" + home_.string()};
    words.insert(words.end(), environment_.begin(), environment_.end());
    words.insert(words.end(), {"sh", "-c", command});
    return LocalHost::Run(
        "umask 027; cd " + ShellQuote(home_.string()) + " && exec " + ShellCommand(words), options,
        stop);
  }

 private:
  const fs::path home_;
  std::vector<std::string> environment_;
};

ServiceConfig Commands(const std::string& start, const std::string& status) {
  ServiceConfig service;
  service.name = "wiki";
  service.control = ControlKind::kCommands;
  service.start_command = start;
  service.status_command = status;
  return service;
}

class DropSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t) override {
    if (std::exchange(began_, true) || !on_begin) return {};
    on_begin();
    return {};
  }
  std::function<void()> on_begin;  // as the first bytes come

 private:
  bool began_ = false;
  std::array<std::byte, 4096> buffer_{};
};

// This machine as the host, and a guard whose service is a file: starting it makes the file. The
// guard's seconds pass by Step, or by themselves after Release: how long this machine takes for
// anything else tells nothing.
struct Scene {
  test::ScratchDirectory scratch;
  test::LocalHost machine;
  GuardPlan plan;

  explicit Scene(const std::string& shell = "dash")
      : machine("atena", {{"PATH", PathWith(scratch.path(), shell)}}) {
    plan.token = RandomToken();
    plan.service = "wiki";
    plan.silence = std::chrono::seconds(1);
    plan.start = "start_all() {\n  [ -e " + up() + " ] || { up=no; echo x >>" + up() +
                 "; }\n}\nfinish_stop() { echo x >>" + Quoted("finished") + "; }\n" + Clock();
  }
  ~Scene() {
    Release();
    (void)AskGuard(machine, DisarmCommand(plan.token), kAsk, {});
    (void)AskGuard(machine, RemoveCommand(plan.token), kAsk, {});
    (void)Await([&] { return Processes() == 0; });
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // For the start of a plan's script: what the guard sleeps by.
  [[nodiscard]] std::string Clock() const {
    return "sleep() {\n  if [ -e " + Quoted("held") + " ]; then\n    echo >>" + Quoted("asleep") +
           "\n    while [ -e " + Quoted("held") + " ] && ! rm " + Quoted("step") +
           " 2>/dev/null; do command sleep 0.02; done\n  else\n    command sleep \"$@\"\n  fi\n}\n";
  }
  void Arm() { ArmBy(machine); }
  void ArmBy(RemoteHost& host) {
    std::ofstream(scratch / "held").flush();
    REQUIRE_OK(ArmGuard(host, plan, {}));
  }
  void Release() const { fs::remove(scratch / "held"); }
  // A second of the guard's, with all that it does in it: then it sleeps again. Not for one in
  // which it fires.
  void Step() {
    REQUIRE(Await([&] { return Exists("asleep"); }));
    const size_t slept = Size("asleep");
    std::ofstream(scratch / "step").flush();
    REQUIRE(Await([&] { return Size("asleep") > slept; }));
  }
  void Steps(int count) {
    for (int i = 0; i < count; ++i) Step();
  }

  [[nodiscard]] std::string Quoted(const std::string& name) const {
    return ShellQuote((scratch / name).string());
  }
  [[nodiscard]] std::string up() const { return Quoted("up"); }
  [[nodiscard]] bool Exists(const std::string& name) const { return fs::exists(scratch / name); }
  [[nodiscard]] std::string Text(const std::string& name) const {
    std::ifstream in(scratch / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] size_t Size(const std::string& name) const {
    return Exists(name) ? fs::file_size(scratch / name) : 0;
  }

  // By what `sh` is here, as sshd's sessions have it.
  GuardState Ask(const std::string& command) {
    return ValueOf(AskGuard(machine, "exec sh -c " + ShellQuote(command), kAsk, {}));
  }
  Result<CommandResult> Guarded(const std::string& command) {
    GuardedHost host(machine, plan.token);
    return host.Run(command, {}, {});
  }
  Result<CommandResult> GuardedStream(const std::string& command) {
    GuardedHost host(machine, plan.token);
    DropSink sink;
    return host.Stream(command, sink, {}, {});
  }
  // Has the host do `script` first whenever it is to run `program`.
  void Shadow(const std::string& program, const std::string& script) const {
    std::ofstream(scratch / program) << "#!/bin/sh\nPATH=${PATH#*:}\n"
                                     << script << "\nexec " << program << " \"$@\"\n";
    fs::permissions(scratch / program, fs::perms::owner_all);
  }
  bool Await(const std::function<bool()>& condition) {
    using Time = std::chrono::steady_clock;
    for (const auto end = Time::now() + kLong; Time::now() < end;) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  // Asks without giving a sign of life.
  bool AwaitFired() {
    return Await([&] {
      const auto state = Ask(TakeCommand(plan.token));
      return state.mark == Mark::kFired && !state.at_work();
    });
  }
  // The programs of this guard that run. What one of them has forked bears its name until it
  // becomes another program, and is none.
  [[nodiscard]] std::vector<pid_t> Pids() const {
    std::map<pid_t, pid_t> parents;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::ifstream in(entry.path() / "cmdline");
      std::ostringstream line;
      line << in.rdbuf();
      if (line.str().find("orcio-guard-" + plan.token + "/guard") == std::string::npos) continue;
      std::optional<pid_t> parent;
      std::ifstream status(entry.path() / "status");
      for (std::string word; status >> word;) {
        if (word == "PPid:") status >> parent.emplace();
      }
      if (!parent) continue;  // it has ended meanwhile
      parents.emplace(std::stoi(entry.path().filename().string()), *parent);
    }
    std::vector<pid_t> pids;
    for (const auto& [pid, parent] : parents) {
      if (!parents.contains(parent)) pids.push_back(pid);
    }
    return pids;
  }
  [[nodiscard]] size_t Processes() const { return Pids().size(); }
  // Of the guard; empty if it has none.
  [[nodiscard]] fs::path Directory() const {
    for (const char* base : {"/run", "/dev/shm", "/tmp"}) {
      const fs::path there = base + ("/orcio-guard-" + plan.token);
      if (fs::exists(there)) return there;
    }
    return {};
  }
  [[nodiscard]] bool HasDirectory() const { return !Directory().empty(); }
  // Of the guard that has said it is there, dead or alive.
  [[nodiscard]] pid_t ReadyPid() const {
    pid_t pid = 0;
    std::ifstream(Directory() / "ready") >> pid;
    return pid;
  }
  [[nodiscard]] bool HasBeat() const { return fs::exists(Directory() / "beat"); }
};

}  // namespace

TEST_CASE("A guard that hears nothing starts the service, once, in dash and in busybox") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.Arm();
    CHECK(scene.Processes() == 1);
    REQUIRE_OK(scene.Guarded("true"));
    scene.Release();
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Size("up") == 2);  // "x\n"
    CHECK(scene.Await([&] { return scene.Processes() == 0; }));
    const auto last = scene.Ask(DisarmCommand(scene.plan.token));
    CHECK(last.mark == Mark::kFired);
    CHECK(last.detail == "confirmed orcio was silent for 1 s");
    CHECK(scene.Ask(DisarmCommand(scene.plan.token)).detail == last.detail);
    scene.Ask(RemoveCommand(scene.plan.token));
    CHECK_FALSE(scene.HasDirectory());
  }
}

TEST_CASE("A guard puts back what a restore has moved, and starts nothing where it cannot") {
  for (const std::string shell : {"dash", "busybox"}) {
    const bool can = GENERATE(true, false);
    CAPTURE(shell, can);
    Scene scene(shell);
    scene.plan.start += "puts_back=yes\nput_back() { echo x >>" + scene.Quoted("back") + "; " +
                        (can ? "[ ! -e " + scene.up() + " ]" : "false") + "; }\n";
    scene.Arm();
    REQUIRE_OK(scene.Guarded("true"));
    scene.Release();
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Await([&] { return scene.Processes() == 0; }));
    const auto last = scene.Ask(DisarmCommand(scene.plan.token));
    CHECK(last.detail.starts_with(can ? "confirmed" : "failed orcio was silent for 1 s, and what"));
    CHECK_FALSE(last.at_work());
    CHECK(scene.Size("up") == (can ? 2 : 0));
    CHECK(scene.Size("back") == (can ? 2 : 4));
    scene.Ask(RemoveCommand(scene.plan.token));
  }
}

TEST_CASE("A guard that hears orcio lets the service be, and is gone once disarmed") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.plan.silence = std::chrono::seconds(2);
    scene.Arm();
    REQUIRE_OK(scene.Guarded("true"));
    for (int i = 0; i < 5; ++i) {
      REQUIRE(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
      scene.Step();
    }
    CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
    const auto again = scene.Ask(DisarmCommand(scene.plan.token));
    CHECK(again.mark == Mark::kArmed);
    CHECK(again.phase == Phase::kBefore);  // nothing to wait for
    scene.Ask(RemoveCommand(scene.plan.token));
    CHECK_FALSE(scene.HasDirectory());
    scene.Release();  // not before: what orcio has not removed 5 s after it claimed it stays for 60
    CHECK(scene.Await([&] { return scene.Processes() == 0; }));
    CHECK_FALSE(scene.Exists("up"));
    CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kGone);
  }
}

TEST_CASE("A guard that somebody killed is there again with the next sign of orcio") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.plan.silence = std::chrono::seconds(2);
    scene.Arm();
    REQUIRE_OK(scene.Guarded("true"));
    for (const pid_t pid : scene.Pids()) REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(scene.Await([&] { return scene.Processes() == 0; }));
    CHECK(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
    REQUIRE(scene.Await([&] { return scene.Pids() == std::vector{scene.ReadyPid()}; }));
    CHECK(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
    CHECK(scene.Await([&] { return scene.Processes() == 1; }));  // and no second one
    scene.Release();
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Size("up") == 2);  // once
  }
}

TEST_CASE("Of two guards that began at once the one that said so last stays") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.plan.silence = std::chrono::seconds(30);
    scene.Arm();
    REQUIRE_OK(scene.Guarded("true"));
    // This process stands for the other one.
    std::ifstream stat("/proc/self/stat");
    std::string field;
    for (int i = 0; i < 22; ++i) stat >> field;
    std::ofstream(scene.Directory() / "ready") << ::getpid() << " " << field << "\n";
    std::ofstream(scene.scratch / "step").flush();
    CHECK(scene.Await([&] { return scene.Processes() == 0; }));
    CHECK_FALSE(scene.Exists("up"));
    CHECK_FALSE(fs::exists(scene.Directory() / "claim"));
  }
}

TEST_CASE(
    "A guard fires after the longest downtime though orcio lives, but not once all was read") {
  Scene scene;
  scene.plan.silence = std::chrono::seconds(30);
  scene.plan.longest = std::chrono::seconds(1);
  scene.Arm();
  REQUIRE_OK(scene.Guarded("true"));
  SECTION("while it is read") {
    scene.Release();
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Exists("up"));
  }
  SECTION("afterwards") {
    CHECK(scene.Ask(EndedCommand(scene.plan.token)).mark == Mark::kArmed);
    scene.Steps(3);
    CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
    CHECK_FALSE(scene.Exists("up"));
  }
}

TEST_CASE(
    "What starts the service says first that all was read, and starts nothing behind a guard") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.plan.longest = std::chrono::seconds(1);
    scene.plan.silence = std::chrono::seconds(30);
    scene.Arm();
    REQUIRE_OK(scene.Guarded("true"));
    const std::string start = "echo started; echo orcio-guard: x >&2; exit 7";
    const auto ask = [&] {
      return ValueOf(scene.machine.Run(
          "exec sh -c " + ShellQuote(EndedThenCommand(scene.plan.token, start)), {}, {}));
    };
    auto result = ask();
    CHECK(result.exit_status == 7);
    const auto state = TakeGuardState(result.out);
    REQUIRE(state);
    CHECK(state->mark == Mark::kArmed);
    CHECK(result.out == "started\n");
    CHECK_FALSE(TakeGuardState(result.out));
    scene.Steps(3);
    CHECK_FALSE(scene.Exists("up"));

    fs::create_directory(scene.Directory() / "claim");
    auto refused = ask();
    CHECK(TakeGuardState(refused.out)->mark == Mark::kFired);
    CHECK(refused.out.empty());
    fs::remove(scene.Directory() / "claim");
  }
}

TEST_CASE("A guard ends the tar that it interrupts, and the host refuses to begin another") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.Arm();
    GuardedHost host(scene.machine, scene.plan.token);
    DropSink sink;
    sink.on_begin = [&] { scene.Release(); };
    // Nothing but a signal ends it.
    const auto ended = ValueOf(host.Stream("cat /dev/zero", sink, {}, {}));
    CHECK(ended.exit_status != 0);
    CHECK(ended.signal.has_value());
    const auto refused = scene.Guarded("echo x >" + scene.Quoted("stopped"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("has fired") != std::string::npos);
    CHECK_FALSE(scene.Exists("stopped"));
    scene.Release();
    REQUIRE(scene.AwaitFired());
    CHECK_FALSE(scene.Exists("finished"));  // the stream says that the service had stopped
  }
}

TEST_CASE("A guard waits for stops that are under way before it starts anything") {
  Scene scene;
  scene.Arm();
  CHECK(scene.Ask(TakeCommand(scene.plan.token)).phase == Phase::kBefore);
  REQUIRE_OK(scene.Guarded("true"));
  CHECK(scene.Ask(TakeCommand(scene.plan.token)).phase == Phase::kStopping);
  scene.Release();
  REQUIRE(scene.AwaitFired());
  CHECK(scene.Size("finished") == 2);
}

TEST_CASE("A guard of a run that never stopped anything starts nothing and leaves nothing") {
  Scene scene;
  scene.Arm();
  scene.Release();
  CHECK(scene.Await([&] { return scene.Processes() == 0; }));
  CHECK_FALSE(scene.HasDirectory());
  CHECK_FALSE(scene.Exists("up"));
  // A run that slept over it finds out before it stops anything.
  CHECK_FALSE(scene.Guarded("true").has_value());
}

TEST_CASE("A command is ended, and no other, where its run has failed") {
  Scene scene;
  scene.plan.silence = std::chrono::seconds(30);
  scene.Arm();
  std::jthread other([&] {
    test::LocalHost again("atena");
    for (int i = 0; i < 1200; ++i) {
      (void)again.Run(TakeCommand(scene.plan.token), {}, {});
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (scene.Exists("over")) return;
    }
  });
  const auto ended = ValueOf(scene.Guarded("sleep 600"));
  CHECK(ended.signal.has_value());
  std::ofstream(scene.scratch / "over").flush();
  other.join();
  CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
}

// The shell was the first to go, and what it waited for stayed, stopped, for good.
TEST_CASE("A tar that somebody has stopped is ended where its run has failed") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.plan.silence = std::chrono::seconds(30);
    scene.Arm();
    GuardedHost host(scene.machine, scene.plan.token);
    std::stop_source give_up;
    std::jthread taker;
    DropSink sink;
    sink.on_begin = [&] {
      taker = std::jthread([&] {
        test::LocalHost again("atena");
        const bool over = scene.Await([&] {
          (void)again.Run(TakeCommand(scene.plan.token), {}, {});
          return scene.Exists("over");
        });
        if (!over) give_up.request_stop();
      });
    };
    // A stream ends with the last that has its standard output.
    const auto ended = host.Stream(
        "sh -c 'kill -s STOP $$' & until grep -q '^State:.T' /proc/$!/status; do sleep 0.02; done; "
        "echo x; wait",
        sink, {}, give_up.get_token());
    CHECK(ended.has_value());
    std::ofstream(scene.scratch / "over").flush();
  }
}

TEST_CASE("A guard that looks while it is removed leaves the service alone") {
  Scene scene;
  scene.plan.silence = std::chrono::seconds(60);
  // Orcio's claim is gone when the guard makes its own, and the rest goes a while later.
  scene.Shadow("mkdir", "case $1 in */claim) while [ -e \"$1\" ]; do : >" +
                            scene.Quoted("looking") + "; sleep 0.1; done ;; esac");
  scene.Shadow(
      "rm",
      "if [ \"$1\" = -rf ]; then rm -rf \"$2/claim\" \"$2/done\" \"$2/stopped\"; sleep 2; fi");
  scene.Arm();
  REQUIRE_OK(scene.GuardedStream("true"));
  CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
  scene.Release();
  REQUIRE(scene.Await([&] { return scene.Exists("looking"); }));
  scene.Ask(RemoveCommand(scene.plan.token));
  CHECK(scene.Await([&] { return scene.Processes() == 0; }));
  CHECK_FALSE(scene.Exists("finished"));
  CHECK_FALSE(scene.Exists("up"));
  CHECK_FALSE(scene.HasDirectory());
}

TEST_CASE("A guard that fires while it is removed stops nothing") {
  Scene scene;
  scene.Shadow("logger", ": >" + scene.Quoted("telling") + "; sleep 2; exit");
  scene.Arm();
  REQUIRE_OK(scene.GuardedStream("true"));
  scene.Release();
  REQUIRE(scene.Await([&] { return scene.Exists("telling"); }));
  CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kFired);
  scene.Ask(RemoveCommand(scene.plan.token));
  CHECK(scene.Await([&] { return scene.Processes() == 0; }));
  CHECK_FALSE(scene.Exists("finished"));
  CHECK_FALSE(scene.HasDirectory());
}

TEST_CASE("Nothing is stopped under a guard that is being removed") {
  Scene scene;
  scene.plan.silence = std::chrono::seconds(60);
  scene.Arm();
  scene.Release();
  scene.Shadow("rm", "[ \"$1\" = -f ] || exit 0");
  scene.Ask(RemoveCommand(scene.plan.token));
  CHECK(scene.HasDirectory());
  CHECK_FALSE(scene.Guarded("true"));
  fs::remove(scene.scratch / "rm");
}

TEST_CASE("A guard goes on until the service is up") {
  Scene scene;
  // Up at the third attempt.
  scene.plan.start =
      "start_all() {\n  tried=${tried:-0}\n  [ \"$tried\" -ge 3 ] || { up=no; "
      "tried=$((tried + 1)); echo x >>" +
      scene.up() + "; }\n}\nfinish_stop() { :; }\n" + scene.Clock();
  scene.Arm();
  REQUIRE_OK(scene.Guarded("true"));
  scene.Release();
  REQUIRE(scene.AwaitFired());
  CHECK(scene.Size("up") == 6);
}

TEST_CASE("A guard starts a service with the environment and in the directory of its session") {
  std::string bytes;
  for (int byte = 1; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const std::string value = "it's \"so\"\nexport HOME='/x' `id` $(id) \\ " + bytes + "\n\n";
  for (const std::string shell : {"dash", "busybox", "bash"}) {
    CAPTURE(shell);
    Scene scene(shell);
    const fs::path home = scene.scratch / "home of wiki's";
    fs::create_directories(home / "sub");
    scene.plan.start =
        MakeServiceControl(
            Commands("cd sub && touch ~/up && printf %s \"$VALUE\" >~/value && umask >~/umask && "
                     "printf %s \"$service ${BASH_ENV-none} ${SSH_CONNECTION-none}\" >~/rest",
                     shell == "busybox" ? "cd sub && [ -e ~/up ]" : ""))
            ->StartScript() +
        scene.Clock();
    Session session(home, {"PATH=" + PathWith(scene.scratch.path(), shell), "VALUE=" + value,
                           "BASH_ENV=/nonexistent", "SSH_CONNECTION=10.0.0.1 1 10.0.0.2 22",
                           "service=its own"});
    scene.ArmBy(session);
    const fs::path kept = scene.Directory() / "environment";
    CHECK(fs::status(kept).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    REQUIRE_OK(scene.Guarded("true"));
    scene.Release();
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Ask(TakeCommand(scene.plan.token)).detail.starts_with("confirmed"));
    CHECK(scene.Exists("home of wiki's/up"));
    CHECK(scene.Text("home of wiki's/value") == value);
    CHECK(scene.Text("home of wiki's/umask") == "0027\n");
    CHECK(scene.Text("home of wiki's/rest") == "its own none none");
    REQUIRE(scene.Await([&] { return scene.Processes() == 0; }));
    CHECK_FALSE(fs::exists(kept));
  }
}

// As a home on NFS does to who enters it while the network is down, which orcio is silent for.
TEST_CASE("A guard starts what it can though nobody can enter the directory of its session") {
  const bool hangs = GENERATE(true, false);
  const bool is_docker = GENERATE(true, false);
  CAPTURE(hangs, is_docker);
  Scene scene;
  const fs::path home = scene.scratch / "home";
  fs::create_directory(home);
  const std::string note = "echo \"$HOME $PWD $(pwd)\" >>" + scene.Quoted("ran");
  scene.Shadow("docker", note + "; exit");
  scene.Shadow("logger", "echo \"$*\" >>" + scene.Quoted("log") + "; exit");
  scene.Shadow("timeout", "real=$(command -v timeout)\nPATH=" + scene.scratch.path().string() +
                              ":$PATH\n"
                              "case $* in *' there true') [ \"$1\" != -k ] || shift 2\n"
                              "shift; exec \"$real\" 0.2 \"$@\" ;; esac\nexec \"$real\" \"$@\"");
  scene.plan.start =
      (is_docker
           ? "start_all() { within 60 docker start; }\nfinish_stop() { within 60 docker stop; }\n"
           : MakeServiceControl(Commands(note + "; : >" + scene.up(), "[ -e " + scene.up() + " ]"))
                 ->StartScript()) +
      scene.Clock();
  Session session(home, {"PATH=" + PathWith(scene.scratch.path(), "dash")});
  scene.ArmBy(session);
  if (hangs) {
    fs::remove(scene.scratch / "sh");
    scene.Shadow("sh",
                 "case $1 in */environment) exec dash -c 'cd() {\n"
                 "case $* in */home) exec sleep 300 ;; *) command cd \"$@\" ;; esac\n"
                 "}\n. \"$0\"' \"$@\" ;; esac");
  } else {
    fs::remove(home);
  }
  REQUIRE_OK(scene.Guarded("true"));
  scene.Release();
  REQUIRE(scene.AwaitFired());
  CHECK(scene.Ask(TakeCommand(scene.plan.token)).detail.starts_with("confirmed"));
  const std::string ran = home.string() + " / /\n";
  CHECK(scene.Text("ran") == (is_docker ? ran + ran + ran + ran : ran));
  REQUIRE(scene.Await([&] { return scene.Processes() == 0; }));
  const std::string log = scene.Text("log");
  const auto said = log.find("cannot be entered");
  CHECK((said == std::string::npos) == is_docker);
  if (!is_docker) CHECK(log.find("cannot be entered", said + 1) == std::string::npos);
}

// The sign that puts another one in its place comes by another connection.
TEST_CASE("A guard that was killed asks the docker daemon of the session that armed it") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    scene.Shadow("docker", "echo \"$DOCKER_CONTEXT\" >>" + scene.Quoted("asked") + "; exit");
    scene.plan.start =
        "start_all() { within 60 docker start; }\nfinish_stop() { :; }\n" + scene.Clock();
    Session session(scene.scratch.path(),
                    {"PATH=" + PathWith(scene.scratch.path(), shell), "DOCKER_CONTEXT=far"});
    scene.ArmBy(session);
    REQUIRE_OK(scene.Guarded("true"));
    for (const pid_t pid : scene.Pids()) REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(scene.Await([&] { return scene.Processes() == 0; }));
    CHECK(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
    REQUIRE(scene.Await([&] { return scene.Pids() == std::vector{scene.ReadyPid()}; }));
    scene.Release();
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Text("asked") == "far\nfar\nfar\n");
  }
}

// To such a bash a name that is read-only is the end of a program.
TEST_CASE("A session whose bash follows POSIX to the letter has its environment kept") {
  Scene scene("bash");
  const std::string note = "echo \"$VALUE\" >>" + scene.Quoted("value");
  scene.plan.start = "start_all() { within 60 " + ShellCommand({"sh", "-c", note}) +
                     "; }\nfinish_stop() { :; }\n" + scene.Clock();
  Session session(scene.scratch.path(), {"PATH=" + PathWith(scene.scratch.path(), "bash"),
                                         "POSIXLY_CORRECT=y", "UID=5", "VALUE=its \"own\""});
  scene.ArmBy(session);
  CHECK(fs::exists(scene.Directory() / "environment"));
  REQUIRE_OK(scene.Guarded("true"));
  scene.Release();
  REQUIRE(scene.AwaitFired());
  const std::string line = "its \"own\"\n";
  CHECK(scene.Text("value") == line + line + line);
}

TEST_CASE("What a guard starts does not ignore SIGPIPE though the guard does") {
  Scene scene;
  scene.plan.start = "start_all() { in_session grep SigIgn /proc/self/status >" +
                     scene.Quoted("ignored") + "; }\nfinish_stop() { :; }\n" + scene.Clock();
  scene.Arm();
  REQUIRE_OK(scene.Guarded("true"));
  scene.Release();
  REQUIRE(scene.AwaitFired());
  const std::string ignored = scene.Text("ignored");
  REQUIRE(ignored.starts_with("SigIgn:"));
  CHECK((std::stoull(ignored.substr(7), nullptr, 16) >> (SIGPIPE - 1)) % 2 == 0);
}

TEST_CASE("A session whose environment cannot be kept has a guard all the same") {
  Scene scene;
  scene.Shadow("env", "exit 1");
  scene.Arm();
  CHECK_FALSE(fs::exists(scene.Directory() / "environment"));
  REQUIRE_OK(scene.Guarded("true"));
  scene.Release();
  REQUIRE(scene.AwaitFired());
  CHECK(scene.Exists("up"));
}

TEST_CASE("A guard does not wait an hour for what is gone, and says what it is") {
  const bool comes_back = GENERATE(false, true);
  CAPTURE(comes_back);
  Scene scene;
  // Seconds that pass at once, after Release.
  scene.plan.start =
      "start_all() {\n  seen=$((${seen:-0} + 1))\n  head -n 1 \"$d/fired\" >>" +
      scene.Quoted("said") + "\n  " + std::string(comes_back ? "[ \"$seen\" -gt 50 ] || " : "") +
      "gone=\"$gone web-1\"\n  [ -e " + scene.up() + " ] || { up=no; echo x >>" + scene.up() +
      "; }\n}\nfinish_stop() { :; }\nsleep() {\n  while [ -e " + scene.Quoted("held") +
      " ]; do command sleep 0.02; done\n  echo \"$1\" >>" + scene.Quoted("slept") + "\n}\n";
  scene.Shadow("logger", "echo \"$*\" >>" + scene.Quoted("log") + "; exit");
  scene.Arm();
  REQUIRE_OK(scene.Guarded("true"));
  scene.Release();
  REQUIRE(scene.AwaitFired());
  REQUIRE(scene.Await([&] { return scene.Processes() == 0; }));
  const auto last = scene.Ask(TakeCommand(scene.plan.token));
  CHECK_FALSE(last.at_work());
  CHECK(last.detail == (comes_back ? "confirmed orcio was silent for 1 s"
                                   : "failed orcio was silent for 1 s, and these of its "
                                     "containers are gone: web-1"));
  CHECK(scene.Size("up") == 2);  // what is there is started
  // Once that has run for twenty looks, a second each, orcio need not wait: it waited for a minute.
  const auto said = Lines(scene.Text("said"));
  REQUIRE(said.size() > 22);
  CHECK(said[20] == "starting orcio was silent for 1 s");
  CHECK(said[21] ==
        "lacking orcio was silent for 1 s, and these of its containers are gone: web-1");
  std::string told = "orcio-guard: fired stopped " + said[21] + "\n";
  CHECK_FALSE(TakeGuardState(told)->at_work());
  CHECK((scene.Text("log").find("these containers are gone: web-1") != std::string::npos) !=
        comes_back);
  // A docker daemon may take its time until it knows its containers.
  std::istringstream slept(scene.Text("slept"));
  int seconds = 0;
  for (double pause = 0; slept >> pause;) seconds += static_cast<int>(pause);
  if (!comes_back) CHECK((seconds >= 600 && seconds < 660));
}

TEST_CASE("A host that cannot have a guard says so") {
  Scene scene;
  // No directory can be made: the shell's mkdir fails.
  scene.Shadow("mkdir", "exit 1");
  const auto armed = ArmGuard(scene.machine, scene.plan, {});
  REQUIRE_FALSE(armed);
  CHECK(armed.error().message.find("guard") != std::string::npos);
  CHECK(armed.error().message.find("/dev/shm") != std::string::npos);
}

TEST_CASE("Only a directory of one's own is taken for the guard's") {
  Scene scene;
  const fs::path planted = "/tmp/orcio-guard-" + scene.plan.token;
  fs::create_directory(scene.scratch / "elsewhere");
  fs::create_directory_symlink(scene.scratch / "elsewhere", planted);
  CHECK(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kGone);
  CHECK(fs::is_empty(scene.scratch / "elsewhere"));
  fs::remove(planted);
}

TEST_CASE("A pulse keeps a guard quiet, and tells when it is lost") {
  Scene scene;
  scene.Arm();
  REQUIRE_OK(scene.Guarded("true"));
  test::LocalHost second("atena");
  {
    const GuardPulse pulse(second, scene.plan.token, std::chrono::seconds(24));  // a beat each 6 s
    for (int i = 0; i < 3; ++i) {
      REQUIRE(scene.Await([&] { return scene.HasBeat(); }));
      scene.Step();  // the guard takes the beat away
    }
    CHECK_FALSE(pulse.lost().stop_requested());
    CHECK(scene.Ask(TakeCommand(scene.plan.token)).mark == Mark::kArmed);
  }
  scene.Release();
  REQUIRE(scene.AwaitFired());
  const GuardPulse late(second, scene.plan.token, std::chrono::seconds(24));
  CHECK(scene.Await([&] { return late.lost().stop_requested(); }));
  CHECK(late.why().find("silent for 1 s") != std::string::npos);
}

}  // namespace orcio
