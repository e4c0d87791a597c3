// What becomes of a precopy run if something is in its way. That its archives are right is
// tests/integration/archive/precopy.cc's.

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "archiver/listing/host_listing.h"
#include "archiver/listing/listing_file.h"
#include "index/repository/listing_path.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/services/precopy_service.h"

namespace orcio {
namespace {

using test::AwaitSteady;
using test::kWholeRun;
using test::SmallDisk;
using Service = test::PrecopyService;

// Two directories change places right before the first tar, and change back right after it.
class SwappingHost : public test::LocalHost {
 public:
  explicit SwappingHost(std::filesystem::path volume) : volume_(std::move(volume)) {}

  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override {
    const bool swapped = command.find("TAR_OPTIONS=") != std::string::npos && swaps_++ == 0;
    if (swapped) Swap();
    auto result = LocalHost::Stream(command, sink, options, stop);
    if (swapped) Swap();
    return result;
  }

  [[nodiscard]] int swaps() const { return swaps_; }

 private:
  void Swap() {
    REQUIRE(::renameat2(AT_FDCWD, (volume_ / "a").c_str(), AT_FDCWD, (volume_ / "b").c_str(),
                        RENAME_EXCHANGE) == 0);
  }

  const std::filesystem::path volume_;
  int swaps_ = 0;
};

// Its first tars are cut short, though tar is content: what GNU tar's become if a file with
// holes shrinks at the wrong moment.
class CuttingHost : public test::LocalHost {
 public:
  explicit CuttingHost(int cuts) : cuts_(cuts) {}

  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override {
    const bool is_tar = command.find("TAR_OPTIONS=") != std::string::npos;
    const bool cut = is_tar && tars_++ < cuts_;
    return LocalHost::Stream(cut ? "{ " + command + "; } | head -c 400000" : command, sink, options,
                             stop);
  }

  [[nodiscard]] int tars() const { return tars_; }

 private:
  const int cuts_;
  int tars_ = 0;
};

// Where tar is told by its standard input what to read, the first bytes of that do not come to it:
// a start-up file of the login shell has read them.
class EatingHost : public test::LocalHost {
 public:
  explicit EatingHost(size_t bite) : bite_(bite) {}

  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override {
    RunOptions left = options;
    if (!left.input.empty()) ++eaten_;
    left.input.erase(0, std::min(bite_, left.input.size()));
    return LocalHost::Stream(command, sink, left, stop);
  }

  [[nodiscard]] int eaten() const { return eaten_; }

 private:
  const size_t bite_;
  int eaten_ = 0;
};

const std::vector<std::string> kNotStopped{"inspect"};

// Lets the listing say of every file what lstat says of it now.
void UpdateListing(const std::filesystem::path& archive) {
  struct Entry {
    std::string path;
    ListedEntry entry;
  };
  std::vector<Entry> entries;
  const auto facts = ValueOf(
      ReadListing(LocalFileSystem(), archive, [&](const ListedEntry& entry) -> Result<void> {
        entries.push_back({std::string(entry.path), entry});
        struct stat status {};
        REQUIRE(::lstat(("/" + entries.back().path).c_str(), &status) == 0);
        HostFile& file = entries.back().entry.file;
        file.mtime_ns = status.st_mtim.tv_sec * kNanosecondsASecond + status.st_mtim.tv_nsec;
        file.ctime_ns = status.st_ctim.tv_sec * kNanosecondsASecond + status.st_ctim.tv_nsec;
        return {};
      }));
  REQUIRE_OK(WriteListing(LocalFileSystem(), archive, facts, [&](const TakeListedEntry& take) {
    for (Entry& each : entries) {
      each.entry.path = each.path;
      const auto taken = take(each.entry);
      if (!taken) return taken;
    }
    return Result<void>();
  }));
}

void Overwrite(const std::filesystem::path& path) {
  std::ofstream(path) << test::Noise(300'000, 7);
}

}  // namespace

TEST_CASE("A last archive that is damaged fails one run, and the next one does without it") {
  Service service;
  const auto archive = service.FirstArchive();
  test::FlipByte(archive, std::filesystem::file_size(archive) / 2);
  auto outcome = service.Run();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kDamaged);
  CHECK(outcome.error->message.find(archive.string()) != std::string::npos);
  CHECK_FALSE(outcome.start_error);
  CHECK(service.control.log == kWholeRun);
  CHECK_FALSE(std::filesystem::exists(ListingPath(archive)));
  outcome = service.Run();
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.transfer->full);
}

