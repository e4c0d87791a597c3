// Power is lost after every single call to the file system of a precopy run, and the disk keeps no
// more than POSIX promises.

#include <atomic>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "archiver/capture/run_options.h"
#include "archiver/run/service_run.h"
#include "archiver/safety/run_journal.h"
#include "index/repository/listing_path.h"
#include "index/upkeep/leftovers.h"
#include "tests/support/catch.h"
#include "tests/support/files/crash_files.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"

namespace orcio {
namespace {

using test::CrashFiles;
using test::FileBytes;
using test::MemoryFiles;
using Path = std::filesystem::path;

constexpr int64_t kToday = 1'800'000'000;

// Looks at every disk that a loss of power might leave. What final names stand for is compared with
// what they stand for in the end, which is not known before.
class DiskWatch {
 public:
  DiskWatch(CrashFiles& files, Path repository)
      : files_(files), repository_(std::move(repository)) {
    before_ = files_.PossibleDisks().front();
    std::erase_if(before_, [](const auto& file) { return file.first.extension() == ".part"; });
    files_.AfterEach([this](const std::string& call) { Look(call); });
  }
  // While this holds, a journal is on every disk.
  std::atomic<bool> service_is_down = false;

  void Look(const std::string& call) {
    for (const auto& disk : files_.PossibleDisks()) {
      ++disks_;
      Judge(call, disk);
    }
  }
  // What is wrong, when all was looked at.
  [[nodiscard]] std::set<std::string> Wrongs() const {
    std::set<std::string> wrongs = wrongs_;
    for (const auto& end : files_.PossibleDisks()) {
      for (const auto& [path, contents] : seen_) {
        const auto whole = end.find(path);
        if (whole == end.end() || contents != std::set<FileBytes>{whole->second})
          wrongs.insert(path.string() + " was not whole");
      }
    }
    return wrongs;
  }
  [[nodiscard]] size_t disks() const { return disks_; }
  [[nodiscard]] bool Saw(const Path& path) const { return seen_.count(path) != 0; }

 private:
  void Judge(const std::string& call, const CrashFiles::Disk& disk) {
    MemoryFiles after;
    for (const auto& [path, bytes] : disk) after.Put(path, bytes);
    for (const auto& [path, bytes] : before_) {
      const auto now = disk.find(path);
      if (now == disk.end() || now->second != bytes)
        wrongs_.insert(path.string() + " is another one after " + call);
    }
    const Path journal = JournalPath(repository_, "wiki");
    if (disk.count(journal) != 0 && !ReadJournal(after, journal))
      wrongs_.insert("a journal is half there after " + call);
    if (disk.count(journal) == 0 && service_is_down)
      wrongs_.insert("no journal, and the service is down, after " + call);
    const auto removed = RemoveLeftovers(after, repository_, kToday);
    if (!removed || !removed->errors.empty()) wrongs_.insert("leftovers stay after " + call);
    const auto names = after.List(repository_);
    for (const auto& name : *names) {
      const Path path = repository_ / name;
      if (name.starts_with(journal.filename().string())) continue;
      seen_[path].insert(disk.at(path));
      if (name.ends_with(".listing") && disk.count(ArchiveOf(name)) == 0)
        wrongs_.insert(name + " is alone after " + call);
      if (name.ends_with(".part")) wrongs_.insert(name + " stays after " + call);
    }
  }
  [[nodiscard]] Path ArchiveOf(const std::string& listing) const {
    const std::string end = ".listing";
    return repository_ / listing.substr(1, listing.size() - 1 - end.size());
  }

  CrashFiles& files_;
  const Path repository_;
  CrashFiles::Disk before_;
  std::map<Path, std::set<FileBytes>> seen_;
  std::set<std::string> wrongs_;
  size_t disks_ = 0;
};

void Write(const Path& path, unsigned seed) {
  std::ofstream(path) << test::Noise(3000, seed);
}

}  // namespace

TEST_CASE("Power lost at any time of a precopy run leaves whole archives, indexes and listings") {
  const test::ScratchDirectory scratch;
  const Path repository = scratch / "repository";
  const Path volume = scratch / "volume";
  for (const auto& directory : {repository, volume}) std::filesystem::create_directory(directory);
  for (unsigned i = 0; i < 3; ++i) Write(volume / std::to_string(i), i);
  ServiceConfig service;
  service.name = "wiki";
  service.host = "here";
  service.paths = {volume};
  service.mode = Mode::kPrecopy;
  ServiceRunOptions options;
  options.writer.threads = 1;
  CrashFiles files;
  const auto run = [&](test::FakeControl& control) {
    test::LocalHost host("here");
    return RunService({service, files, repository, options, {}}, host, control, {});
  };
  // Until a run may rely on what the files' times say.
  const std::chrono::milliseconds rest{4100};
  std::this_thread::sleep_for(rest);
  test::FakeControl first;
  const auto base = run(first);
  INFO((base.error ? base.error->message : std::string()));
  REQUIRE_FALSE(base.error);

  Write(volume / "1", 11);
  std::this_thread::sleep_for(rest);
  DiskWatch watch(files, repository);
  test::FakeControl control;
  control.on_stop = [&] {
    watch.service_is_down = true;
    Write(volume / "2", 12);
  };
  control.on_start = [&] { watch.service_is_down = false; };
  const auto outcome = run(control);
  INFO((outcome.error ? outcome.error->message : std::string()));
  REQUIRE_FALSE(outcome.error);
  CHECK(outcome.facts.warnings.empty());
  CHECK_FALSE(outcome.facts.transfer->full);
  CHECK(outcome.facts.transfer->warm_bytes > 0);
  CHECK(outcome.facts.transfer->cold_bytes > 0);
  watch.Look("the end");

  const std::set<std::string> none;
  CHECK(watch.Wrongs() == none);
  CHECK(watch.disks() > 100);
  CHECK(watch.Saw(outcome.archive));
  CHECK(watch.Saw(outcome.archive.string() + ".idx"));
  CHECK(watch.Saw(ListingPath(outcome.archive)));
}

}  // namespace orcio
