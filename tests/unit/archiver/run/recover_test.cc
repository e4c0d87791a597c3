#include "archiver/run/recover.h"

#include <fstream>

#include "archiver/control/compose_control.h"
#include "archiver/safety/guard.h"
#include "archiver/safety/run_journal.h"
#include "base/random_token.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"
#include "tests/support/services/fake_docker.h"

namespace orcio {
namespace {

// Two hosts, as interrupted runs have left them.
struct Morning {
  test::ScratchDirectory scratch;
  Config config;
  std::vector<std::string> log;  // what was done to services
  std::vector<std::string> memories;
  std::function<Result<void>()> connect = [] { return Result<void>(); };
  std::deque<Result<void>> starts;
  RecoverOptions options{std::chrono::seconds(0), std::chrono::seconds(0)};

  Morning() {
    config.repository = scratch.path();
    config.hosts["atena"].name = "atena";
  }

  // A host whose link a test breaks.
  struct Host : test::LocalHost {
    explicit Host(Morning& morning) : LocalHost("atena"), morning_(morning) {}
    Result<void> Connect(const std::stop_token&) override { return morning_.connect(); }
    Morning& morning_;
  };
  struct Control : test::FakeControl {
    explicit Control(Morning& morning) : morning_(morning) {}
    Result<void> Recall(const std::string& memory) override {
      morning_.memories.push_back(memory);
      return {};
    }
    void StopMayGoOn() override { morning_.log.emplace_back("stop goes on"); }
    Result<void> Start(RemoteHost& host, const std::stop_token& stop) override {
      morning_.log.emplace_back("start");
      starts.swap(morning_.starts);
      auto answer = FakeControl::Start(host, stop);
      starts.swap(morning_.starts);
      return answer;
    }
    Morning& morning_;
  };

