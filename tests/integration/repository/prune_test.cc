// Retention with the real program: what goes, what stays and why, also when it is killed on the
// way.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "index/files/file_system.h"
#include "index/repository/archive_name.h"
#include "index/repository/repository_lock.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/needs.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDay = 86400;
constexpr int64_t kFirst = 1'760'000'000;  // 2025-10-09 08:53:20 UTC

std::string NameOfDay(int day) {
  return MakeArchiveName("wiki", kFirst + day * kDay);
}

// A repository with an archive a day, and a configuration that keeps some.
class Repo {
 public:
  explicit Repo(int days, const std::string& keep = "{last: 2}", const std::string& top = {}) {
    fs::create_directory(directory());
    const auto tar = MakeTar(10'000);
    for (int day = 0; day < days; ++day) {
      const auto written = WriteArchive(LocalFileSystem(), directory(), NameOfDay(day), tar);
      REQUIRE(written.has_value());
    }
    std::ofstream(scratch_ / "config.yaml")
        << "repository: " << directory().string() << "\n"
        << top
        << "hosts: {workshop: {address: localhost}}\nservices:\n  wiki:\n    host: workshop\n"
           "    control: none\n"
        << (keep.empty() ? "" : "    keep: " + keep + "\n");
  }

  [[nodiscard]] Ended Run(std::vector<std::string> words) const {
    words.insert(words.begin(), {BuiltProgram(), "-c", (scratch_ / "config.yaml").string()});
    return RunCommand(words);
  }
  // Names of all files but the lock.
  [[nodiscard]] std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory()))
      names.insert(entry.path().filename().string());
    names.erase(".orcio.lock");
    return names;
  }
  [[nodiscard]] fs::path directory() const { return scratch_ / "repository"; }
  [[nodiscard]] fs::path Archive(int day) const { return directory() / NameOfDay(day); }

 private:
  ScratchDirectory scratch_;
};

std::set<std::string> Whole(std::initializer_list<int> days) {
  std::set<std::string> names;
  for (const int day : days) {
    names.insert(NameOfDay(day));
    names.insert(NameOfDay(day) + ".idx");
  }
  return names;
}

bool Has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("What no rule keeps goes, with its index, and silently under cron") {
  const Repo repo(6);
  // Of indexing that was interrupted.
  std::ofstream(repo.directory() / ("." + NameOfDay(0) + ".idx.resume")) << "log";
  const Ended ended = repo.Run({"prune"});
  CHECK(ended.status == 0);
  CHECK(ended.out.empty());
  CHECK(ended.err.empty());
  CHECK(repo.Names() == Whole({4, 5}));
}

TEST_CASE("A dry run removes nothing and says what it would") {
  const Repo repo(4);
  const auto before = repo.Names();
  const Ended ended = repo.Run({"prune", "--dry-run"});
  CHECK(ended.status == 0);
  CHECK(ended.out.find("would be removed") != std::string::npos);
  CHECK(ended.out.find("kept: last 2 of 2") != std::string::npos);
  CHECK(repo.Names() == before);
  const auto json = nlohmann::json::parse(repo.Run({"--json", "prune", "--dry-run"}).out);
  CHECK(json.at("dry_run") == true);
  REQUIRE(json.at("archives").size() == 4);
  CHECK(json.at("archives")[0].at("keep") == false);
  CHECK(json.at("archives")[3].at("reasons") == nlohmann::json::array({"last 1 of 2"}));
  CHECK(json.at("freed_bytes") == fs::file_size(repo.Archive(0)) + fs::file_size(repo.Archive(1)));
}

TEST_CASE("What is protected stays until it is not") {
  const Repo repo(5);
  const std::string first = FormatDate(kFirst);
  REQUIRE(repo.Run({"protect", "wiki@" + first}).status == 0);
  REQUIRE(repo.Run({"protect", "wiki@" + first}).status == 0);
  CHECK(repo.Run({"list"}).out.find("complete, protected") != std::string::npos);
  REQUIRE(repo.Run({"prune"}).status == 0);
  auto expected = Whole({0, 3, 4});
  expected.insert("." + NameOfDay(0) + ".protected");
  CHECK(repo.Names() == expected);
  REQUIRE(repo.Run({"unprotect", "wiki@" + first}).status == 0);
  REQUIRE(repo.Run({"prune"}).status == 0);
  CHECK(repo.Names() == Whole({3, 4}));
  CHECK(repo.Run({"protect", "wiki@2001"}).status == 10);
}

