// A compose project on a real dockerd, archived by way of a real sshd: whole when all goes well,
// and running again whatever breaks. What has the tag [.long] is for scripts/check.

#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "archiver/capture/run_options.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "archiver/ssh/ssh_host.h"
#include "base/threads/pause.h"
#include "fusefs/system/mount_table.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/needs.h"
#include "tests/support/services/compose_project.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {
namespace {

using Compose = DockerdFixture::Compose;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kAtMost{60};  // a shell's first words on a busy machine

constexpr size_t kVolumeBytes = 8 << 20;

DockerdFixture& Dockerd() {
  static DockerdFixture dockerd;
  return dockerd;
}

// sshd's sessions get the PATH by which they find the fixture's docker.
std::string SetPath(Compose compose, const std::string& first) {
  return "SetEnv PATH=" + first + Dockerd().Environment(compose).at("PATH") + "\n";
}

// One run over SSH, behind a link that may break.
class Night {
 public:
  explicit Night(Compose compose, const std::string& first_in_path = {})
      : project(Dockerd(), "wiki"),
        sshd(SetPath(compose, first_in_path)),
        link(sshd.port()),
        service(project.service()) {
    service.guard = std::chrono::seconds(30);
    std::filesystem::create_directory(repository());
    std::ofstream out(project.volume() / "photos", std::ios::binary);
    std::mt19937 random(1);
    for (size_t i = 0; i < kVolumeBytes / 4; ++i) {
      const auto word = random();
      out.write(reinterpret_cast<const char*>(&word), 4);
    }
    out.flush();
    ids_ = Ids();
  }

  // `at` is called as each phase begins.
  ServiceOutcome Run(const std::function<void(RunPhase)>& at = {},
                     const FileSystem& files = LocalFileSystem()) {
    HostConfig config = sshd.Config();
    config.name = "atena";
    config.port = link.port();
    std::ofstream(*config.known_hosts, std::ios::app)
        << "[127.0.0.1]:" << link.port() << " " << sshd.HostKey("ed25519") << "\n";
    const auto connect = [&] { return MakeSshHost(config); };
    const auto host = connect();
    const auto control = MakeServiceControl(service);
    RunObserver observer;
    observer.phase = at;
    observer.progress = on_progress;
    ServiceRunOptions options;
    options.retry_pause = std::chrono::seconds(1);
    options.start_retry = std::chrono::seconds(120);
    options.second_connection = connect;
    options.silence_wait = silence_wait;
    return RunService({service, files, repository(), options, observer}, *host, *control,
                      stop.get_token());
  }

  [[nodiscard]] std::filesystem::path repository() const { return scratch / "repository"; }
  [[nodiscard]] bool RepositoryIsEmpty() const { return std::filesystem::is_empty(repository()); }
  // What ran runs again, in the same containers; what did not run does not.
  void CheckRunsAgain() const {
    CHECK(project.State("db") == "running");
    CHECK(project.State("web") == "running");
    CHECK(project.State("job") == "exited");
    CHECK(Ids() == ids_);
    CHECK(project.Lines("ends") == std::vector<std::string>{"web", "db"});
    CHECK(project.StartedAt("db") < project.StartedAt("web"));
    CheckStartedAgain();
  }
  // Each once more. Whose shell is the first to say so is up to the machine.
  void CheckStartedAgain() const {
    auto starts = project.Lines("starts");
    for (const auto end = Clock::now() + kAtMost; starts.size() < 4 && Clock::now() < end;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      starts = project.Lines("starts");
    }
    std::sort(starts.begin(), starts.end());
    CHECK(starts == std::vector<std::string>{"db", "db", "web", "web"});
  }
  void CheckFailed(const ServiceOutcome& outcome, ErrorKind kind) const {
    REQUIRE(outcome.error);
    INFO(outcome.error->message);
    CHECK(outcome.error->kind == kind);
    CHECK(outcome.archive.empty());
    INFO((outcome.start_error ? outcome.start_error->message : std::string()));
    CHECK_FALSE(outcome.start_error);
    CHECK(RepositoryIsEmpty());
  }

