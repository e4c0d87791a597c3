// What is remembered of verifying an archive, as `list`, `status` and Prometheus tell it.

#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "index/files/file_system.h"
#include "index/repository/archive_name.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr int kDamageFound = 4;
const std::string kWiki = "{service=\"wiki\",host=\"workshop\"} ";

// An archive of the service `wiki` that is as good as new, and larger than its edges.
class Shelf {
 public:
  Shelf() {
    fs::create_directory(directory());
    std::ofstream(scratch_ / "config.yaml")
        << "repository: " << directory().string()
        << "\nhosts: {workshop: {address: localhost}}\n"
           "services: {wiki: {host: workshop, control: none}}\n";
    archive_ = Add(kHour);
  }
  [[nodiscard]] fs::path Add(int64_t seconds_ago, size_t bytes = 1 << 20) const {
    const auto name = MakeArchiveName("wiki", std::time(nullptr) - seconds_ago);
    REQUIRE_OK(WriteArchive(LocalFileSystem(), directory(), name, MakeTar(bytes)));
    return directory() / name;
  }
  [[nodiscard]] Ended Run(std::vector<std::string> words) const {
    words.insert(words.begin(), {BuiltProgram(), "-c", (scratch_ / "config.yaml").string()});
    CommandOptions options;
    options.environment["TZ"] = "UTC";
    return RunCommand(words, options);
  }
  // The exit status.
  [[nodiscard]] int Verify(bool read_data) const {
    std::vector<std::string> words{"verify", archive_.string()};
    if (read_data) words.emplace_back("--read-data");
    return Run(words).status;
  }
  // Where a quick verification does not look.
  void FlipData() const { FlipByte(archive_, fs::file_size(archive_) / 2); }
  // What `list --json` says of the archive.
  [[nodiscard]] nlohmann::json Listed() const {
    return nlohmann::json::parse(Run({"list", "--json"}).out).at("archives").back();
  }
  [[nodiscard]] std::string List() const { return Run({"list"}).out; }
  [[nodiscard]] nlohmann::json Status() const {
    return nlohmann::json::parse(Run({"status", "--json"}).out).at("services")[0];
  }
  [[nodiscard]] std::string Metrics() const {
    const auto path = scratch_ / "orcio.prom";
    (void)Run({"status", "--prometheus", path.string()});
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  // The day of the last verification, "full" or "quick", as the record has it: the day may end
  // while a test runs.
  [[nodiscard]] std::string DayOf(const std::string& kind) const {
    const auto json = nlohmann::json::parse(std::ifstream(record()));
    return FormatDate(json.at(kind).at("seconds").get<int64_t>()).substr(0, 10);
  }
  // Makes the last full verification one of so long ago.
  void Age(int64_t seconds) const {
    auto json = nlohmann::json::parse(std::ifstream(record()));
    json.at("full").at("seconds") = std::time(nullptr) - seconds;
    std::ofstream(record()) << json.dump();
  }
  [[nodiscard]] fs::path directory() const { return scratch_ / "repository"; }
  [[nodiscard]] const fs::path& archive() const { return archive_; }
  [[nodiscard]] fs::path record() const {
    return directory() / ("." + archive_.filename().string() + ".verified");
  }

  static constexpr int64_t kHour = 3600;

 private:
  ScratchDirectory scratch_;
  fs::path archive_;
};

bool Has(const std::string& text, const std::string& part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string::npos;
}

// The value of a metric of the service; nothing if there is none.
std::optional<int64_t> ValueIn(const std::string& metrics, const std::string& name) {
  const std::string begin = "\n" + name + kWiki;
  const size_t at = metrics.find(begin);
  if (at == std::string::npos) return std::nullopt;
  return std::stoll(metrics.substr(at + begin.size()));
}

}  // namespace

TEST_CASE("What a full verification has found stays when a quick one finds nothing") {
  const Shelf shelf;
  shelf.FlipData();
  REQUIRE(shelf.Verify(true) == kDamageFound);
  CHECK(Has(shelf.List(), "damaged in one place"));
  REQUIRE(shelf.Verify(false) == 0);
  CHECK(Has(shelf.List(), "damaged in one place"));
  CHECK(Has(shelf.List(), shelf.DayOf("full") + " full"));
  const auto verified = shelf.Listed().at("verified");
  CHECK(verified.at("full").at("damages") == 1);
  CHECK(verified.at("quick").at("damages") == 0);
  CHECK(shelf.Status().at("status") == "CRITICAL");
  // Mended, and read again.
  shelf.FlipData();
  REQUIRE(shelf.Verify(true) == 0);
  CHECK(Has(shelf.List(), "complete"));
  CHECK_FALSE(shelf.Listed().at("verified").contains("quick"));
  CHECK(shelf.Status().at("status") == "OK");
}