  void Leave(const std::string& service, const std::string& host, const std::string& guard = {}) {
    RunJournal journal;
    journal.service.name = service;
    journal.service.host = host;
    journal.running = {"web"};
    journal.memory = "memory of " + service;
    journal.guard = guard;
    REQUIRE_OK(WriteJournal(LocalFileSystem(), scratch.path(), journal));
  }
  std::vector<RecoverOutcome> Go() {
    const Connectors connectors{
        [this](const HostConfig&) { return std::make_unique<Host>(*this); },
        [this](const ServiceConfig&) { return std::make_unique<Control>(*this); },
        LocalFileSystem()};
    return ValueOf(Recover(config, connectors, options, {}, {}));
  }
  [[nodiscard]] bool HasJournal(const std::string& service) const {
    return std::filesystem::exists(JournalPath(scratch.path(), service));
  }
};

Failure Broken(ErrorKind kind) {
  return Failure(Error{kind, 0, "as the test has it"});
}

}  // namespace

TEST_CASE("What a journal names is started and confirmed, and the journal goes") {
  Morning morning;
  morning.Leave("wiki", "atena");
  morning.Leave("blog", "atena");
  const auto outcomes = morning.Go();
  REQUIRE(outcomes.size() == 2);
  CHECK_FALSE(outcomes[0].error);
  CHECK_FALSE(outcomes[1].error);
  CHECK(outcomes[1].running == std::vector<std::string>{"web"});
  CHECK(morning.log == std::vector<std::string>{"start", "start"});
  CHECK(morning.memories == std::vector<std::string>{"memory of blog", "memory of wiki"});
  CHECK_FALSE(morning.HasJournal("wiki"));
  CHECK_FALSE(morning.HasJournal("blog"));
  CHECK(morning.Go().empty());
}

TEST_CASE("A service that is not confirmed running keeps its journal") {
  Morning morning;
  morning.Leave("wiki", "atena");
  ErrorKind kind = ErrorKind::kNotRunning;
  SECTION("because it does not come up") {
    morning.starts.push_back(Broken(kind));
  }
  SECTION("because its host is away") {
    kind = ErrorKind::kNetwork;
    morning.connect = [] { return Broken(ErrorKind::kNetwork); };
  }
  const auto outcomes = morning.Go();
  REQUIRE(outcomes.size() == 1);
  REQUIRE(outcomes[0].error);
  CHECK(outcomes[0].error->kind == kind);
  CHECK(morning.HasJournal("wiki"));
}

TEST_CASE("A host that comes back in time is waited for") {
  Morning morning;
  morning.Leave("wiki", "atena");
  morning.options.retry = std::chrono::seconds(200);
  int away = 4;
  morning.connect = [&away]() -> Result<void> {
    if (away-- > 0) return Broken(ErrorKind::kNetwork);
    return {};
  };
  CHECK_FALSE(morning.Go().at(0).error);
  CHECK_FALSE(morning.HasJournal("wiki"));
}

TEST_CASE("A host that the configuration has no more is named, and what to do") {
  Morning morning;
  morning.Leave("wiki", "zeus");
  morning.Leave("blog", "atena");
  const auto outcomes = morning.Go();
  REQUIRE(outcomes.size() == 2);
  CHECK_FALSE(outcomes[0].error);
  REQUIRE(outcomes[1].error);
  CHECK(outcomes[1].error->kind == ErrorKind::kNotRunning);
  CHECK(outcomes[1].error->message.find("zeus") != std::string::npos);
  CHECK(outcomes[1].error->message.find("--forget wiki") != std::string::npos);
  CHECK(morning.HasJournal("wiki"));
}

TEST_CASE("A journal that cannot be read stops no other") {
  Morning morning;
  std::ofstream(JournalPath(morning.scratch.path(), "blog")) << "{";
  morning.Leave("wiki", "atena");
  const auto outcomes = morning.Go();
  REQUIRE(outcomes.size() == 2);
  REQUIRE(outcomes[0].error);
  CHECK(outcomes[0].service == "blog");
  CHECK_FALSE(outcomes[1].error);
}

TEST_CASE("What a restore in place has moved is put back before the service starts") {
  Morning morning;
  const auto top = morning.scratch / "srv";
  RunJournal journal;
  journal.service.name = "wiki";
  journal.service.host = "atena";
  journal.swap = SwapPlan{RandomToken(), {{top.string(), {"wiki"}}}, false};
  REQUIRE_OK(WriteJournal(LocalFileSystem(), morning.scratch.path(), journal));
  const auto aside = top / (".orcio-restore-" + journal.swap->id);
  std::filesystem::create_directories(aside / "old" / "0");
  const bool decided = GENERATE(false, true);
  const bool over = decided && GENERATE(false, true);
  const bool stuck = !decided && GENERATE(false, true);
  CAPTURE(decided, over, stuck);
  if (decided) {
    std::filesystem::create_directory(aside / "done");
    std::filesystem::create_directory(top / "wiki");
  }
  if (over) std::filesystem::remove_all(aside);
  const auto away = morning.scratch / "away";  // a disk that is not mounted, say
  if (stuck) std::filesystem::rename(top, away);
  const auto outcomes = morning.Go();
  REQUIRE(outcomes.size() == 1);
  if (stuck) {
    REQUIRE(outcomes[0].error);
    CHECK(outcomes[0].error->kind == ErrorKind::kNotRunning);
    CHECK(outcomes[0].error->message.find("cannot be put back") != std::string::npos);
    CHECK(morning.log.empty());
    CHECK(morning.HasJournal("wiki"));
    CHECK(std::filesystem::exists(away / aside.filename() / "old" / "0"));
    return;
  }
  CHECK_FALSE(outcomes[0].error);
  CHECK(outcomes[0].restored == (over      ? "its restore was over"
                                 : decided ? "what was to be restored is in place"
                                           : "nothing was restored, all is as before"));
  CHECK(morning.log == std::vector<std::string>{"start"});
  CHECK(std::filesystem::exists(top / "wiki"));
  CHECK_FALSE(std::filesystem::exists(aside));
  CHECK_FALSE(morning.HasJournal("wiki"));
}

TEST_CASE("A guard that still waits is told, and ended, when its run is recovered") {
  Morning morning;
  test::LocalHost host("atena");
  GuardPlan plan;
  plan.token = RandomToken();
  plan.service = "wiki";
  plan.start = test::FakeControl().StartScript();
  REQUIRE_OK(ArmGuard(host, plan, {}));
  GuardedHost guarded(host, plan.token);
  REQUIRE_OK(guarded.Run("true", {}, {}));
  morning.Leave("wiki", "atena", plan.token);
  CHECK_FALSE(morning.Go().at(0).error);
  CHECK(morning.log == std::vector<std::string>{"stop goes on", "start"});
  const auto state = ValueOf(AskGuard(host, BeatCommand(plan.token), std::chrono::seconds(30), {}));
  CHECK(state.mark == GuardState::Mark::kGone);
}

namespace {

// A compose project that an interrupted run has left stopped, whose one container has a health
// check that docker runs every 40 s.
struct LateCheck {
  // What Recover has for a host: it lets go of it.
  struct Link : RemoteHost {
    explicit Link(RemoteHost& to) : to_(to) {}
    [[nodiscard]] const std::string& name() const override { return to_.name(); }
    Result<void> Connect(const std::stop_token& stop) override { return to_.Connect(stop); }
    void Disconnect() override { to_.Disconnect(); }
    Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                              const std::stop_token& stop) override {
      return to_.Run(command, options, stop);
    }
    Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                 const RunOptions& options, const std::stop_token& stop) override {
      return to_.Stream(command, sink, options, stop);
    }
    RemoteHost& to_;
  };
  // Between the start and the second look, docker comes to a verdict.
  struct Control : ComposeControl {
    Control(const ServiceConfig& service, LateCheck& late)
        : ComposeControl(service, kQuick), late_(late) {}
    Result<std::vector<std::string>> LookAgain(RemoteHost& host,
                                               const std::stop_token& stop) override {
      late_.docker.Of("web").health = late_.verdict;
      return ComposeControl::LookAgain(host, stop);
    }
    LateCheck& late_;
  };
  static constexpr StartTiming kQuick{std::chrono::milliseconds(1), std::chrono::milliseconds(20),
                                      std::chrono::milliseconds(1)};