  ScratchDirectory scratch;
  ComposeProject project;
  SshdFixture sshd;
  LinkProxy link;
  ServiceConfig service;
  std::stop_source stop;
  std::function<void(uint64_t, uint64_t)> on_progress;
  StallLimit::Wait silence_wait;

 private:
  [[nodiscard]] std::string Ids() const {
    return project.Of("db", ".Id") + project.Of("web", ".Id") + project.Of("job", ".Id");
  }
  std::string ids_;
};

// A running container of no project of the service's, which has this mounted; `more` are words of
// `docker run`. Removed with this.
class Visitor {
 public:
  Visitor(std::string name, const std::string& mount, const std::vector<std::string>& more = {},
          const std::vector<std::string>& command = {"sleep", "1000"})
      : name_(std::move(name)) {
    std::vector<std::string> words{"run",    "--detach", "--network=none",
                                   "--name", name_,      "--volume=" + mount};
    words.insert(words.end(), more.begin(), more.end());
    words.emplace_back("busybox");
    words.insert(words.end(), command.begin(), command.end());
    Dockerd().Docker(words);
  }
  ~Visitor() { Dockerd().Docker({"rm", "--force", name_}); }
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

 private:
  const std::string name_;
};

// What /proc has of a process, which may be gone.
std::string Told(int pid, const std::string& of) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/" + of, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Whether all its threads have been stopped; not if it is gone.
bool IsStopped(int pid) {
  std::error_code gone;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  size_t stopped = 0;
  for (std::filesystem::directory_iterator task(tasks, gone), end; !gone && task != end;
       task.increment(gone)) {
    const std::string stat = Told(pid, "task/" + task->path().filename().string() + "/stat");
    if (stat.find(") T ") == stat.npos) return false;
    ++stopped;
  }
  return stopped > 0;
}

// The tar that reads `path` on the host; 0 if there is none.
int TarReading(const std::filesystem::path& path) {
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    const std::string name = process.path().filename();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    const std::string line = Told(std::stoi(name), "cmdline");
    const std::filesystem::path program = line.substr(0, line.find('\0'));
    if (program.filename() == "tar" && line.find(path.relative_path().string()) != line.npos)
      return std::stoi(name);
  }
  return 0;
}

// Whether the process waits for an answer about a file, and not for its output to be taken.
bool WaitsForFile(int pid) {
  const std::string text = Told(pid, "syscall");
  long call = -1;
  std::from_chars(text.data(), text.data() + text.size(), call);
  return call == SYS_openat || call == SYS_newfstatat || call == SYS_statx ||
         call == SYS_getdents64;
}

// Silence counts once this holds, however long the machine takes to come there.
StallLimit::Wait OnceThat(std::function<bool()> holds) {
  return [holds = std::move(holds)](std::chrono::milliseconds time, const std::stop_token& over) {
    while (!holds())
      if (!Pause(std::chrono::milliseconds(10), over)) return false;
    return Pause(time, over);
  };
}

std::string LastThatArrived(const ServiceOutcome& outcome) {
  const std::string& message = outcome.error->message;
  const size_t at = message.find("the last that arrived is ");
  return at == message.npos ? "" : message.substr(at);
}

// A mount whose server answers nothing, as of an NFS server that is gone.
class HungMount {
 public:
  explicit HungMount(const std::filesystem::path& at) {
    NeedFuse();
    std::filesystem::create_directories(at);
    server_ = std::make_unique<BackgroundCommand>(
        std::vector<std::string>{BuiltProgram(), "-r", scratch_.path(), "mount", "-f", at},
        scratch_ / "log");
    REQUIRE(Eventually([&] {
      const auto type = MountedType(at);
      return type && *type == kMountType && std::filesystem::is_empty(at);
    }));
    REQUIRE(::kill(server_->pid(), SIGSTOP) == 0);
    REQUIRE(Eventually([&] { return IsStopped(server_->pid()); }));
  }
  ~HungMount() {
    ::kill(server_->pid(), SIGCONT);
    (void)server_->End(SIGTERM);
  }
  HungMount(const HungMount&) = delete;
  HungMount& operator=(const HungMount&) = delete;

