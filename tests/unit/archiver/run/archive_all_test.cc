#include "archiver/run/archive_all.h"

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <set>

#include <nlohmann/json.hpp>

#include "archiver/run/connectors.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/hosts/ping_server.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"

namespace orcio {
namespace {

struct WarningControl : test::FakeControl {
  std::vector<std::string> warnings;
  [[nodiscard]] std::vector<std::string> Warnings() const override { return warnings; }
};

// Two hosts, both this machine: atena with wiki and blog, zeus with mail.
struct Night {
  test::ScratchDirectory scratch;
  Config config;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> log;     // guarded by mutex
  std::set<std::string> broken;     // services that fail to stop
  std::string stuck = " is stuck";  // what they say
  std::vector<std::string> warnings;
  std::function<void(const std::string& service)> on_stop;
  std::function<void()> on_started;
  // Long enough for a server that waits for its turn on this machine.
  PingPatience first_ping{std::chrono::seconds(200), 1, {}};
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
    auto control = std::make_unique<WarningControl>();
    control->on_stop = [this, name = service.name] {
      Note("stop " + name);
      if (on_stop) on_stop(name);
    };
    control->warnings = warnings;
    control->on_start = [this, name = service.name] {
      Note("start " + name);
      if (on_started) on_started();
    };
    if (broken.count(service.name) != 0) {
      control->stops.push_back(Failure(Error{ErrorKind::kRemote, 0, service.name + stuck}));
    }
    return control;
  }

  void Note(const std::string& event) {
    const std::scoped_lock lock(mutex);
    log.push_back(event);
    changed.notify_all();
  }
  // False if it has not been noted within two minutes.
  bool Await(const std::string& event) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(120),
                            [&] { return std::find(log.begin(), log.end(), event) != log.end(); });
  }
  [[nodiscard]] size_t Place(const std::string& event) const {
    return static_cast<size_t>(std::find(log.begin(), log.end(), event) - log.begin());
  }

  std::vector<ServiceOutcome> Go() {
    std::vector<const ServiceConfig*> services;
    for (auto& service : config.services) {
      service.hooks = config.hooks;
      services.push_back(&service);
    }
    const Connectors connectors{
        [](const HostConfig& host) { return std::make_unique<test::LocalHost>(host.name); },
        [this](const ServiceConfig& service) { return MakeControl(service); }, LocalFileSystem(),
        first_ping};
    return ArchiveAll(config, services, connectors, {}, {}, stop.get_token());
  }

  [[nodiscard]] std::string Text(const std::string& file) const {
    const auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), scratch / file, 1 << 22));
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

TEST_CASE("Hooks are told before a service is stopped and once it runs again") {
  Night night;
  night.config.services.resize(1);
  const std::string note = " >>'" + (night.scratch / "order").string() + "'";
  const auto mark = [&](const std::string& what) {
    std::ofstream(night.scratch / "order", std::ios::app) << what << "\n";
  };
  night.config.hooks.start = "echo $ORCIO_EVENT hook, $ORCIO_STATUS" + note;
  night.config.hooks.success = "echo $ORCIO_EVENT hook, $ORCIO_STATUS" + note;
  night.on_stop = [&](const std::string&) { mark("stop"); };
  night.on_started = [&] { mark("start"); };
  REQUIRE_FALSE(night.Go()[0].hook_error);
  CHECK(night.Text("order") == "start hook, begun\nstop\nstart\nsuccess hook, done\n");
}

TEST_CASE("Warnings are told to their own hook, or to that of success") {
  Night night;
  night.config.services.resize(1);
  night.warnings = {"a container is unhealthy"};
  night.config.hooks.success = night.Teller("success");
  (void)night.Go();
  CHECK(night.Text("told").starts_with("success wiki atena warnings wiki-"));
  night.config.hooks.warning = night.Teller("warning");
  (void)night.Go();
  CHECK(night.Text("told").find("\nwarning wiki atena warnings wiki-") != std::string::npos);
  const std::string told = night.Text("told");
  night.config.hooks.warning = "";
  (void)night.Go();
  CHECK(night.Text("told") == told);
}