  test::ScratchDirectory scratch;
  test::FakeHost machine;
  test::FakeDocker docker{
      machine,
      {{.id = "1",
        .service = "web",
        .depends_on = "",
        .health = "healthy",
        .check = R"({"interval":40000000000,"timeout":null,"start_period":null,"retries":2})"}}};
  std::string verdict = "starting";

  std::vector<RecoverOutcome> Go() {
    RunJournal journal;
    journal.service.name = journal.service.project = "wiki";
    journal.service.host = "atena";
    journal.service.start_timeout = std::chrono::seconds(1);
    journal.running = {"wiki_web_1"};
    ComposeControl interrupted(journal.service, kQuick);
    REQUIRE_OK(interrupted.Inspect(machine, {}));
    REQUIRE_OK(interrupted.Stop(machine, {}));
    journal.memory = interrupted.Memory();
    REQUIRE_OK(WriteJournal(LocalFileSystem(), scratch.path(), journal));
    docker.Of("web").health = "starting";
    Config config;
    config.repository = scratch.path();
    config.hosts["atena"].name = "atena";
    const Connectors connectors{
        [this](const HostConfig&) { return std::make_unique<Link>(machine); },
        [this](const ServiceConfig& service) { return std::make_unique<Control>(service, *this); },
        LocalFileSystem()};
    const RecoverOptions options{std::chrono::seconds(0), std::chrono::seconds(0)};
    return ValueOf(Recover(config, connectors, options, {}, {}));
  }
};

}  // namespace

// It was "running again, confirmed", without a word of the check.
TEST_CASE("A health check that is not due when a service is recovered is looked at again") {
  LateCheck late;
  SECTION("and is a warning where it still is not") {
    const auto outcomes = late.Go();
    REQUIRE(outcomes.size() == 1);
    CHECK_FALSE(outcomes[0].error);
    REQUIRE(outcomes[0].warnings.size() == 1);
    CHECK(outcomes[0].warnings[0].find("container wiki_web_1 runs, but its health check") == 0);
  }
  SECTION("and is none where it says that all is well") {
    late.verdict = "healthy";
    const auto outcomes = late.Go();
    REQUIRE(outcomes.size() == 1);
    CHECK_FALSE(outcomes[0].error);
    CHECK(outcomes[0].warnings.empty());
  }
  SECTION("and is why it is not confirmed where it says that it is not") {
    late.verdict = "unhealthy";
    const auto outcomes = late.Go();
    REQUIRE(outcomes.size() == 1);
    REQUIRE(outcomes[0].error);
    CHECK(outcomes[0].error->kind == ErrorKind::kNotRunning);
    CHECK(outcomes[0].error->message.find("unhealthy") != std::string::npos);
  }
  CHECK(late.docker.started == "1");
  CHECK_FALSE(std::filesystem::exists(JournalPath(late.scratch.path(), "wiki")));
}

TEST_CASE("What is to stay as it is can be forgotten") {
  Morning morning;
  morning.Leave("wiki", "zeus");
  REQUIRE_OK(Forget(LocalFileSystem(), morning.scratch.path(), "wiki"));
  CHECK_FALSE(morning.HasJournal("wiki"));
  const auto again = Forget(LocalFileSystem(), morning.scratch.path(), "wiki");
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::kNotFound);
}

}  // namespace orcio
