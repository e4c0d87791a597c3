// How backups do, as a person, a monitor and Prometheus are told.
#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <regex>
#include <sstream>

#include <nlohmann/json.hpp>

#include "archiver/safety/run_journal.h"
#include "index/archive/write/archive_writer.h"
#include "index/files/file_system.h"
#include "index/repository/archive_name.h"
#include "index/repository/repository_lock.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kHour = 3600;

// Two services, `wiki` and `mail`, and archives of theirs so many hours old.
class Repo {
 public:
  Repo() {
    fs::create_directory(directory());
    std::ofstream(config()) << "repository: " << directory().string()
                            << "\nhosts: {workshop: {address: localhost}}\nservices:\n"
                               "  wiki: {host: workshop, control: none, max_age: 2d}\n"
                               "  mail: {host: workshop, control: none}\n";
  }
  fs::path Add(const std::string& service, int64_t hours, const RunFacts& facts = {}) {
    const auto name = MakeArchiveName(service, now_ - hours * kHour);
    auto writer = ValueOf(ArchiveWriter::Create(LocalFileSystem(), directory(), name, {}));
    REQUIRE_OK(Push(*writer, MakeTar(1000)));
    REQUIRE_OK(writer->Finish());
    REQUIRE_OK(writer->Describe(facts));
    REQUIRE_OK(writer->Publish());
    return directory() / name;
  }
  // As a run of wiki that is under way, or was interrupted.
  void LeaveJournal() const {
    RunJournal journal;
    journal.service.name = "wiki";
    journal.service.host = "workshop";
    REQUIRE_OK(WriteJournal(LocalFileSystem(), directory(), journal));
  }
  [[nodiscard]] Ended Status(std::vector<std::string> words = {}) const {
    words.insert(words.begin(), {BuiltProgram(), "-c", config().string(), "status"});
    return RunCommand(words);
  }
  [[nodiscard]] fs::path directory() const { return scratch_ / "repository"; }
  [[nodiscard]] fs::path config() const { return scratch_ / "config.yaml"; }
  [[nodiscard]] fs::path metrics() const { return scratch_ / "orcio.prom"; }
  [[nodiscard]] int64_t now() const { return now_; }

 private:
  ScratchDirectory scratch_;
  const int64_t now_ = std::time(nullptr);
};

bool Has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

// Ages go on while a test runs.
std::string WithoutMinutes(const std::string& text) {
  return std::regex_replace(text, std::regex(" +[0-9]+ min"), " MINUTES");
}

}  // namespace

TEST_CASE("Services with a young complete archive are good") {
  Repo repo;
  RunFacts facts;
  facts.downtime = Downtime{1, 2, 3};
  repo.Add("wiki", 30, facts);
  repo.Add("mail", 3000);
  const Ended ended = repo.Status();
  CHECK(ended.status == 0);
  CHECK(ended.out.starts_with("OK: 2 services have their archives\n"));
  const auto json = nlohmann::json::parse(repo.Status({"--json"}).out);
  CHECK(json.at("status") == "OK");
  CHECK(json.at("services")[0].at("service") == "wiki");
  CHECK(json.at("services")[0].at("downtime").at("seconds") == 6.0);
  CHECK(json.at("services")[0].at("age_seconds") >= 30 * kHour);
  CHECK(json.at("services")[0].at("age_seconds") < 31 * kHour);
  std::ofstream(repo.config()) << "repository: " << repo.directory().string()
                               << "\nhosts: {workshop: {address: localhost}}\nservices:\n"
                                  "  wiki: {host: workshop, control: none}\n";
  CHECK(repo.Status().out.starts_with("OK: wiki has its archive\n"));
}

TEST_CASE("A service without an archive, or with an old one, is critical") {
  Repo repo;
  repo.Add("wiki", 49);
  const Ended ended = repo.Status();
  CHECK(ended.status == 2);
  const auto first = ended.out.substr(0, ended.out.find('\n'));
  CHECK(first.starts_with("CRITICAL: "));
  CHECK(Has(first, "wiki: its last complete archive is older than"));
  CHECK(Has(first, "mail: was never archived"));
}