// Five empty archives of a volume that was not mounted, and `last: 2` had removed what was left of
// it.
TEST_CASE("Archives that shrank take no place of a good one") {
  const Repo repo(3);
  RunFacts facts;
  facts.shrunk_from = ArchiveSize{uint64_t{52} << 20, 4711};
  for (int day = 3; day < 8; ++day) {
    auto writer =
        ValueOf(ArchiveWriter::Create(LocalFileSystem(), repo.directory(), NameOfDay(day), {}));
    REQUIRE_OK(Push(*writer, MakeTar(100)));
    REQUIRE_OK(writer->Finish());
    REQUIRE_OK(writer->Describe(facts));
    REQUIRE_OK(writer->Publish());
  }
  const Ended dry = repo.Run({"prune", "--dry-run"});
  CHECK(dry.out.find("kept: last 1 of 2 (shrunk)") != std::string::npos);
  REQUIRE(repo.Run({"prune"}).status == 0);
  CHECK(repo.Names() == Whole({1, 2, 6, 7}));
}

TEST_CASE("What is damaged or has no index counts for nothing, and is left to a person") {
  const Repo repo(5);
  fs::remove(repo.Archive(4).string() + ".idx");
  fs::resize_file(repo.Archive(3), fs::file_size(repo.Archive(3)) - 1);
  REQUIRE(repo.Run({"prune"}).status == 0);
  auto expected = Whole({1, 2, 3});
  expected.insert(NameOfDay(4));
  CHECK(repo.Names() == expected);
  CHECK(repo.Run({"prune", "--dry-run"}).out.find("not known to be complete") != std::string::npos);
}

TEST_CASE("Archives of other services, and files that are none, stay") {
  const Repo repo(4);
  const auto other = MakeArchiveName("mail", kFirst);
  REQUIRE(WriteArchive(LocalFileSystem(), repo.directory(), other, MakeTar(1000)).has_value());
  std::ofstream(repo.directory() / "notes.txt") << "mine";
  REQUIRE(repo.Run({"prune"}).status == 0);
  auto expected = Whole({2, 3});
  expected.insert({other, other + ".idx", "notes.txt"});
  CHECK(repo.Names() == expected);
}

TEST_CASE("A policy that keeps nothing, and none at all, are refused") {
  const Repo empty(3, "{last: 0}");
  CHECK(empty.Run({"prune"}).status == 2);
  const Repo none(3, "");
  const Ended ended = none.Run({"prune"});
  CHECK(ended.status == 2);
  CHECK(ended.err.find("keep:") != std::string::npos);
  CHECK(none.Run({"prune", "wiki"}).status == 2);
  CHECK(none.Run({"prune", "nonesuch"}).status == 10);
  CHECK(none.Names() == Whole({0, 1, 2}));
}

TEST_CASE("What cannot be removed is said, and counts as kept") {
  NeedRoot();
  const Repo repo(4);
  const std::string archive = repo.Archive(0).string();
  MustRun({"mount", "--bind", archive, archive});  // what is mounted on cannot be removed
  const Ended ended = repo.Run({"--json", "prune"});
  MustRun({"umount", archive});
  CHECK(ended.status == 1);
  CHECK(ended.err.find(NameOfDay(0)) != std::string::npos);
  const auto json = nlohmann::json::parse(ended.out);
  CHECK(json.at("archives")[0].at("reasons") == nlohmann::json::array({"could not be removed"}));
  CHECK(json.at("freed_bytes") == fs::file_size(repo.Archive(3)));
  CHECK(repo.Names() == Whole({0, 2, 3}));
}

TEST_CASE("While a run holds the lock nothing is removed") {
  const Repo repo(4);
  const auto lock = RepositoryLock::Take(repo.directory());
  REQUIRE(lock.has_value());
  CHECK(repo.Run({"prune"}).status == 11);
  CHECK(repo.Names() == Whole({0, 1, 2, 3}));
  CHECK(repo.Run({"prune", "--dry-run"}).status == 0);
}

