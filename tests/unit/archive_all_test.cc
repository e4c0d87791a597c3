#include "archiver/archive_all.h"

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/fake_control.h"
#include "tests/support/local_host.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

// Two hosts, both this machine: atena with wiki and blog, zeus with mail.
struct Night {
  test::ScratchDirectory scratch;
  Config config;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> log;  // guarded by mutex
  std::set<std::string> broken;  // services that fail to stop
  std::function<void(const std::string& service)> on_stop;
  std::stop_source stop;

  Night() {
    config.repository = scratch / "repository";
    std::filesystem::create_directory(config.repository);
    std::filesystem::create_directory(scratch / "volume");
    std::ofstream(scratch / "volume/file") << "content";
    Add("wiki", "atena");
    Add("mail", "zeus");
    Add("blog", "atena");
  }

  void Add(const std::string& name, const std::string& host) {
    config.hosts[host].name = host;
    ServiceConfig service;
    service.name = name;
    service.host = host;
    service.paths = {scratch / "volume"};
    config.services.push_back(service);
  }

  std::unique_ptr<ServiceControl> MakeControl(const ServiceConfig& service) {
    auto control = std::make_unique<test::FakeControl>();
    control->on_stop = [this, name = service.name] {
      Note("stop " + name);
      if (on_stop) on_stop(name);
    };
    control->on_start = [this, name = service.name] { Note("start " + name); };
    if (broken.count(service.name) != 0) {
      control->stops.push_back(Failure(Error{ErrorKind::kRemote, 0, service.name + " is stuck"}));
    }
    return control;
  }

  void Note(const std::string& event) {
    const std::scoped_lock lock(mutex);
    log.push_back(event);
    changed.notify_all();
  }
  // False where it has not been noted within 20 s.
  bool Await(const std::string& event) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20),
                            [&] { return std::find(log.begin(), log.end(), event) != log.end(); });
  }
  [[nodiscard]] size_t Place(const std::string& event) const {
    return static_cast<size_t>(std::find(log.begin(), log.end(), event) - log.begin());
  }

  std::vector<ServiceOutcome> Go() {
    std::vector<const ServiceConfig*> services;
    for (const auto& service : config.services) services.push_back(&service);
    const Machinery machinery{
        [](const HostConfig& host) { return std::make_unique<test::LocalHost>(host.name); },
        [this](const ServiceConfig& service) { return MakeControl(service); }, LocalFileSystem()};
    return ArchiveAll(config, services, machinery, {}, {}, stop.get_token());
  }

  [[nodiscard]] std::string Text(const std::string& file) const {
    const auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), scratch / file, 1 << 20));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // A hook that appends what it was told to the file `told`.
  [[nodiscard]] std::string Teller(const std::string& prefix) const {
    return "echo \"" + prefix +
           " $ORCIO_SERVICE $ORCIO_HOST $ORCIO_STATUS ${ORCIO_ARCHIVE##*/} $ORCIO_MESSAGE\" >>'" +
           (scratch / "told").string() + "'";
  }
};

}  // namespace

TEST_CASE("Hosts are archived at the same time, the services of one host one after another") {
  Night night;
  std::atomic<int> met = 0;
  night.on_stop = [&](const std::string& name) {
    // Each of the two waits for the other: only at the same time can both go on.
    if (name == "wiki") met += night.Await("stop mail") ? 1 : 0;
    if (name == "mail") met += night.Await("stop wiki") ? 1 : 0;
  };
  const auto outcomes = night.Go();
  CHECK(met == 2);
  REQUIRE(outcomes.size() == 3);
  CHECK(outcomes[0].service == "wiki");
  CHECK(outcomes[1].service == "mail");
  CHECK(outcomes[2].service == "blog");
  for (const auto& outcome : outcomes) CHECK_FALSE(outcome.error);
  CHECK(night.Place("start wiki") < night.Place("stop blog"));
}

TEST_CASE("A service that fails stops no other") {
  Night night;
  night.broken = {"wiki"};
  const auto outcomes = night.Go();
  REQUIRE(outcomes[0].error);
  CHECK_FALSE(outcomes[1].error);
  CHECK_FALSE(outcomes[2].error);
}

TEST_CASE("A stop request lets the running service start again and begins no other") {
  Night night;
  night.config.services.erase(night.config.services.begin() + 1);
  night.config.hooks.failure = night.Teller("failure");
  night.on_stop = [&](const std::string&) { night.stop.request_stop(); };
  const auto outcomes = night.Go();
  CHECK(night.log == std::vector<std::string>{"stop wiki", "start wiki"});
  for (const auto& outcome : outcomes) {
    REQUIRE(outcome.error);
    CHECK(outcome.error->kind == ErrorKind::kCancelled);
  }
  const std::string told = night.Text("told");
  CHECK(told.starts_with("failure wiki atena interrupted"));
  CHECK(told.find("blog") == std::string::npos);
}

TEST_CASE("Hooks are told what came of each service") {
  Night night;
  night.config.services.pop_back();
  night.broken = {"mail"};
  night.config.hooks.success = night.Teller("success");
  night.config.hooks.failure = night.Teller("failure");
  const auto outcomes = night.Go();
  const std::string told = night.Text("told");
  INFO(told);
  CHECK(told.find("success wiki atena done " + outcomes[0].archive.filename().string() + " \n") !=
        std::string::npos);
  CHECK(told.find("failure mail zeus failed  mail is stuck\n") != std::string::npos);
}

TEST_CASE("A hook that fails changes nothing but its own error") {
  Night night;
  night.config.hooks.success = "exit 7";
  const auto outcomes = night.Go();
  for (const auto& outcome : outcomes) {
    CHECK_FALSE(outcome.error);
    CHECK_FALSE(outcome.archive.empty());
    REQUIRE(outcome.hook_error);
    CHECK(outcome.hook_error->message.find("exited with 7") != std::string::npos);
  }
}

}  // namespace orcio