 private:
  const ScratchDirectory scratch_;
  std::unique_ptr<BackgroundCommand> server_;
};

std::string Line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

TEST_CASE("A project is archived at rest, as plain tar restores it, and runs again") {
  const auto compose = GENERATE(Compose::kProgram, Compose::kPlugin, Compose::kNone);
  CAPTURE(static_cast<int>(compose));
  Night night(compose);
  const auto outcome = night.Run();
  INFO((outcome.error ? outcome.error->message : std::string()));
  REQUIRE_FALSE(outcome.error);
  REQUIRE_FALSE(outcome.start_error);
  CHECK(outcome.facts.warnings.empty());  // its volume is covered
  REQUIRE(outcome.facts.downtime);
  WARN("down for " << outcome.facts.downtime->total() << " s: stop " << outcome.facts.downtime->stop
                   << ", stream " << outcome.facts.downtime->stream << ", start "
                   << outcome.facts.downtime->start);
  REQUIRE(outcome.facts.downtime->not_running);
  CHECK(*outcome.facts.downtime->not_running > 0);
  CHECK(*outcome.facts.downtime->not_running <= outcome.facts.downtime->total());
  night.CheckRunsAgain();

  const auto restored = night.scratch / "restored";
  std::filesystem::create_directory(restored);
  MustRun({"tar", "-xf", outcome.archive, "-C", restored});
  const auto volume = restored / night.project.volume().relative_path();
  for (const std::string service : {"db", "web"}) {
    const std::string count = Line(volume / (service + ".end"));
    CHECK_FALSE(count.empty());
    CHECK(Line(volume / (service + ".1")) == count);
    CHECK(Line(volume / (service + ".2")) == count);
  }
  MustRun({"cmp", volume / "photos", night.project.volume() / "photos"});
}

TEST_CASE("What the containers keep where no path is, is a warning, unless it is to be ignored") {
  Night night(Compose::kNone);
  const auto docs = night.scratch / "docs";
  std::filesystem::create_directory(docs);
  night.service.paths = {docs};
  const auto outcome = night.Run();
  REQUIRE_FALSE(outcome.error);
  REQUIRE(outcome.facts.warnings.size() == 1);
  const std::string& warning = outcome.facts.warnings[0];
  INFO(warning);
  CHECK(warning.starts_with(night.project.volume().string() + ", which container wiki_"));
  for (const char* service : {"db", "web", "job"})
    CHECK(warning.find("container " + night.project.Container(service) + " has as /data") !=
          std::string::npos);
  CHECK(warning.find("write `paths: [" + docs.string() + ", ") != std::string::npos);
  night.CheckStartedAgain();  // and can be told to stop
  night.service.ignore_mounts = {"*:/data"};
  CHECK(night.Run().facts.warnings.empty());
}

// Was published with exit 0, whatever they wrote meanwhile.
TEST_CASE("Who else may write to the volume is a warning, who only reads it is none") {
  Night night(Compose::kNone);
  const std::string volume = night.project.volume();
  const Visitor cron("cron", volume + ":/wiki", {"--label=com.docker.compose.project=jobs"});
  // For the most part it does not run; docker will start it at any time.
  const Visitor crashing("crashing", volume + ":/wiki", {"--restart=always"}, {"false"});
  const Visitor reader("reader", volume + ":/wiki:ro");
  const Visitor elsewhere("elsewhere", (night.scratch / "other").string() + ":/wiki");
  const auto outcome = night.Run();
  REQUIRE_FALSE(outcome.error);
  auto warnings = outcome.facts.warnings;
  std::sort(warnings.begin(), warnings.end());
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].starts_with("container crashing, of no compose project, may write to " +
                                volume + " (as /wiki) and is not stopped"));
  CHECK(
      warnings[1].starts_with("container cron of the compose project jobs may write to " + volume));
  CHECK(warnings[1].find("`ignore_mounts: ['cron:/wiki']`") != std::string::npos);
}

