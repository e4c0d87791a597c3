// What a precopy run that gives up leaves for the next one, and what becomes of it.

#include <algorithm>
#include <ctime>
#include <fstream>

#include "index/repository/listing_path.h"
#include "index/repository/repository.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/services/precopy_service.h"

namespace orcio {
namespace {

using test::AwaitSteady;
using test::kWholeRun;
using test::SmallDisk;
using Service = test::PrecopyService;

// Lets one run give up: it takes too long to stop.
ServiceOutcome GiveUp(Service& service) {
  service.config.max_downtime = std::chrono::seconds(1);
  service.control.on_stop = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); };
  auto outcome = service.Run();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kLimit);
  CHECK(outcome.archive.empty());
  CHECK(service.control.log == kWholeRun);
  service.config.max_downtime.reset();
  service.control.on_stop = {};
  return outcome;
}

std::vector<std::string> KeptIn(const std::filesystem::path& repository) {
  std::vector<std::string> kept;
  for (const auto& entry : std::filesystem::directory_iterator(repository)) {
    const std::string name = entry.path().filename();
    if (name.find(".kept") != std::string::npos) kept.push_back(name);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

// The kept archive; fails if there is not exactly one, with its sidecar and its listing.
std::filesystem::path OnlyKept(const Service& service) {
  const auto names = KeptIn(service.repository());
  REQUIRE(names.size() == 3);
  CHECK(names[0] == "." + names[1] + ".listing");
  CHECK(names[2] == names[1] + ".idx");
  return service.repository() / names[1];
}

// What an archive has of a file of the volume, and what is there.
void CheckHas(const Service& service, const ServiceOutcome& outcome, const std::string& name) {
  REQUIRE_FALSE(outcome.error);
  const auto path = service.scratch / "volume" / name;
  const auto archived =
      test::MustRun({"tar", "-xOzf", outcome.archive.string(), path.string().substr(1)});
  CHECK(archived == test::MustRun({"cat", path.string()}));
}

constexpr size_t kMore = 2 << 20;

// Has the host's clock stand still: what is written from now on is not at rest, however long its
// run takes to begin.
void StopClock(Service& service) {
  std::filesystem::create_directory(service.scratch / "bin");
  const auto date = service.scratch / "bin/date";
  std::ofstream(date) << "#!/bin/sh\necho " << std::time(nullptr) << "\n";
  std::filesystem::permissions(date, std::filesystem::perms::owner_all);
  service.environment["PATH"] = (service.scratch / "bin").string() + ":/usr/bin:/bin";
}

}  // namespace

TEST_CASE("What a run that gave up has fetched is not fetched again, and goes with the archive") {
  Service service;
  const bool first_of_all = GENERATE(false, true);
  CAPTURE(first_of_all);
  if (!first_of_all) (void)service.FirstArchive();
  std::ofstream(service.scratch / "volume/more") << test::Noise(kMore, 3);
  AwaitSteady();
  const auto gave_up = GiveUp(service);
  CHECK(gave_up.error->message.find("is kept for the next run") != std::string::npos);
  const auto kept = OnlyKept(service);
  const auto repository = Repository(LocalFileSystem(), service.repository());
  CHECK(ValueOf(repository.List()).size() == (first_of_all ? 0 : 1));
  CHECK(std::filesystem::file_size(kept) > kMore);
  // Of the others, only what no archive has.
  CHECK((std::filesystem::file_size(kept) > kMore + 600'000) == first_of_all);

  const auto outcome = service.Run();
  CheckHas(service, outcome, "more");
  CheckHas(service, outcome, "one");
  CHECK(outcome.facts.transfer->full == first_of_all);
  CHECK(outcome.facts.transfer->warm_bytes + outcome.facts.transfer->cold_bytes < 100'000);
  CHECK(KeptIn(service.repository()).empty());
}

TEST_CASE("What was kept and has changed since, whatever its times say, is fetched again") {
  Service service;
  (void)service.FirstArchive();
  const auto more = service.scratch / "volume/more";
  std::ofstream(more) << test::Noise(kMore, 3);
  AwaitSteady();
  (void)GiveUp(service);
  SECTION("in place, with its modification time set back") {
    test::MustRunShell("touch -r " + more.string() + " " + (service.scratch / "time").string());
    std::fstream(more, std::ios::in | std::ios::out) << "changed";
    test::MustRunShell("touch -r " + (service.scratch / "time").string() + " " + more.string());
  }
  SECTION("by another file of its size and times") {
    test::MustRunShell("cp -p " + more.string() + " " + (service.scratch / "other").string());
    std::fstream(service.scratch / "other", std::ios::in | std::ios::out) << "changed";
    test::MustRunShell("touch -r " + more.string() + " " + (service.scratch / "other").string());
    std::filesystem::rename(service.scratch / "other", more);
  }
  AwaitSteady();
  const auto outcome = service.Run();
  CheckHas(service, outcome, "more");
  CHECK(outcome.facts.transfer->warm_bytes > kMore);
}

TEST_CASE("What was not at rest when it was fetched is not kept") {
  Service service;
  // Without an archive before, everything is fetched, at rest or not.
  if (GENERATE(false, true)) (void)service.FirstArchive();
  StopClock(service);
  for (const char* name : {"one", "two", "three", "more"})
    std::ofstream(service.scratch / "volume" / name) << test::Noise(kMore, 3);
  const auto gave_up = GiveUp(service);
  CHECK(gave_up.error->message.find("kept") == std::string::npos);
  CHECK(KeptIn(service.repository()).empty());
}

TEST_CASE("Runs that give up one after another keep one file, with what all of them fetched") {
  Service service;
  (void)service.FirstArchive();
  for (const char* name : {"more", "much"}) {
    std::ofstream(service.scratch / "volume" / name)
        << test::Noise(kMore, static_cast<unsigned char>(*name));
    AwaitSteady();
    (void)GiveUp(service);
    (void)OnlyKept(service);
  }
  // Replaced: what was kept of it goes.
  std::ofstream(service.scratch / "volume/much") << test::Noise(kMore, 9);
  AwaitSteady();
  (void)GiveUp(service);
  CHECK(std::filesystem::file_size(OnlyKept(service)) < 5 * kMore / 2);
  const auto outcome = service.Run();
  CHECK(outcome.facts.transfer->warm_bytes < 100'000);
  for (const char* name : {"more", "much", "one"}) CheckHas(service, outcome, name);
}

TEST_CASE("A run that is to read everything takes nothing that another one kept") {
  Service service;
  (void)service.FirstArchive();
  std::ofstream(service.scratch / "volume/more") << test::Noise(kMore, 3);
  AwaitSteady();
  (void)GiveUp(service);
  service.config.full_every = 1;
  const auto outcome = service.Run();
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.transfer->full);
  CHECK(outcome.facts.transfer->warm_bytes > kMore + 900'000);
  CHECK(KeptIn(service.repository()).empty());
}

TEST_CASE("What was kept and is damaged, or has lost its listing, is done without") {
  Service service;
  const auto archive = service.FirstArchive();
  std::ofstream(service.scratch / "volume/more") << test::Noise(kMore, 3);
  AwaitSteady();
  (void)GiveUp(service);
  const auto kept = OnlyKept(service);
  SECTION("beside an archive that is of no use any more") {
    std::filesystem::remove(ListingPath(archive));
  }
  SECTION("damaged") {
    test::FlipByte(kept, kMore / 2);
    const auto damaged = service.Run();
    REQUIRE(damaged.error);
    CHECK(damaged.error->kind == ErrorKind::kDamaged);
    CHECK(damaged.error->message.find(kept.string()) != std::string::npos);
    CHECK_FALSE(damaged.start_error);
  }
  SECTION("without its listing") {
    std::filesystem::remove(ListingPath(kept));
  }
  SECTION("without its sidecar") {
    std::filesystem::remove(kept.string() + ".idx");
  }
  const auto outcome = service.Run();
  CheckHas(service, outcome, "more");
  CHECK(outcome.facts.transfer->warm_bytes > kMore);
  CHECK(KeptIn(service.repository()).empty());
}

TEST_CASE(
    "Names of one file come in an order that tar understands, though a directory was not kept") {
  Service service;
  const std::string busy = GENERATE("a", "b");
  const auto volume = service.scratch / "volume";
  for (const char* name : {"a", "b"}) std::filesystem::create_directory(volume / name);
  std::ofstream(volume / "a/x") << test::Noise(100'000, 5);
  std::filesystem::create_hard_link(volume / "a/x", volume / "b/x");
  AwaitSteady();
  std::ofstream(volume / busy / "new").flush();
  (void)GiveUp(service);
  (void)OnlyKept(service);
  AwaitSteady();
  const auto outcome = service.Run();
  INFO((outcome.error ? outcome.error->message : ""));
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.transfer->warm_bytes < 100'000);
  const auto into = service.scratch / "restored";
  std::filesystem::create_directory(into);
  test::MustRun({"tar", "-xf", outcome.archive, "-C", into});
  test::MustRun({"diff", "-r", volume, into / volume.relative_path()});
  CHECK(std::filesystem::hard_link_count(into / volume.relative_path() / "b/x") == 2);
}

TEST_CASE("Another service's runs leave alone what was kept") {
  Service service;
  AwaitSteady();
  (void)GiveUp(service);
  const auto kept = OnlyKept(service);
  service.config.name = "wiki-2";
  service.config.mode = Mode::kStop;
  REQUIRE_FALSE(service.Run().error);
  CHECK(std::filesystem::exists(kept));
  service.config.name = "wiki";
  REQUIRE_FALSE(service.Run().error);
  CHECK_FALSE(std::filesystem::exists(kept));
}

TEST_CASE("Nothing is kept for which there is no room, and it is said") {
  Service service;
  AwaitSteady();
  // Enough for the archive, as far as anybody knows before it is made.
  class Filling : public SmallDisk {
   public:
    Filling() : SmallDisk(0) {}
    [[nodiscard]] Result<uint64_t> FreeBytes(const std::filesystem::path&) const override {
      return ++asked_ == 1 ? uint64_t{1} << 40 : 1000;
    }

   private:
    mutable int asked_ = 0;
  };
  service.config.max_downtime = std::chrono::seconds(1);
  service.control.on_stop = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); };
  const auto outcome = service.Run(Filling());
  REQUIRE(outcome.error);
  CHECK(outcome.error->kind == ErrorKind::kLimit);
  REQUIRE(outcome.facts.warnings.size() == 1);
  CHECK(outcome.facts.warnings[0].find("there is no room") != std::string::npos);
  CHECK(KeptIn(service.repository()).empty());
}

}  // namespace orcio
