#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "archiver/capture/run_options.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "archiver/safety/run_journal.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"

namespace orcio {
namespace {

// This machine; a test may break its connection, and look at each command.
class Machine : public test::LocalHost {
 public:
  using Before = std::function<Result<void>(const std::string&)>;
  explicit Machine(Before first) : LocalHost("atena"), before(std::move(first)) {}

  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    if (before) ORCIO_TRY(before(command));
    auto result = LocalHost::Run(command, options, stop);
    if (after) after(command);
    return result;
  }
  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    return LocalHost::Stream(command + delay, sink, options, stop);
  }
  std::string delay;  // appended to the stream's command
  Before before;
  std::function<void(const std::string&)> after;
};

// Waits until it holds, for at most a minute. Whether it did.
bool Comes(const std::function<bool()>& condition) {
  for (int i = 0; i < 6000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

// The guard's connection, as a test has it.
struct Second : test::LocalHost {
  using Connecting = std::function<Result<void>(const std::stop_token&)>;
  explicit Second(Connecting connecting) : LocalHost("atena"), connecting_(std::move(connecting)) {}
  Result<void> Connect(const std::stop_token& stop) override { return connecting_(stop); }

 private:
  Connecting connecting_;
};

// One of the last looks before the stop.
bool TriesPacker(const std::string& command) {
  return command.find("gzip -1 -c") != std::string::npos;
}

// A service whose guard makes a file, and one run of it.
struct Run {
  test::ScratchDirectory scratch;
  ServiceConfig service;
  struct Control : test::FakeControl {
    std::string script;
    Result<void> at_rest;
    std::string start_command;  // run by Start, if there is one
    std::vector<std::string> said;
    std::function<void()> on_look;
    [[nodiscard]] std::string StartScript() const override { return script; }
    Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override {
      ORCIO_TRY(host.Run("true", {}, stop));
      return FakeControl::Stop(host, stop);
    }
    Result<void> Start(RemoteHost& host, const std::stop_token& stop) override {
      if (!start_command.empty()) said.push_back(ORCIO_TRY(host.Run(start_command, {}, stop)).out);
      return FakeControl::Start(host, stop);
    }
    Result<void> ConfirmAtRest(RemoteHost&, const std::stop_token&) override {
      if (on_look) on_look();
      return at_rest;
    }
  } control;
  Machine machine{{}};
  std::function<Result<void>(const std::string&)> before_beat;
  ServiceRunOptions options;

  Run() {
    std::filesystem::create_directory(repository());
    std::filesystem::create_directory(scratch / "volume");
    std::ofstream(scratch / "volume/file") << "content";
    service.name = "wiki";
    service.host = "atena";
    service.paths = {scratch / "volume"};
    service.guard = std::chrono::seconds(20);  // so long that a loaded machine makes none fire
    control.script =
        "start_all() { : >'" + (scratch / "by-guard").string() + "'; }\nfinish_stop() { :; }\n";
    options.retry_pause = std::chrono::seconds(0);
    options.start_retry = std::chrono::seconds(120);
    options.second_connection = [this] {
      return std::make_unique<Machine>([this](const std::string& command) -> Result<void> {
        if (!before_beat || command.find("/beat\"") == std::string::npos) return {};
        return before_beat(command);
      });
    };
  }
  [[nodiscard]] std::filesystem::path repository() const { return scratch / "repository"; }
  [[nodiscard]] bool StartedByGuard() const {
    return std::filesystem::exists(scratch / "by-guard");
  }
  ServiceOutcome Go() {
    return RunService({service, LocalFileSystem(), repository(), options, {}}, machine, control,
                      {});
  }
};

Failure Away() {
  return Failure(Error{ErrorKind::kNetwork, 0, "as the test has it"});
}

const std::vector<std::string> kWholeRun{"inspect", "stop", "start"};

}  // namespace

TEST_CASE("A guarded run leaves neither journal nor guard, and the guard starts nothing") {
  Run run;
  run.machine.delay = "; sleep 25";  // longer than it may hear nothing
  std::string journal;
  run.control.on_stop = [&] {
    const auto found = ValueOf(ListJournals(LocalFileSystem(), run.repository()));
    REQUIRE(found.size() == 1);
    const auto read = ValueOf(ReadJournal(LocalFileSystem(), found[0]));
    CHECK(read.running == run.control.running);
    CHECK(read.service.host == "atena");
    journal = read.guard;
  };
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  REQUIRE_FALSE(outcome.start_error);
  CHECK(run.control.log == kWholeRun);
  CHECK_FALSE(run.StartedByGuard());
  CHECK(ValueOf(ListJournals(LocalFileSystem(), run.repository())).empty());
  REQUIRE(journal.size() == 32);
  for (const char* base : {"/run", "/dev/shm", "/tmp"})
    CHECK_FALSE(std::filesystem::exists(base + std::string("/orcio-guard-") + journal));
}

TEST_CASE("A run whose guard fired publishes nothing, though every byte arrived") {
  Run run;
  run.machine.delay = "; sleep 600";
  std::atomic<bool> stopped = false;
  run.control.on_stop = [&] { stopped = true; };
  // From then on a link that is dead until the guard has had enough of it. Which of the two notices
  // first must not be the clock's to say.
  run.before_beat = [&](const std::string&) -> Result<void> {
    if (!stopped) return {};
    while (!run.StartedByGuard()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return Away();
  };
  const auto outcome = run.Go();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->message.find("guard") != std::string::npos);
  CHECK(outcome.error->kind == ErrorKind::kRemote);
  CHECK_FALSE(outcome.start_error);
  CHECK(run.StartedByGuard());
  CHECK(run.control.log == kWholeRun);
  CHECK(std::filesystem::is_empty(run.repository()));
}

TEST_CASE("A guard that fires while the service starts makes the archive void as well") {
  Run run;
  std::atomic<bool> away = false;
  run.before_beat = [&](const std::string&) -> Result<void> {
    if (away) return Away();
    return {};
  };
  run.control.on_start = [&] {
    away = true;
    while (!run.StartedByGuard()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const auto outcome = run.Go();
  REQUIRE(outcome.error);
  CHECK(outcome.error->message.find("guard") != std::string::npos);
  CHECK(outcome.archive.empty());
  CHECK(std::filesystem::is_empty(run.repository()));
}

TEST_CASE("A guard that its pulse finds gone because it was ended voids nothing") {
  Run run;
  std::atomic<bool> removed = false;
  std::atomic<bool> asked = false;
  run.before_beat = [&](const std::string&) -> Result<void> {
    if (removed) asked = true;
    return {};
  };
  // The answer comes late.
  run.machine.after = [&](const std::string& command) {
    if (command.find("|| remove\n") == std::string::npos) return;
    removed = true;
    for (int i = 0; i < 6000 && !asked; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::chrono::milliseconds(asked ? 500 : 0));
  };
  const auto outcome = run.Go();
  INFO((outcome.error ? outcome.error->message : std::string()));
  CHECK_FALSE(outcome.error);
  CHECK(removed);
  CHECK(std::filesystem::exists(outcome.archive));
}

// Two commands stood between the last byte and the start, and a look at the connection.
TEST_CASE("The command that starts the service is the first one after the last byte") {
  Run run;
  std::vector<std::string> commands;
  run.control.start_command = "echo starting";
  run.machine.after = [&](const std::string& command) { commands.push_back(command); };
  run.control.on_stop = [&] { commands.clear(); };
  const auto outcome = run.Go();
  REQUIRE_FALSE(outcome.error);
  REQUIRE_FALSE(outcome.start_error);
  REQUIRE_FALSE(commands.empty());
  CHECK(commands[0].find("/ended\"") != std::string::npos);
  CHECK(commands[0].ends_with("echo starting"));
  CHECK(run.control.said == std::vector<std::string>{"starting\n"});
}

TEST_CASE("A guard that fires before the start is waited for, and makes the archive void") {
  Run run;
  run.control.start_command = "echo starting";
  run.control.on_look = [&] {
    // As it does, without its waiting.
    const auto journal = ValueOf(ReadJournal(
        LocalFileSystem(), ValueOf(ListJournals(LocalFileSystem(), run.repository()))[0]));
    for (const char* base : {"/run", "/dev/shm", "/tmp"}) {
      const std::filesystem::path directory = base + std::string("/orcio-guard-") + journal.guard;
      if (!std::filesystem::exists(directory)) continue;
      std::ofstream(directory / "fired") << "confirmed as the test has it\n";
      std::filesystem::create_directory(directory / "claim");
    }
  };
  const auto outcome = run.Go();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->message.find("confirmed as the test has it") != std::string::npos);
  CHECK_FALSE(outcome.start_error);
  CHECK(run.control.said == std::vector<std::string>{"starting\n"});
  CHECK(std::filesystem::is_empty(run.repository()));
}

TEST_CASE("A service that somebody starts in the middle has no archive") {
  Run run;
  run.control.at_rest = Failure(Error{ErrorKind::kRemote, 0, "web was started at noon"});
  const auto outcome = run.Go();
  REQUIRE(outcome.error);
  CHECK(outcome.error->message == "web was started at noon");
  CHECK(run.control.log == kWholeRun);
  CHECK(std::filesystem::is_empty(run.repository()));
}

// Was published, with exit 0: nothing was confirmed if nothing had been stopped.
TEST_CASE("A service that was down and that somebody starts in the middle has no archive") {
  Run run;
  run.control.running.clear();
  run.control.at_rest = Failure(Error{ErrorKind::kRemote, 0, "web was started at noon"});
  const auto outcome = run.Go();
  REQUIRE(outcome.error);
  CHECK(outcome.error->message == "web was started at noon");
  CHECK(run.control.log == std::vector<std::string>{"inspect"});
  CHECK(std::filesystem::is_empty(run.repository()));
}

TEST_CASE("What is looked at again at the end of a run is a warning, or that it does not run") {
  Run run;
  run.service.guard.reset();
  SECTION("a warning where nothing is known") {
    run.control.looked_again = std::vector<std::string>{"web is not known to be well"};
    const auto outcome = run.Go();
    CHECK_FALSE(outcome.error);
    CHECK_FALSE(outcome.start_error);
    CHECK(outcome.facts.warnings == std::vector<std::string>{"web is not known to be well"});
  }
  SECTION("an alarm where it is not well, and the archive is kept") {
    run.control.looked_again = Failure(Error{ErrorKind::kNotRunning, 0, "web is unhealthy"});
    const auto outcome = run.Go();
    CHECK_FALSE(outcome.error);
    REQUIRE(outcome.start_error);
    CHECK(outcome.start_error->message == "web is unhealthy");
    CHECK(std::filesystem::exists(outcome.archive));
  }
  SECTION("an alarm where the run has failed, too") {
    run.control.at_rest = Failure(Error{ErrorKind::kRemote, 0, "web was started at noon"});
    run.control.looked_again = Failure(Error{ErrorKind::kNotRunning, 0, "web is unhealthy"});
    const auto outcome = run.Go();
    CHECK(outcome.error);
    CHECK(outcome.start_error);
  }
  SECTION("a warning where the host is away by then") {
    run.control.looked_again = Failure(Error{ErrorKind::kNetwork, 0, "atena is away"});
    const auto outcome = run.Go();
    CHECK_FALSE(outcome.start_error);
    REQUIRE(outcome.facts.warnings.size() == 1);
    CHECK(outcome.facts.warnings[0].find("atena is away") != std::string::npos);
  }
}

TEST_CASE("A guard that cannot be armed stops no service, and leaves no journal") {
  Run run;
  SECTION("because the second connection is refused") {
    struct Closed : test::LocalHost {
      using LocalHost::LocalHost;
      Result<void> Connect(const std::stop_token&) override {
        return Failure(Error{ErrorKind::kRefused, 0, "too many"});
      }
    };
    run.options.second_connection = [] { return std::make_unique<Closed>("atena"); };
    const auto outcome = run.Go();
    REQUIRE(outcome.error);
    CHECK(outcome.error->message.find("second connection") != std::string::npos);
  }
  SECTION("because there is no shell to run it") {
    run.options.second_connection = [] {
      return std::make_unique<test::LocalHost>(
          "atena", std::map<std::string, std::string>{{"PATH", "/nowhere"}});
    };
    const auto outcome = run.Go();
    REQUIRE(outcome.error);
    CHECK(outcome.error->message.find("guard") != std::string::npos);
  }
  CHECK(run.control.log == std::vector<std::string>{"inspect"});
  CHECK(std::filesystem::is_empty(run.repository()));
}

// It was made after all of them.
TEST_CASE("The guard's connection is made while the last looks are taken") {
  Run run;
  run.service.wire = Wire::kGzip;
  std::atomic<int> connects = 0;
  std::atomic<bool> looked = false;
  run.options.second_connection = [&] {
    return std::make_unique<Second>([&](const std::stop_token&) -> Result<void> {
      ++connects;
      return {};
    });
  };
  run.machine.after = [&](const std::string& command) {
    if (!TriesPacker(command)) return;
    looked = true;
    CHECK(Comes([&] { return connects > 0; }));
  };
  bool stopped = false;
  run.control.on_stop = [&] { stopped = true; };
  const auto outcome = run.Go();
  INFO((outcome.error ? outcome.error->message : std::string()));
  CHECK_FALSE(outcome.error);
  CHECK(looked);
  CHECK(stopped);
  CHECK(connects == 2);  // the second asks whether it is still there
}

TEST_CASE("A guard's connection that fails early fails the run before the stop and is tried once") {
  Run run;
  std::atomic<int> connects = 0;
  run.options.second_connection = [&] {
    return std::make_unique<Second>([&](const std::stop_token&) -> Result<void> {
      ++connects;
      return Failure(Error{ErrorKind::kNetwork, 0, "atena is away"});
    });
  };
  const auto outcome = run.Go();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kNetwork);
  CHECK(outcome.error->message.starts_with("atena is away; this was the second connection"));
  CHECK(outcome.error->message.find("wiki was not stopped") != std::string::npos);
  CHECK(connects == 1);
  CHECK(run.control.log == std::vector<std::string>{"inspect"});
  CHECK(std::filesystem::is_empty(run.repository()));
}

TEST_CASE("A guard's connection that is still being made is given up with the run") {
  Run run;
  run.service.wire = Wire::kGzip;
  std::atomic<bool> connecting = false;
  std::atomic<bool> given_up = false;
  run.options.second_connection = [&] {
    return std::make_unique<Second>([&](const std::stop_token& stop) -> Result<void> {
      connecting = true;
      given_up = Comes([&] { return stop.stop_requested(); });
      return Failure(Error{ErrorKind::kCancelled, 0, "asked to stop"});
    });
  };
  std::stop_source stop;
  bool interrupted = false;
  SECTION("that is interrupted") {
    interrupted = true;
  }
  SECTION("that fails for another reason") {}
  run.machine.before = [&](const std::string& command) -> Result<void> {
    if (!TriesPacker(command)) return {};
    CHECK(Comes([&] { return connecting.load(); }));
    if (!interrupted) return Away();
    stop.request_stop();
    return {};
  };
  const auto outcome =
      RunService({run.service, LocalFileSystem(), run.repository(), run.options, {}}, run.machine,
                 run.control, stop.get_token());
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == (interrupted ? ErrorKind::kCancelled : ErrorKind::kNetwork));
  CHECK(given_up);
  CHECK(run.control.log == std::vector<std::string>{"inspect"});
  CHECK(std::filesystem::is_empty(run.repository()));
}

TEST_CASE("A service of which nothing is to be stopped has no second connection") {
  Run run;
  run.control.running.clear();
  int connections = 0;
  run.options.second_connection = [&] {
    ++connections;
    return std::make_unique<test::LocalHost>("atena");
  };
  CHECK_FALSE(run.Go().error);
  CHECK(connections == 0);
}

TEST_CASE("A service that does not come up keeps its journal, and is not archived until it does") {
  Run run;
  run.service.guard.reset();
  run.control.starts.push_back(Failure(Error{ErrorKind::kNotRunning, 0, "web is broken"}));
  const auto first = run.Go();
  REQUIRE(first.start_error);
  CHECK(std::filesystem::exists(JournalPath(run.repository(), "wiki")));
  const auto second = run.Go();
  REQUIRE(second.start_error);
  CHECK(second.start_error->kind == ErrorKind::kNotRunning);
  CHECK(second.start_error->message.find("--forget wiki") != std::string::npos);
  CHECK(second.archive.empty());
  CHECK(run.control.log == kWholeRun);  // the second did nothing
  REQUIRE_OK(RemoveJournal(LocalFileSystem(), run.repository(), "wiki"));
  CHECK_FALSE(run.Go().error);
}

}  // namespace orcio