TEST_CASE("Who is started in the middle and may write to the volume is a warning", "[.long]") {
  Night night(Compose::kNone);
  std::optional<Visitor> cron;
  night.on_progress = [&](uint64_t, uint64_t) {
    if (!cron) cron.emplace("cron", night.project.volume().string() + ":/wiki");
  };
  const auto outcome = night.Run();
  REQUIRE_FALSE(outcome.error);
  REQUIRE(outcome.facts.warnings.size() == 1);
  INFO(outcome.facts.warnings[0]);
  CHECK(outcome.facts.warnings[0].find("cron, of no compose project, started since the run began, "
                                       "may write to") != std::string::npos);
}

TEST_CASE("Of a service of commands only containers that the commands do not stop are a warning",
          "[.long]") {
  Night night(Compose::kNone);
  night.service.control = ControlKind::kCommands;
  night.service.stop_command = "docker stop wiki_web_1 wiki_db_1";
  night.service.start_command = "docker start wiki_db_1 wiki_web_1";
  const Visitor cron("cron", night.project.volume().string() + ":/wiki");
  const auto outcome = night.Run();
  REQUIRE_FALSE(outcome.error);
  REQUIRE(outcome.facts.warnings.size() == 1);
  INFO(outcome.facts.warnings[0]);
  CHECK(outcome.facts.warnings[0].starts_with("container cron, of no compose project, may write"));
  CHECK(outcome.facts.warnings[0].find("by the service's stop:, too") != std::string::npos);
}

TEST_CASE("A tar that fails on the host makes no archive") {
  ScratchDirectory bin;
  MustRunShell("real=$(command -v tar); cat >" + (bin / "tar").string() +
               " <<END\n#!/bin/sh\n[ \"\\$1\" != --version ] || exec $real --version\n"
               "case \"\\$*\" in *volume*) $real \"\\$@\" | head -c 1000000\n"
               "echo 'tar: read error' >&2; exit 2;; esac\nexec $real \"\\$@\"\nEND\nchmod +x " +
               (bin / "tar").string());
  Night night(Compose::kProgram, bin.path().string() + ":");
  night.CheckFailed(night.Run(), ErrorKind::kRemote);
  night.CheckRunsAgain();
}

TEST_CASE("A repository whose disk fills up has no archive") {
  Night night(Compose::kNone);
  FailingFiles files(LocalFileSystem());
  // Once it has arrived: by then the service has long been stopped.
  night.on_progress = [&](uint64_t, uint64_t) {
    if (!files.failed()) files.FailAt(1);
  };
  const auto outcome = night.Run({}, files);
  night.CheckFailed(outcome, ErrorKind::kIo);
  CHECK(files.failed());
  CHECK(outcome.error->errnum == ENOSPC);
  night.CheckRunsAgain();
}

TEST_CASE("A run that is interrupted in the middle of the stream makes no archive") {
  Night night(Compose::kProgram);
  night.on_progress = [&](uint64_t, uint64_t) { night.stop.request_stop(); };
  night.CheckFailed(night.Run(), ErrorKind::kCancelled);
  night.CheckRunsAgain();
}

TEST_CASE("A run that is interrupted while containers stop starts them again") {
  Night night(Compose::kNone);
  const auto outcome = night.Run([&](RunPhase phase) {
    if (phase == RunPhase::kStopping) night.stop.request_stop();
  });
  night.CheckFailed(outcome, ErrorKind::kCancelled);
  CHECK(night.project.State("db") == "running");
  CHECK(night.project.State("web") == "running");
}

