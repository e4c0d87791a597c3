#include "archiver/guard.h"

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "archiver/shell_quote.h"
#include "tests/support/catch.h"
#include "tests/support/local_host.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Mark = GuardState::Mark;
using Phase = GuardState::Phase;

constexpr std::chrono::seconds kAsk{30};
constexpr std::chrono::seconds kLong{40};

// A directory for the front of PATH in which `sh` is the shell of that name.
std::string PathWith(const fs::path& directory, const std::string& shell) {
  for (const char* where : {"/usr/bin/", "/bin/"}) {
    if (!fs::exists(directory / "sh") && fs::exists(where + shell))
      fs::create_symlink(where + shell, directory / "sh");
  }
  return directory.string() + ":" + std::getenv("PATH");
}

class DropSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t) override { return {}; }

 private:
  std::array<std::byte, 4096> buffer_{};
};

// This machine as the host, and a guard whose service is a file: starting it makes the file.
struct Scene {
  test::ScratchDirectory scratch;
  test::LocalHost machine;
  GuardPlan plan;

  explicit Scene(const std::string& shell = "dash")
      : machine("atena", {{"PATH", PathWith(scratch.path(), shell)}}) {
    plan.token = MakeGuardToken();
    plan.service = "wiki";
    plan.silence = std::chrono::seconds(1);
    plan.start = "start_all() {\n  [ -e " + up() + " ] || { up=no; echo x >>" + up() +
                 "; }\n}\nfinish_stop() { echo x >>" + Quoted("finished") + "; }\n";
  }
  ~Scene() {
    (void)AskGuard(machine, DisarmCommand(plan.token), kAsk, {});
    (void)AskGuard(machine, RemoveCommand(plan.token), kAsk, {});
    (void)Await([&] { return Processes() == 0; });
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  [[nodiscard]] std::string Quoted(const std::string& name) const {
    return ShellQuote((scratch / name).string());
  }
  [[nodiscard]] std::string up() const { return Quoted("up"); }
  [[nodiscard]] bool Exists(const std::string& name) const { return fs::exists(scratch / name); }
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
    for (const auto end = Clock::now() + kLong; Clock::now() < end;) {
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
  // The programs of this guard that run.
  [[nodiscard]] std::vector<pid_t> Pids() const {
    std::vector<pid_t> pids;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::ifstream in(entry.path() / "cmdline");
      std::ostringstream line;
      line << in.rdbuf();
      if (line.str().find("orcio-guard-" + plan.token + "/guard") != std::string::npos)
        pids.push_back(std::stoi(entry.path().filename().string()));
    }
    return pids;
  }
  [[nodiscard]] size_t Processes() const { return Pids().size(); }
  [[nodiscard]] bool HasDirectory() const {
    return fs::exists("/run/orcio-guard-" + plan.token) ||
           fs::exists("/dev/shm/orcio-guard-" + plan.token) ||
           fs::exists("/tmp/orcio-guard-" + plan.token);
  }
};

}  // namespace

TEST_CASE("A guard that hears nothing starts the service, once, in dash and in busybox") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
    CHECK(scene.Processes() == 1);
    REQUIRE_OK(scene.Guarded("true"));
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
    REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
    REQUIRE_OK(scene.Guarded("true"));
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
    REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
    REQUIRE_OK(scene.Guarded("true"));
    for (const auto end = Clock::now() + std::chrono::seconds(5); Clock::now() < end;) {
      REQUIRE(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
    const auto again = scene.Ask(DisarmCommand(scene.plan.token));
    CHECK(again.mark == Mark::kArmed);
    CHECK(again.phase == Phase::kBefore);  // nothing to wait for
    scene.Ask(RemoveCommand(scene.plan.token));
    CHECK_FALSE(scene.HasDirectory());
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
    REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
    REQUIRE_OK(scene.Guarded("true"));
    for (const pid_t pid : scene.Pids()) REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(scene.Await([&] { return scene.Processes() == 0; }));
    CHECK(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
    REQUIRE(scene.Await([&] { return scene.Processes() == 1; }));
    CHECK(scene.Ask(BeatCommand(scene.plan.token)).mark == Mark::kArmed);
    CHECK(scene.Await([&] { return scene.Processes() == 1; }));  // and no second one
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Size("up") == 2);  // once
  }
}