// One archive of a clock that was wrong for a night, and nobody heard that there were none after
// it.
TEST_CASE("An archive of the future is a warning and keeps no service young") {
  Repo repo;
  repo.Add("mail", 1);
  repo.Add("wiki", 30);
  repo.Add("wiki", -24 * 3650);
  const std::string future = FormatDate(repo.now() + 24 * 3650 * kHour);
  const Ended warned = repo.Status({"--prometheus", repo.metrics().string()});
  CHECK(warned.status == 1);
  std::ostringstream text;
  text << std::ifstream(repo.metrics()).rdbuf();
  CHECK(
      Has(text.str(), "orcio_last_success_timestamp_seconds{service=\"wiki\",host=\"workshop\"} " +
                          std::to_string(repo.now() - 30 * kHour) + "\n"));
  CHECK(Has(repo.Status().out, "wiki: " + future + " is dated in the future: look at this "));
  const auto json = nlohmann::json::parse(
      RunCommand({BuiltProgram(), "-c", repo.config().string(), "--json", "status"}).out);
  CHECK(json.at("services")[0].at("date") == FormatDate(repo.now() - 30 * kHour));
  CHECK(json.at("services")[0].at("age_seconds") >= 30 * kHour);
  fs::remove(repo.directory() / MakeArchiveName("wiki", repo.now() - 30 * kHour));
  repo.Add("wiki", 49);
  CHECK(repo.Status().status == 2);
  CHECK(Has(repo.Status().out, "its last complete archive is older than"));
  // One that is damaged makes none of them the last.
  const auto old = repo.directory() / MakeArchiveName("wiki", repo.now() - 49 * kHour);
  fs::resize_file(old, fs::file_size(old) - 1);
  CHECK(repo.Status().status == 2);
  CHECK(Has(repo.Status().out, "has no complete archive"));
  // By a clock that is far behind, all are.
  fs::remove(old);
  repo.Add("wiki", -24 * 3651);
  const Ended all = repo.Status();
  CHECK(all.status == 1);
  CHECK(Has(all.out, "wiki: 2 archives, up to " + FormatDate(repo.now() + 24 * 3651 * kHour) +
                         ", are dated in the future"));
}

TEST_CASE("An archive that is not whole does not count, and is a warning over one that is") {
  Repo repo;
  repo.Add("mail", 1);
  repo.Add("wiki", 30);
  const auto cut = repo.Add("wiki", 2);
  fs::resize_file(cut, fs::file_size(cut) - 1);
  const Ended ended = repo.Status();
  CHECK(ended.status == 1);
  CHECK(Has(ended.out, "wiki: " + FormatDate(repo.now() - 2 * kHour) + " is "));
  fs::remove(repo.directory() / MakeArchiveName("wiki", repo.now() - 30 * kHour));
  CHECK(Has(repo.Status().out, "has no complete archive"));
  CHECK(repo.Status().status == 2);
}

TEST_CASE("Warnings of the last run are warnings") {
  Repo repo;
  repo.Add("mail", 1);
  RunFacts facts;
  facts.warnings = {"a file changed", "another one"};
  repo.Add("wiki", 1, facts);
  const Ended ended = repo.Status();
  CHECK(ended.status == 1);
  CHECK(Has(ended.out, "2 warnings in "));
}

TEST_CASE("An archive that shrank is a warning, and does not keep the last good one young") {
  Repo repo;
  repo.Add("mail", 1);
  repo.Add("wiki", 30);
  RunFacts facts;
  facts.service = "wiki";
  facts.shrunk_from = ArchiveSize{uint64_t{52} << 20, 4711};
  const auto shrunk = repo.Add("wiki", 2, facts);
  const Ended ended = repo.Status();
  CHECK(ended.status == 1);
  CHECK(Has(ended.out, "wiki: " + FormatDate(repo.now() - 2 * kHour) +
                           " is far smaller than those before it ("));
  CHECK(Has(ended.out, "not 52.0 MiB in 4711)"));
  const Ended listed = RunCommand({BuiltProgram(), "-c", repo.config().string(), "list"});
  CHECK(Has(listed.out, "complete, shrunk\n"));
  const auto json = nlohmann::json::parse(
      RunCommand({BuiltProgram(), "-c", repo.config().string(), "--json", "list"}).out);
  CHECK(json.at("archives")[2].at("shrunk_from").at("entries") == 4711);
  CHECK_FALSE(json.at("archives")[1].contains("shrunk_from"));
  // An index that is made anew knows it still.
  REQUIRE(
      RunCommand({BuiltProgram(), "-c", repo.config().string(), "index", shrunk.string()}).status ==
      0);
  CHECK(WithoutMinutes(repo.Status().out) == WithoutMinutes(ended.out));
  fs::remove(repo.directory() / MakeArchiveName("wiki", repo.now() - 30 * kHour));
  repo.Add("wiki", 49);
  CHECK(Has(repo.Status().out, "its last complete archive is older than"));
}