TEST_CASE("A container that somebody starts in the middle of the stream makes no archive") {
  Night night(Compose::kNone);
  bool started = false;
  night.on_progress = [&](uint64_t, uint64_t) {
    if (!std::exchange(started, true)) Dockerd().Docker({"start", "wiki_web_1"});
  };
  const auto outcome = night.Run();
  night.CheckFailed(outcome, ErrorKind::kRemote);
  CHECK(outcome.error->message.find("container wiki_web_1 was started at") != std::string::npos);
  CHECK(night.project.State("db") == "running");
  CHECK(night.project.State("web") == "running");
  CHECK(night.project.State("job") == "exited");
}

// Docker starts those anew that always run, by whomever they were stopped, and forgets its events.
TEST_CASE("A docker that is restarted in the middle of the stream makes no archive", "[.long]") {
  Night night(Compose::kNone);
  Dockerd().Docker({"update", "--restart=always", "wiki_web_1", "wiki_db_1"});
  bool restarted = false;
  night.on_progress = [&](uint64_t, uint64_t) {
    if (std::exchange(restarted, true)) return;
    Dockerd().Restart();
    for (const char* service : {"db", "web"})
      CHECK(Eventually([&] { return night.project.State(service) == "running"; }));
  };
  const auto outcome = night.Run();
  CHECK(restarted);
  night.CheckFailed(outcome, ErrorKind::kRemote);
  CHECK(outcome.error->message.find(" was started at") != std::string::npos);
  CHECK(night.project.State("db") == "running");
  CHECK(night.project.State("web") == "running");
  CHECK(night.project.State("job") == "exited");
  night.CheckStartedAgain();
}

// Was published: of a container that is gone nothing is left to be looked at.
TEST_CASE("A container that is run and removed in the middle of the stream makes no archive") {
  Night night(Compose::kNone);
  bool ran = false;
  night.on_progress = [&](uint64_t, uint64_t) {
    if (!std::exchange(ran, true))
      Dockerd().Docker({"run", "--rm", "--network=none", "--label=com.docker.compose.project=wiki",
                        "--name=wiki_job_run", "busybox", "true"});
  };
  const auto outcome = night.Run();
  night.CheckFailed(outcome, ErrorKind::kRemote);
  CHECK(outcome.error->message.find("container wiki_job_run was started") != std::string::npos);
  night.CheckRunsAgain();
}

// Was published: nothing was looked at if nothing had been stopped.
TEST_CASE("A project that was down makes no archive where somebody starts it in the middle") {
  Night night(Compose::kNone);
  Dockerd().Docker({"stop", "wiki_web_1", "wiki_db_1"});
  bool started = false;
  night.on_progress = [&](uint64_t, uint64_t) {
    if (!std::exchange(started, true)) Dockerd().Docker({"start", "wiki_db_1"});
  };
  const auto outcome = night.Run();
  night.CheckFailed(outcome, ErrorKind::kRemote);
  CHECK(outcome.error->message.find("container wiki_db_1 was started at") != std::string::npos);
  CHECK(night.project.State("web") == "exited");
}

// The tar is stopped in the middle of its work: at its second record of 64 KiB, by itself.
TEST_CASE("A tar that is stopped on the host is given up and ended and the service runs again") {
  ScratchDirectory bin;
  MustRunShell(
      "real=$(command -v tar); cat >" + (bin / "tar").string() +
      " <<END\n#!/bin/sh\ncase \"\\$*\" in *--create*volume*)\n"
      "exec $real --checkpoint=2 --checkpoint-action=exec='kill -STOP \\$PPID' \"\\$@\";;\n"
      "esac\nexec $real \"\\$@\"\nEND\nchmod +x " +
      (bin / "tar").string());
  Night night(Compose::kNone, bin.path().string() + ":");
  const auto volume = night.project.volume();
  night.service.stall_timeout = std::chrono::seconds(2);
  std::atomic<int> tar = 0;
  night.silence_wait = OnceThat([&] {
    const int found = TarReading(volume);
    if (found == 0 || !IsStopped(found)) return false;
    tar = found;
    return true;
  });
  const auto outcome = night.Run();
  night.CheckFailed(outcome, ErrorKind::kLimit);
  INFO(outcome.error->message);
  CHECK(outcome.error->message.find("nothing came from atena for 2 s") != std::string::npos);
  CHECK(LastThatArrived(outcome).find(volume.relative_path().string()) != std::string::npos);
  CHECK(outcome.error->message.ends_with(": look there"));
  CHECK(tar != 0);
  CHECK(Eventually([&] { return TarReading(volume) == 0; }));
  night.CheckRunsAgain();
}

