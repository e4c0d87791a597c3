// A host that answers nonsense, at any one of the commands that it is asked: the run ends with an
// error or goes well, what was stopped is started, and no message drives a terminal.

#include <algorithm>
#include <string>

#include "archiver/capture/run_options.h"
#include "archiver/control/compose_control.h"
#include "archiver/control/start_timing.h"
#include "archiver/control/systemd_control.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "archiver/safety/run_journal.h"
#include "base/bytes.h"
#include "base/text/safe_text.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_docker.h"

namespace orcio {
namespace {

// Answers command number `lie_at` with `lie`.
class LyingHost : public test::FakeHost {
 public:
  size_t lie_at = 0;
  CommandResult lie;
  size_t asked = 0;

  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    auto honest = FakeHost::Run(command, options, stop);
    return ++asked == lie_at ? lie : std::move(honest);
  }
};

CommandResult Says(std::string out, int exit_status = 0, std::string err = "") {
  CommandResult result;
  result.out = std::move(out);
  result.err = std::move(err);
  result.exit_status = exit_status;
  return result;
}

const std::string kEscapes =
    "\x1b[2J\x1b]0;title\x07 \xc2\x9b"
    "31m \xff\xfe\r";

std::vector<CommandResult> Lies() {
  std::string deep(200'000, '[');
  std::string nuls(1000, '\0');
  auto cut = Says(std::string(size_t{1} << 20, 'A'));
  cut.out_truncated = true;
  return {Says(""),
          Says(kEscapes),
          Says(kEscapes, 1, kEscapes),
          Says("", 255, "Connection closed"),
          Says("{}\n[]\nnull\n{\"id\":{}}\n"),
          Says(deep),
          Says(nuls),
          Says("welcome to this host\n"),
          Says(std::string(64, 'a') + "\n"),
          Says("orcio-tar: gnu 1 1 " + kEscapes + "\norcio-tar: " + kEscapes + "\n"),
          Says("orcio-tar: gnu 1 1 tar; rm -rf /\norcio-tar: x\n"),
          Says("orcio-path: missing 1\norcio-path: end 1\n"),
          Says("orcio-path: " + kEscapes + " 18446744073709551617\norcio-path: end 1\n"),
          Says("LoadState=loaded\nActiveState=" + kEscapes + "\n"),
          cut};
}

struct Told {
  ServiceOutcome outcome;
  size_t asked = 0;
};

void CheckSafe(const std::optional<Error>& error) {
  if (!error) return;
  INFO(SafeText(error->message));
  CHECK_FALSE(HasControl(error->message));
  CHECK(error->message.size() < 4000);
}

// What holds whatever a host says.
void CheckHarmless(const std::filesystem::path& repository, const test::FakeHost& host,
                   const ServiceOutcome& outcome) {
  CheckSafe(outcome.error);
  CheckSafe(outcome.start_error);
  for (const auto& warning : outcome.facts.warnings) CHECK_FALSE(HasControl(warning));
  CHECK(outcome.archive.empty() == outcome.error.has_value());
  for (const auto& command : host.commands) {
    INFO(SafeText(command));
    CHECK(command.find("rm -rf") == std::string::npos);
  }
  for (const auto& entry : std::filesystem::directory_iterator(repository)) {
    // The journal stays for as long as the service is not confirmed running.
    if (outcome.start_error && entry.path() == JournalPath(repository, outcome.service)) continue;
    CHECK(!outcome.archive.empty());
    CHECK(entry.path().string().starts_with(outcome.archive.string()));
  }
}

ServiceConfig Wiki() {
  ServiceConfig service;
  service.name = "wiki";
  service.host = "atena";
  service.project = "wiki";
  service.paths = {"/srv/wiki"};
  service.units = {"wiki.service"};
  service.start_timeout = std::chrono::seconds(1);
  return service;
}

constexpr StartTiming kNoPatience{std::chrono::milliseconds(1), std::chrono::milliseconds(1),
                                  std::chrono::milliseconds(1)};

void AnswerAboutTar(test::FakeHost& host, const std::vector<std::byte>& tar) {
  host.On("orcio-tar", "orcio-tar: gnu 1 1 tar\norcio-tar: tar (GNU tar) 1.34\n");
  host.On("orcio-path", "orcio-path: end 1\n");
  host.On("orcio-volume", "orcio-volume: 1 file /mnt/a|\norcio-volume: 2 file /srv/wiki|\n");
  host.stream = [&tar](ByteSink& sink, const std::stop_token&) -> Result<CommandResult> {
    ORCIO_TRY(test::Feed(sink, AsText(tar)));
    return CommandResult{};
  };
}

ServiceOutcome Archive(const ServiceConfig& service, RemoteHost& host, ServiceControl& control,
                       const std::filesystem::path& repository) {
  ServiceRunOptions options;
  options.writer.threads = 1;
  options.start_retry = std::chrono::seconds(0);
  options.retry_pause = std::chrono::seconds(0);
  return RunService({service, LocalFileSystem(), repository, options, {}}, host, control, {});
}

}  // namespace

TEST_CASE("Whichever answer about a compose project is nonsense, the project runs or it is said") {
  const auto tar = test::MakeTar(20'000);
  const ServiceConfig service = Wiki();
  size_t refused = 0;
  for (const CommandResult& lie : Lies()) {
    for (size_t lie_at = 1;; ++lie_at) {
      CAPTURE(lie_at, SafeText(lie.out.substr(0, 60)));
      const test::ScratchDirectory repository;
      LyingHost host;
      test::FakeDocker docker(host,
                              {{"1", "db"}, {"2", "web", "running", "db:service_started:true"}});
      docker.Of("db").mounts =
          R"([{"Type":"bind","Source":"/mnt/a","Destination":"/\u001b[2J","RW":true}])";
      AnswerAboutTar(host, tar);
      host.lie_at = lie_at;
      host.lie = lie;
      ComposeControl control(service, kNoPatience);
      const auto outcome = Archive(service, host, control, repository.path());
      CheckHarmless(repository.path(), host, outcome);
      const bool runs = docker.Of("db").status == "running" && docker.Of("web").status == "running";
      CHECK((runs || outcome.start_error.has_value()));
      if (docker.stopped.empty()) CHECK(runs);
      refused += outcome.error ? 1 : 0;
      if (host.asked < lie_at) break;
    }
  }
  CHECK(refused > 30);
}

TEST_CASE("Whichever answer about a unit is nonsense, it is started again") {
  const auto tar = test::MakeTar(20'000);
  const ServiceConfig service = Wiki();
  for (const CommandResult& lie : Lies()) {
    for (size_t lie_at = 1;; ++lie_at) {
      CAPTURE(lie_at, SafeText(lie.out.substr(0, 60)));
      const test::ScratchDirectory repository;
      LyingHost host;
      std::string state = "active";
      host.On("systemctl show", [&](const std::string&) -> Result<CommandResult> {
        return Says("LoadState=loaded\nActiveState=" + state +
                    "\nSubState=running\nJob=\nInvocationID=1\n");
      });
      host.On("no-block stop", [&](const std::string&) -> Result<CommandResult> {
        state = "inactive";
        return Says("");
      });
      host.On("no-block start", [&](const std::string&) -> Result<CommandResult> {
        state = "active";
        return Says("");
      });
      AnswerAboutTar(host, tar);
      host.lie_at = lie_at;
      host.lie = lie;
      SystemdControl control(service, kNoPatience);
      const auto outcome = Archive(service, host, control, repository.path());
      CheckHarmless(repository.path(), host, outcome);
      CHECK((state == "active" || outcome.start_error.has_value()));
      if (host.asked < lie_at) break;
    }
  }
}

TEST_CASE("A tar that is none, cut, or of a thousand hostile names costs that archive alone") {
  const ServiceConfig service = Wiki();
  const std::vector<std::string> streams{"",
                                         "welcome\n",
                                         std::string(1 << 20, '\xff'),
                                         std::string(100, '\0'),
                                         std::string(1 << 20, '\0') + "x",
                                         kEscapes + std::string(5000, 'a')};
  for (const auto& stream : streams) {
    CAPTURE(stream.size());
    const test::ScratchDirectory repository;
    test::FakeHost host;
    test::FakeDocker docker(host, {{"1", "web"}});
    AnswerAboutTar(host, {});
    host.stream = [&](ByteSink& sink, const std::stop_token&) -> Result<CommandResult> {
      ORCIO_TRY(test::Feed(sink, stream));
      return Says("", 0, kEscapes);
    };
    ComposeControl control(service, kNoPatience);
    const auto outcome = Archive(service, host, control, repository.path());
    CheckHarmless(repository.path(), host, outcome);
    CHECK(outcome.error.has_value());
    CHECK(docker.Of("web").status == "running");
  }
}

TEST_CASE("A login shell that prints before every command is refused before anything is stopped") {
  const test::ScratchDirectory repository;
  test::FakeHost host;
  test::FakeDocker docker(host, {{"1", "web"}});
  AnswerAboutTar(host, {});
  host.On("cat", "Welcome to \x1b[1matena\n");
  ServiceConfig service = Wiki();
  ComposeControl control(service, kNoPatience);
  const auto outcome = Archive(service, host, control, repository.path());
  REQUIRE(outcome.error);
  CHECK(outcome.error->kind == ErrorKind::kRemote);
  CHECK(outcome.error->message.find("(Welcome to \\x1b[1matena)") != std::string::npos);
  CHECK(outcome.error->message.find("~/.bashrc") != std::string::npos);
  CHECK(docker.stopped.empty());
}

TEST_CASE("A login shell that takes away what is sent to a command is refused before the stop") {
  const std::string left =
      GENERATE(as<std::string>(), "", "# by way of a command\n", "a command\n");
  CAPTURE(left);
  const test::ScratchDirectory repository;
  test::FakeHost host;
  test::FakeDocker docker(host, {{"1", "web"}});
  AnswerAboutTar(host, {});
  host.On("cat", left);
  ServiceConfig service = Wiki();
  service.guard = std::chrono::seconds(30);
  ComposeControl control(service, kNoPatience);
  const auto outcome = Archive(service, host, control, repository.path());
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kRemote);
  CHECK(outcome.error->message.find(left.empty() ? "does not arrive" : "arrives cut short") !=
        std::string::npos);
  CHECK(outcome.error->message.find("~/.bashrc") != std::string::npos);
  CHECK(docker.stopped.empty());
}

}  // namespace orcio