TEST_CASE("A tar that is broken by what changes under it is fetched again") {
  constexpr uint64_t kVolumeBytes = 3 * 300'000;
  Service service;
  AwaitSteady();
  SECTION("while the service runs") {
    CuttingHost host(1);
    const auto outcome = service.Run(host);
    REQUIRE_FALSE(outcome.error);
    CHECK(host.tars() == 2);
    CHECK(outcome.facts.transfer->warm_bytes > kVolumeBytes);
    CHECK(outcome.facts.transfer->cold_bytes < kVolumeBytes / 10);
    test::MustRunShell("tar -xzOf " + outcome.archive.string() + " --wildcards '*/two' | cmp - " +
                       (service.scratch / "volume/two").string());
  }
  SECTION("at last while it is stopped") {
    CuttingHost host(3);
    const auto outcome = service.Run(host);
    REQUIRE_FALSE(outcome.error);
    CHECK(host.tars() == 4);
    CHECK(outcome.facts.transfer->cold_bytes > kVolumeBytes);
  }
  SECTION("but not what was read when nothing changed any more") {
    CuttingHost host(4);
    const auto outcome = service.Run(host);
    REQUIRE(outcome.error);
    INFO(outcome.error->message);
    CHECK(outcome.error->kind == ErrorKind::kRemote);  // nothing of the repository is damaged
    CHECK_FALSE(outcome.start_error);
    CHECK(service.control.log == kWholeRun);
  }
}

TEST_CASE("A file that changed without telling is found by the run that reads everything") {
  Service service;
  const auto archive = service.FirstArchive();
  Overwrite(service.scratch / "volume/two");
  UpdateListing(archive);
  service.config.full_every = 1;
  const auto outcome = service.Run();
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.transfer->full);
  REQUIRE(outcome.facts.warnings.size() == 1);
  CHECK(outcome.facts.warnings[0].find("volume/two: its content is another one than in " +
                                       archive.filename().string()) != std::string::npos);
}

TEST_CASE("Of full_every runs one reads everything") {
  Service service;
  service.config.full_every = 3;
  (void)service.FirstArchive();
  for (const bool full : {false, false, true, false}) {
    const auto outcome = service.Run();
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.facts.transfer->full == full);
  }
}

TEST_CASE("Where there is no room to put an archive together, the service is not stopped") {
  Service service;
  const auto archive = service.FirstArchive();
  const SmallDisk disk(std::filesystem::file_size(archive));
  Overwrite(service.scratch / "volume/two");
  // What was changed just now is fetched while the service is stopped.
  AwaitSteady();
  const auto outcome = service.Run(disk);
  REQUIRE(outcome.error);
  CHECK(outcome.error->errnum == ENOSPC);
  CHECK(outcome.error->message.ends_with("make room there; the service was not stopped"));
  CHECK(service.control.log == kNotStopped);
}

TEST_CASE("Where there is no room for a mode that nobody chose, all is read while it is stopped") {
  Service service;
  service.config.mode_chosen = false;
  const auto archive = service.FirstArchive();
  const SmallDisk disk(std::filesystem::file_size(archive));
  Overwrite(service.scratch / "volume/two");
  AwaitSteady();
  const auto outcome = service.Run(disk);
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.mode == "stop");
  CHECK_FALSE(outcome.facts.transfer);
  REQUIRE(outcome.facts.warnings.size() == 1);
  CHECK(outcome.facts.warnings[0].find("make room there") != std::string::npos);
  CHECK(service.control.log == kWholeRun);
}

TEST_CASE("What cannot be fetched before max_downtime is over is not begun") {
  Service service;
  (void)service.FirstArchive();
  service.config.max_downtime = std::chrono::seconds(1);
  // Two MiB while the service runs tell the pace; then it takes a long time to stop, and much has
  // changed.
  std::ofstream(service.scratch / "volume/more") << std::string(2 << 20, 'm');
  AwaitSteady();
  service.control.on_stop = [&] {
    std::ofstream(service.scratch / "volume/much") << std::string(64 << 20, 'n');
    std::this_thread::sleep_for(std::chrono::milliseconds(985));
  };
  const auto outcome = service.Run();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kLimit);
  CHECK(service.control.log == kWholeRun);
}

TEST_CASE("Files that tar neither delivers nor complains of fail the run") {
  Service service;
  (void)service.FirstArchive();
  for (const char* name : {"one", "three", "two"}) Overwrite(service.scratch / "volume" / name);
  // All of the list, or its first name.
  const size_t name_bytes = (service.scratch / "volume/one").string().size();
  EatingHost host(GENERATE_COPY(size_t{1} << 20, name_bytes));
  const auto outcome = service.Run(host);
  CHECK(host.eaten() > 0);
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kRemote);
  CHECK(outcome.error->message.find(" was to read ") != std::string::npos);
  CHECK(outcome.error->message.find("~/.bashrc") != std::string::npos);
  CHECK(outcome.archive.empty());
  CHECK_FALSE(outcome.start_error);
  CHECK(service.control.log == kWholeRun);
}