TEST_CASE(
    "Killed at any moment, it has removed nothing that is to be kept, and ends the next time") {
  std::mt19937 random(3);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    const Repo repo(40, "{last: 3, weekly: 3}");
    std::set<std::string> kept;
    const auto plan = nlohmann::json::parse(repo.Run({"--json", "prune", "--dry-run"}).out);
    for (const auto& archive : plan.at("archives")) {
      if (archive.at("keep") != true) continue;
      const auto name = fs::path(archive.at("path").get<std::string>()).filename().string();
      kept.insert({name, name + ".idx"});
    }
    REQUIRE(kept.size() >= 8);
    const std::string config = (repo.directory().parent_path() / "config.yaml").string();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl(BuiltProgram(), "orcio", "-c", config.c_str(), "prune", nullptr);
      ::_exit(127);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    const auto left = repo.Names();
    for (const std::string& name : kept) CHECK(left.contains(name));
    REQUIRE(repo.Run({"prune"}).status == 0);
    // An index may be left behind, for the next run to remove; no archive that was to go is.
    for (const std::string& name : repo.Names()) {
      INFO(name);
      CHECK((kept.contains(name) || name.ends_with(".idx")));
    }
  }
}

TEST_CASE("After a service was archived, its policy is applied where the configuration says so") {
  for (const bool prune : {false, true}) {
    CAPTURE(prune);
    OrcioFixture orcio(BuiltProgram());
    const auto volume = orcio.scratch() / "volume";
    fs::create_directory(volume);
    std::ofstream(volume / "file") << std::string(400'000, 'x');  // not far less than MakeTar
    orcio.Configure(
        "  wiki:\n    host: workshop\n    control: none\n    keep: {last: 2}\n    paths: ['" +
        volume.string() + "']\n");
    if (prune) std::ofstream(orcio.config(), std::ios::app) << "prune: true\n";
    for (int day = 0; day < 3; ++day) {
      REQUIRE(WriteArchive(LocalFileSystem(), orcio.repository(), NameOfDay(day), MakeTar(1000))
                  .has_value());
    }
    REQUIRE(orcio.Run({"archive"}).status == 0);
    CHECK(orcio.RepositoryNames().size() == (prune ? 4U : 8U));
    CHECK(fs::exists(orcio.repository() / NameOfDay(2)));
    CHECK(fs::exists(orcio.repository() / NameOfDay(0)) != prune);
    // One that fails costs no archive.
    fs::remove_all(volume);
    CHECK(orcio.Run({"archive"}).status == 1);
    CHECK(orcio.RepositoryNames().size() == (prune ? 4U : 8U));
  }
}

// `last: 1` kept the archive of a clock that was wrong, and removed each one that a run had just
// made, with exit status 0.
TEST_CASE("What a run made stays and a clock that seems wrong is told of") {
  OrcioFixture orcio(BuiltProgram());
  const auto volume = orcio.scratch() / "volume";
  fs::create_directory(volume);
  std::ofstream(volume / "file") << std::string(400'000, 'x');  // not far less than MakeTar
  orcio.Configure(
      "  wiki:\n    host: workshop\n    control: none\n    keep: {last: 1}\n    paths: ['" +
      volume.string() + "']\n");
  std::ofstream(orcio.config(), std::ios::app) << "prune: true\n";
  const auto add = [&](int64_t seconds_ahead) {
    auto name = MakeArchiveName("wiki", std::time(nullptr) + seconds_ahead);
    REQUIRE(WriteArchive(LocalFileSystem(), orcio.repository(), name, MakeTar(1000)).has_value());
    return name;
  };
  const auto run = [&] {
    const std::vector<std::string> before = orcio.RepositoryNames();
    const Ended ended = orcio.Run({"archive"});
    INFO(ended.err);
    CHECK(ended.status == 3);
    CHECK(Has(ended.err, "look at this machine's clock"));
    std::vector<std::string> made;
    for (const std::string& name : orcio.RepositoryNames()) {
      if (name.ends_with(".tar.gz") &&
          std::find(before.begin(), before.end(), name) == before.end())
        made.push_back(name);
    }
    REQUIRE(made.size() == 1);
    return made.front();
  };
  SECTION("years ahead") {
    const std::string future = add(3650 * kDay);
    const std::string old = add(-kDay);
    const std::string made = run();
    CHECK(fs::exists(orcio.repository() / future));
    CHECK_FALSE(fs::exists(orcio.repository() / old));
    REQUIRE(orcio.Run({"prune"}).status == 0);
    CHECK(fs::exists(orcio.repository() / made));
  }
  SECTION("hours ahead") {
    const std::string ahead = add(6 * 3600);
    (void)run();
    CHECK(fs::exists(orcio.repository() / ahead));
    CHECK(Has(orcio.Run({"prune", "--dry-run"}).out, "would be removed"));
  }
}

}  // namespace orcio::test