TEST_CASE("A quick verification is not shown as a full one") {
  const Shelf shelf;
  for (const char* kind : {" full", " quick"}) CHECK_FALSE(Has(shelf.List(), kind));
  CHECK_FALSE(ValueIn(shelf.Metrics(), "orcio_last_verified_timestamp_seconds").has_value());
  REQUIRE(shelf.Verify(false) == 0);
  CHECK(Has(shelf.List(), shelf.DayOf("quick") + " quick"));
  CHECK_FALSE(shelf.Listed().at("verified").contains("full"));
  CHECK(Has(shelf.Run({"status"}).out, shelf.DayOf("quick") + " quick"));
  CHECK(shelf.Status().contains("verified_seconds"));
  CHECK_FALSE(shelf.Status().contains("full_verified_seconds"));
  CHECK(ValueIn(shelf.Metrics(), "orcio_last_verified_timestamp_seconds").has_value());
  CHECK_FALSE(ValueIn(shelf.Metrics(), "orcio_last_full_verified_timestamp_seconds").has_value());
}

TEST_CASE("How long ago an archive was last read in full is a figure of its own") {
  const Shelf shelf;
  const int64_t old = 40 * 24 * Shelf::kHour;
  REQUIRE(shelf.Verify(true) == 0);
  shelf.Age(old);
  REQUIRE(shelf.Verify(false) == 0);
  // One that is too young to have been verified takes nothing from what is known of the service.
  (void)shelf.Add(60);
  const auto status = shelf.Status();
  CHECK(status.at("full_verified_age_seconds") >= old);
  CHECK(status.at("full_verified_age_seconds") < old + Shelf::kHour);
  CHECK(status.at("verified_seconds") >= std::time(nullptr) - Shelf::kHour);
  CHECK(Has(shelf.Run({"status"}).out, shelf.DayOf("full") + " full"));
  const auto metrics = shelf.Metrics();
  const auto full = ValueIn(metrics, "orcio_last_full_verified_timestamp_seconds");
  const auto any = ValueIn(metrics, "orcio_last_verified_timestamp_seconds");
  REQUIRE(full.has_value());
  REQUIRE(any.has_value());
  CHECK(*full == status.at("full_verified_seconds"));
  CHECK(*any == status.at("verified_seconds"));
  CHECK(*any - *full >= old);
}

TEST_CASE("Where the index is damaged, or another's, nothing is said to have been read") {
  const Shelf shelf;
  const fs::path sidecar = shelf.archive().string() + ".idx";
  shelf.FlipData();
  REQUIRE(shelf.Verify(true) == kDamageFound);
  SECTION("damaged") {
    FlipByte(sidecar, fs::file_size(sidecar) / 2);
  }
  SECTION("another's") {
    fs::copy_file(shelf.Add(2 * Shelf::kHour, 900'000).string() + ".idx", sidecar,
                  fs::copy_options::overwrite_existing);
  }
  const Ended ended = shelf.Run({"--json", "verify", "--read-data", shelf.archive().string()});
  CHECK(ended.status == kDamageFound);
  CHECK(Has(ended.out, "\"read_data\":false"));
  const auto record = nlohmann::json::parse(std::ifstream(shelf.record()));
  CHECK(record.at("full").at("damages") == 1);
}

TEST_CASE("A byte of a tiny archive is found damaged by what the archive says of itself") {
  const Shelf shelf;
  const std::string tar = HandMadeHeader{.path = "srv/wiki/page", .size = SizeField(6)}.Block() +
                          Padded("hello\n") + EndMarker();
  const auto name = MakeArchiveName("wiki", std::time(nullptr) - 2 * Shelf::kHour);
  REQUIRE_OK(WriteArchive(LocalFileSystem(), shelf.directory(), name, AsBytes(tar)));
  const fs::path archive = shelf.directory() / name;
  // All of it is edges, and one member.
  REQUIRE(fs::file_size(archive) < 1000);
  FlipByte(archive, 60);
  const Ended ended = shelf.Run({"verify", "--read-data", archive.string()});
  CHECK(ended.status == kDamageFound);
  CHECK(Has(ended.err, "one of the two is damaged or was replaced"));
  CHECK(Has(ended.err, "read without its index, the archive is damaged"));
  CHECK(Has(ended.err, archive.string() + " at offset 0: "));
  CHECK(Has(shelf.List(), "differs from its index"));
}

}  // namespace orcio::test