TEST_CASE("Directories that change places while tar reads, and change back, are found out") {
  Service service;
  const auto volume = service.scratch / "volume";
  // One time, one size, and a directory between: the files' own times tell nothing.
  for (const auto* name : {"a", "b"}) {
    std::filesystem::create_directories(volume / name / "deep");
    std::ofstream(volume / name / "deep/twin")
        << test::Noise(300'000, static_cast<unsigned char>(*name));
    test::MustRun({"touch", "-d", "@1600000000", (volume / name / "deep/twin").string()});
  }
  AwaitSteady();
  SwappingHost host(volume);
  const auto outcome = service.Run(host);
  REQUIRE_FALSE(outcome.error);
  REQUIRE(host.swaps() >= 2);  // one tar while the service ran, one when it was stopped
  test::MustRun({"tar", "-xf", outcome.archive.string(), "-C", (service.scratch / "").string()});
  test::MustRun(
      {"diff", "-r", volume.string(), (service.scratch / volume.relative_path()).string()});
}

TEST_CASE("Where times do not tell every change, the service is archived the other way") {
  Service service;
  service.config.mode_chosen = GENERATE(true, false);
  const test::ScratchDirectory programs;
  std::ofstream(programs / "stat") << "#!/bin/sh\necho tmpfs\n";
  std::filesystem::permissions(programs / "stat", std::filesystem::perms::owner_all);
  service.environment["PATH"] = programs.path().string() + ":/usr/bin:/bin";
  const auto outcome = service.Run();
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.mode == "stop");
  CHECK_FALSE(outcome.facts.transfer);
  REQUIRE(outcome.facts.warnings.size() == (service.config.mode_chosen ? 1U : 0U));
  for (const auto& warning : outcome.facts.warnings)
    CHECK(warning.find("`mode: stop` instead of precopy") != std::string::npos);
}

// A service whose `program` does something else once it is down.
struct Hanging {
  Service service;

  explicit Hanging(const std::string& program, const std::string& script) {
    std::filesystem::create_directory(service.scratch / "bin");
    const auto path = service.scratch / "bin" / program;
    std::ofstream(path) << "#!/bin/sh\n" << script << "exec /usr/bin/" << program << " \"$@\"\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    service.environment["PATH"] = (service.scratch / "bin").string() + ":/usr/bin:/bin";
    service.environment["DOWN"] = (service.scratch / "down").string();
    service.control.on_stop = [this] {
      std::ofstream(service.scratch / "down").flush();
      std::ofstream(service.scratch / "volume/changed") << "while it ran";
    };
    service.control.on_start = [this] { std::filesystem::remove(service.scratch / "down"); };
  }
};

// The service stayed down for as long as the tar, or the find, hung.
TEST_CASE(
    "A reader that hangs while the service is down is given up, and what was fetched is kept") {
  const std::string program = GENERATE("tar", "find");
  CAPTURE(program);
  Hanging hanging(program, "[ ! -e \"$DOWN\" ] || exec sleep 600\n");
  hanging.service.config.stall_timeout = std::chrono::seconds(10);
  AwaitSteady();
  const auto outcome = hanging.service.Run();
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kLimit);
  // For longer than that, if the list took so long while the service ran.
  CHECK(outcome.error->message.find("nothing came from here for ") != std::string::npos);
  CHECK(outcome.error->message.find("no file had arrived") != std::string::npos);
  CHECK(outcome.error->message.find("is kept for the next run") != std::string::npos);
  CHECK_FALSE(outcome.start_error);
  CHECK(hanging.service.control.log == kWholeRun);
}

TEST_CASE("A find that hangs when the service is up again does not keep the run for ever") {
  Hanging hanging("find", "[ ! -e \"$DOWN\" ] || exec sleep 600\n");
  hanging.service.control.on_start = {};
  hanging.service.config.stall_timeout = std::chrono::seconds(2);
  const auto outcome = hanging.service.Run();
  REQUIRE(outcome.error);
  CHECK(outcome.error->kind == ErrorKind::kLimit);
  REQUIRE(outcome.facts.warnings.size() == 1);
  CHECK(outcome.facts.warnings[0].find("nothing came from here") != std::string::npos);
  CHECK(hanging.service.control.log == kWholeRun);
}

TEST_CASE("A find that was as silent while the service ran may be so while it is down") {
  // Twice as long is given to it; to tar, the stall_timeout.
  Hanging hanging("find", "sleep 12\n");
  hanging.service.config.stall_timeout = std::chrono::seconds(10);
  const auto outcome = hanging.service.Run();
  CHECK_FALSE(outcome.error);
  CHECK(hanging.service.control.log == kWholeRun);
}

}  // namespace orcio