TEST_CASE("What an interrupted run left is critical, what a run is at is not") {
  Repo repo;
  repo.Add("mail", 1);
  repo.Add("wiki", 1);
  repo.LeaveJournal();
  {
    const auto running = RepositoryLock::Take(repo.directory());
    REQUIRE(running.has_value());
    CHECK(repo.Status().status == 0);
  }
  const Ended ended = repo.Status();
  CHECK(ended.status == 2);
  CHECK(Has(ended.out, "orcio recover"));
}

// On btrfs, and within a container, every run made the status critical while it lasted.
TEST_CASE("A run is known of where the kernel's list of locks has another device for it") {
  NeedRoot();
  Repo repo;
  repo.Add("mail", 1);
  repo.Add("wiki", 1);
  repo.LeaveJournal();
  const auto status = [&] {
    return RunCommand({"unshare", "--mount", "sh", "-c",
                       "sed 's/ [0-9a-f]*:[0-9a-f]*:/ ff:ffff:/' /proc/locks >\"$1\" && "
                       "mount --bind \"$1\" /proc/locks && exec \"$2\" -c \"$3\" status",
                       "sh", (repo.directory().parent_path() / "locks").string(), BuiltProgram(),
                       repo.config().string()});
  };
  {
    const auto running = RepositoryLock::Take(repo.directory());
    REQUIRE(running.has_value());
    const Ended ended = status();
    INFO(ended.out + ended.err);
    CHECK(ended.status == 0);
  }
  CHECK(status().status == 2);
}

TEST_CASE("Where nothing can be found out, the status is unknown") {
  Repo repo;
  fs::remove_all(repo.directory());
  CHECK(repo.Status().status == 3);
  std::ofstream(repo.config()) << "nonsense";
  CHECK(repo.Status().status == 3);
}

TEST_CASE("Prometheus gets a whole file that it may read, and cron nothing to mail") {
  Repo repo;
  RunFacts facts;
  facts.start_seconds = 1000;
  facts.end_seconds = 1060;
  facts.downtime = Downtime{1, 2, 3.5};
  const auto archive = repo.Add("wiki", 1, facts);
  std::ofstream(repo.metrics()) << "old";
  const Ended ended = repo.Status({"--prometheus", repo.metrics().string()});
  CHECK(ended.status == 2);  // mail
  CHECK(ended.out.empty());
  CHECK(ended.err.empty());
  struct stat status {};
  REQUIRE(::stat(repo.metrics().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
  std::ostringstream text;
  text << std::ifstream(repo.metrics()).rdbuf();
  const std::string wiki = "{service=\"wiki\",host=\"workshop\"} ";
  CHECK(Has(text.str(), "orcio_last_duration_seconds" + wiki + "60\n"));
  CHECK(Has(text.str(), "orcio_last_downtime_seconds" + wiki + "6.5\n"));
  CHECK(Has(text.str(), "orcio_last_bytes" + wiki + std::to_string(fs::file_size(archive)) + "\n"));
  CHECK(Has(text.str(), "orcio_last_success_timestamp_seconds" + wiki +
                            std::to_string(repo.now() - kHour) + "\n"));
  CHECK(Has(text.str(), "orcio_status{service=\"mail\",host=\"workshop\"} 2\n"));
  CHECK_FALSE(Has(text.str(), "orcio_last_bytes{service=\"mail\""));
  CHECK_FALSE(Has(text.str(), "old"));
}

}  // namespace orcio::test