TEST_CASE("A hook reads all facts as JSON") {
  Night night;
  night.config.services.resize(1);
  night.config.hooks.start = "cat >'" + (night.scratch / "start").string() + "'";
  night.config.hooks.success = "cat >'" + (night.scratch / "success").string() + "'";
  const auto outcomes = night.Go();
  const auto start = nlohmann::json::parse(night.Text("start"));
  CHECK(start.at("event") == "start");
  CHECK(start.at("service") == "wiki");
  CHECK(start.at("host") == "atena");
  CHECK(start.at("mode") == "stop");
  const auto success = nlohmann::json::parse(night.Text("success"));
  CHECK(success.at("event") == "success");
  CHECK(success.at("status") == "done");
  CHECK(success.at("running") == true);
  CHECK(success.at("path") == outcomes[0].archive.string());
  CHECK(success.at("bytes") == outcomes[0].archive_bytes);
  CHECK(success.at("downtime").at("seconds") == outcomes[0].facts.downtime->total());
}

TEST_CASE("What a host says cannot break out of a hook's variable, nor be too long for it") {
  Night night;
  night.config.services.resize(1);
  night.broken = {"wiki"};
  night.stuck = std::string(" is\r\nBcc: all\x1b[2J\0;", 19) + std::string(size_t{1} << 20, 'x');
  night.config.hooks.failure = "printf %s \"$ORCIO_MESSAGE\" >'" +
                               (night.scratch / "told").string() + "'; cat >'" +
                               (night.scratch / "document").string() + "'";
  const auto outcomes = night.Go();
  CHECK_FALSE(outcomes[0].hook_error);
  const std::string told = night.Text("told");
  CHECK(told.starts_with("wiki is\\r\\nBcc: all\\x1b[2J\\x00;xxx"));
  CHECK(told.size() < (size_t{1} << 15));
  const auto document = nlohmann::json::parse(night.Text("document"));
  CHECK(document.at("error").get<std::string>() == "wiki" + night.stuck);
}

TEST_CASE("A service runs again before anything but its start is pinged") {
  const test::PingServer server;
  Night night;
  night.config.services.resize(1);
  night.config.services[0].ping = server.Url("/wiki");
  std::vector<std::string> at_stop;
  std::vector<std::string> at_start;
  night.on_stop = [&](const std::string&) { at_stop = server.lines(); };
  night.on_started = [&] { at_start = server.lines(); };
  const auto outcomes = night.Go();
  CHECK_FALSE(outcomes[0].ping_error);
  CHECK(at_stop == std::vector<std::string>{"POST /wiki/start"});
  CHECK(at_start == at_stop);
  CHECK(server.lines() == std::vector<std::string>{"POST /wiki/start", "POST /wiki"});
  const std::string body = server.requests()[1].body;
  CHECK(body.starts_with("wiki on atena: done\nwiki: " + outcomes[0].archive.filename().string()));
}

TEST_CASE("A failure is pinged with what went wrong, unless that may not leave the premises") {
  const test::PingServer server;
  Night night;
  night.config.services.resize(2);
  night.broken = {"wiki", "mail"};
  night.stuck = " is\x1b stuck";
  night.config.services[0].ping = server.Url("/wiki");
  (void)night.Go();
  night.config.services[0].ping.clear();
  night.config.services[1].ping = server.Url("/mail");
  night.config.services[1].offsite_never = true;
  (void)night.Go();
  REQUIRE(server.lines() == std::vector<std::string>{"POST /wiki/start", "POST /wiki/fail",
                                                     "POST /mail/start", "POST /mail/fail"});
  CHECK(server.requests()[1].body ==
        "wiki on atena: failed\nwiki on atena: no archive: wiki is\\x1b stuck\n");
  CHECK(server.requests()[3].body ==
        "mail on zeus: failed\nWhat went wrong is left out, for `offsite: never`.\n");
}

TEST_CASE("A ping that nobody answers delays a service's stop by seconds, and changes nothing") {
  const test::PingServer server({test::PingServer::kHang});
  Night night;
  night.config.services.resize(1);
  night.config.services[0].ping = server.Url("/secret");
  night.first_ping = kOneQuickPing;
  const auto begun = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration until_stop{};
  night.on_stop = [&](const std::string&) {
    until_stop = std::chrono::steady_clock::now() - begun;
  };
  const auto outcomes = night.Go();
  CHECK(until_stop < std::chrono::seconds(120));  // whoever waits for an answer waits for ever
  CHECK_FALSE(outcomes[0].error);
  CHECK_FALSE(outcomes[0].archive.empty());
  REQUIRE(outcomes[0].ping_error);
  CHECK(outcomes[0].ping_error->message.find("127.0.0.1") != std::string::npos);
  CHECK(outcomes[0].ping_error->message.find("secret") == std::string::npos);
  CHECK(server.lines().back() == "POST /secret");
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