TEST_CASE(
    "A guard fires after the longest downtime though orcio lives, but not once all was read") {
  Scene scene;
  scene.plan.silence = std::chrono::seconds(30);
  scene.plan.longest = std::chrono::seconds(1);
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  REQUIRE_OK(scene.Guarded("true"));
  SECTION("while it is read") {
    REQUIRE(scene.AwaitFired());
    CHECK(scene.Exists("up"));
  }
  SECTION("afterwards") {
    CHECK(scene.Ask(EndedCommand(scene.plan.token)).mark == Mark::kArmed);
    std::this_thread::sleep_for(std::chrono::seconds(3));
    CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
    CHECK_FALSE(scene.Exists("up"));
  }
}

TEST_CASE("A guard ends the tar that it interrupts, and the host refuses to begin another") {
  for (const std::string shell : {"dash", "busybox"}) {
    CAPTURE(shell);
    Scene scene(shell);
    REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
    GuardedHost host(scene.machine, scene.plan.token);
    DropSink sink;
    // Nothing but a signal ends it.
    const auto ended = ValueOf(host.Stream("cat /dev/zero", sink, {}, {}));
    CHECK(ended.exit_status != 0);
    CHECK(ended.signal.has_value());
    const auto refused = scene.Guarded("echo x >" + scene.Quoted("stopped"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("has fired") != std::string::npos);
    CHECK_FALSE(scene.Exists("stopped"));
    REQUIRE(scene.AwaitFired());
    CHECK_FALSE(scene.Exists("finished"));  // the stream says that the service had stopped
  }
}

TEST_CASE("A guard waits for stops that are under way before it starts anything") {
  Scene scene;
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  CHECK(scene.Ask(TakeCommand(scene.plan.token)).phase == Phase::kBefore);
  REQUIRE_OK(scene.Guarded("true"));
  CHECK(scene.Ask(TakeCommand(scene.plan.token)).phase == Phase::kStopping);
  REQUIRE(scene.AwaitFired());
  CHECK(scene.Size("finished") == 2);
}

TEST_CASE("A guard of a run that never stopped anything starts nothing and leaves nothing") {
  Scene scene;
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  CHECK(scene.Await([&] { return scene.Processes() == 0; }));
  CHECK_FALSE(scene.HasDirectory());
  CHECK_FALSE(scene.Exists("up"));
  // A run that slept over it finds out before it stops anything.
  CHECK_FALSE(scene.Guarded("true").has_value());
}

TEST_CASE("A command is ended, and no other, where its run has failed") {
  Scene scene;
  scene.plan.silence = std::chrono::seconds(30);
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  std::jthread other([&] {
    test::LocalHost again("atena");
    for (int i = 0; i < 400; ++i) {
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

TEST_CASE("A guard that looks while it is removed leaves the service alone") {
  Scene scene;
  scene.plan.silence = std::chrono::seconds(60);
  // Orcio's claim is gone when the guard makes its own, and the rest goes a while later.
  scene.Shadow("mkdir", "case $1 in */claim) while [ -e \"$1\" ]; do : >" +
                            scene.Quoted("looking") + "; sleep 0.1; done ;; esac");
  scene.Shadow(
      "rm",
      "if [ \"$1\" = -rf ]; then rm -rf \"$2/claim\" \"$2/done\" \"$2/stopped\"; sleep 2; fi");
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  REQUIRE_OK(scene.GuardedStream("true"));
  CHECK(scene.Ask(DisarmCommand(scene.plan.token)).mark == Mark::kArmed);
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
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  REQUIRE_OK(scene.GuardedStream("true"));
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
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
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
      scene.up() + "; }\n}\nfinish_stop() { :; }\n";
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  REQUIRE_OK(scene.Guarded("true"));
  REQUIRE(scene.AwaitFired());
  CHECK(scene.Size("up") == 6);
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
  REQUIRE_OK(ArmGuard(scene.machine, scene.plan, {}));
  REQUIRE_OK(scene.Guarded("true"));
  test::LocalHost second("atena");
  {
    const GuardPulse pulse(second, scene.plan.token, std::chrono::seconds(1));
    std::this_thread::sleep_for(std::chrono::seconds(4));
    CHECK_FALSE(pulse.lost().stop_requested());
    CHECK(scene.Ask(TakeCommand(scene.plan.token)).mark == Mark::kArmed);
  }
  REQUIRE(scene.AwaitFired());
  const GuardPulse late(second, scene.plan.token, std::chrono::seconds(1));
  CHECK(scene.Await([&] { return late.lost().stop_requested(); }));
  CHECK(late.why().find("silent for 1 s") != std::string::npos);
}

}  // namespace orcio