TEST_CASE("A mount below a path that hangs is given up and the service runs again", "[.long]") {
  Night night(Compose::kNone);
  const auto volume = night.project.volume();
  const auto other = night.scratch / "other";
  const HungMount hung(other / "hung");
  night.service.paths.push_back(other);
  night.service.stall_timeout = std::chrono::seconds(2);
  night.silence_wait = OnceThat([&] {
    const int tar = TarReading(other);
    return tar != 0 && WaitsForFile(tar);
  });
  const auto outcome = night.Run();
  night.CheckFailed(outcome, ErrorKind::kLimit);
  INFO(outcome.error->message);
  CHECK(outcome.error->message.find("look at that host's disks, and at what is mounted below") !=
        std::string::npos);
  CHECK(LastThatArrived(outcome).find(volume.relative_path().string()) != std::string::npos);
  CHECK(Eventually([&] { return TarReading(other) == 0; }));
  night.CheckRunsAgain();
}

TEST_CASE("A link cut or dead in the middle of the stream makes no archive") {
  const bool cut = GENERATE(true, false);
  CAPTURE(cut);
  Night night(Compose::kNone);
  const auto outcome = night.Run([&](RunPhase phase) {
    if (phase == RunPhase::kStreaming) {
      cut ? night.link.CutAfter(2 << 20) : night.link.StallAfter(2 << 20);
    }
    if (phase == RunPhase::kStarting) night.link.Pass();
  });
  // A guard that heard nothing either may be the first to be noticed.
  const bool by_guard = !cut && outcome.error && outcome.error->kind == ErrorKind::kRemote;
  night.CheckFailed(outcome, by_guard ? ErrorKind::kRemote : ErrorKind::kNetwork);
  night.CheckRunsAgain();
}

TEST_CASE("A link cut while containers stop leaves them running") {
  const auto compose = GENERATE(Compose::kProgram, Compose::kNone);
  Night night(compose);
  const auto outcome = night.Run([&](RunPhase phase) {
    if (phase == RunPhase::kStopping) night.link.CutAfter(0);
    if (phase == RunPhase::kStarting) night.link.Pass();
  });
  night.CheckFailed(outcome, ErrorKind::kNetwork);
  CHECK(night.project.State("db") == "running");
  CHECK(night.project.State("web") == "running");
}

TEST_CASE("A link that is away for a while when containers start is waited for") {
  Night night(Compose::kNone);
  std::jthread repair;
  const auto outcome = night.Run([&](RunPhase phase) {
    if (phase != RunPhase::kStarting) return;
    night.link.CutAfter(0);
    repair = std::jthread([&] {
      std::this_thread::sleep_for(std::chrono::seconds(4));
      night.link.Pass();
    });
  });
  CHECK_FALSE(outcome.error);
  CHECK_FALSE(outcome.start_error);
  night.CheckRunsAgain();
}

TEST_CASE("A container that does not come up again is told, and the archive is kept") {
  Night night(Compose::kProgram);
  const auto outcome = night.Run([&](RunPhase phase) {
    if (phase == RunPhase::kStarting) night.project.Break();
  });
  CHECK_FALSE(outcome.error);
  REQUIRE(outcome.start_error);
  CHECK(outcome.start_error->kind == ErrorKind::kNotRunning);
  CHECK(outcome.start_error->message.find("wiki_web_1") != std::string::npos);
  CHECK(std::filesystem::exists(outcome.archive));
  CHECK(night.project.State("db") == "running");
}

}  // namespace orcio::test
