// Power is lost after every single call to the file system, and the disk keeps no more than POSIX
// promises.

#include <set>

#include "base/bytes.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"
#include "index/upkeep/leftovers.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/crash_files.h"
#include "tests/support/files/memory_files.h"

namespace orcio {
namespace {

using test::CrashFiles;
using test::FileBytes;
using test::MemoryFiles;

const std::filesystem::path kRepository = "/backups";
const std::filesystem::path kOld = kRepository / "wiki-2026-11-16T020000Z.tar.gz";
const std::filesystem::path kNew = kRepository / "wiki-2026-11-23T020000Z.tar.gz";
constexpr int64_t kToday = 1'800'000'000;

std::filesystem::path SidecarOf(const std::filesystem::path& archive) {
  return archive.string() + ".idx";
}

Result<void> Write(const FileSystem& files, const std::filesystem::path& archive, size_t bytes) {
  ArchiveWriterOptions options;
  options.threads = 1;
  return test::WriteArchive(files, kRepository, archive.filename(), test::MakeTar(bytes), options);
}

Result<void> Rebuild(const FileSystem& files, const std::filesystem::path& archive) {
  RebuildOptions options;
  options.threads = 1;
  return RebuildSidecar(files, archive, SidecarOf(archive), options, {});
}

// Two archives as they are when nothing goes wrong: what a disk holds is compared with them.
struct Whole {
  MemoryFiles files;
  Whole() {
    REQUIRE_OK(Write(files, kOld, 300'000));
    REQUIRE_OK(Write(files, kNew, 700'000));
    for (const auto& archive : {kOld, kNew}) {
      const auto sidecar = ValueOf(Sidecar::Open(files, SidecarOf(archive)));
      CHECK(sidecar->complete());
      REQUIRE_OK(sidecar->CheckAll());
      MemoryFiles alone;
      alone.Put(archive, files.At(archive));
      REQUIRE_OK(Rebuild(alone, archive));  // decodes all of it
    }
  }
};

// Looks at every disk that a loss of power might leave; keeps what is wrong with them, as it is
// called on whatever thread writes.
class Watch {
 public:
  Watch(CrashFiles& files, const Whole& whole, std::vector<FileBytes> old_sidecars)
      : files_(files), whole_(whole), old_sidecars_(std::move(old_sidecars)) {
    files_.AfterEach([this](const std::string& call) { Look(call); });
  }
  // Files that must be on every disk from now on.
  void Require(const std::vector<std::filesystem::path>& paths) {
    required_.insert(paths.begin(), paths.end());
  }
  void Look(const std::string& call) {
    ++calls_;
    for (const auto& disk : files_.PossibleDisks()) {
      ++disks_;
      Judge(call, disk);
    }
  }
  [[nodiscard]] const std::set<std::string>& wrongs() const { return wrongs_; }
  [[nodiscard]] size_t calls() const { return calls_; }
  [[nodiscard]] size_t disks() const { return disks_; }

 private:
  void Judge(const std::string& call, const CrashFiles::Disk& disk) {
    MemoryFiles after;
    for (const auto& [path, bytes] : disk) {
      after.Put(path, bytes);
      if (!IsGood(path, bytes)) wrongs_.insert(path.string() + " is not whole after " + call);
    }
    for (const auto& path : required_) {
      if (disk.count(path) == 0) wrongs_.insert(path.string() + " is gone after " + call);
    }
    const auto removed = RemoveLeftovers(after, kRepository, kToday);
    if (!removed || !removed->errors.empty()) wrongs_.insert("leftovers stay after " + call);
    const auto names = after.List(kRepository);
    for (const auto& name : *names) {
      const bool whole = name.ends_with(".tar.gz") || name.ends_with(".tar.gz.idx");
      if (!whole) wrongs_.insert(name + " stays after " + call);
    }
  }

  [[nodiscard]] bool IsGood(const std::filesystem::path& path, const FileBytes& bytes) const {
    const std::string name = path.filename();
    if (name.starts_with('.')) return true;
    if (name.ends_with(".gz")) return bytes == whole_.files.At(path);
    return bytes == whole_.files.At(path) ||
           std::find(old_sidecars_.begin(), old_sidecars_.end(), bytes) != old_sidecars_.end();
  }

  CrashFiles& files_;
  const Whole& whole_;
  const std::vector<FileBytes> old_sidecars_;
  std::set<std::filesystem::path> required_;
  std::set<std::string> wrongs_;
  size_t calls_ = 0;
  size_t disks_ = 0;
};

}  // namespace

TEST_CASE("Power lost at any time of a run leaves whole archives and whole sidecars") {
  const Whole whole;
  CrashFiles files;
  for (const auto& path : {kOld, SidecarOf(kOld)}) files.Put(path, whole.files.At(path));
  const std::string leftover = "." + kOld.filename().string() + ".part";
  files.Put(kRepository / leftover, FileBytes(1000));
  Watch watch(files, whole, {});
  watch.Require({kOld, SidecarOf(kOld)});

  CHECK(ValueOf(RemoveLeftovers(files, kRepository, kToday)).names == std::vector{leftover});
  REQUIRE_OK(Write(files, kNew, 700'000));
  // What the run was told to be on disk is there whatever happens next.
  watch.Require({kNew, SidecarOf(kNew)});
  watch.Look("the end");

  CHECK(watch.wrongs() == std::set<std::string>());
  CHECK(watch.calls() > 12);
  CHECK(watch.disks() > 100);
}

TEST_CASE("Power lost while a run that failed cleans up leaves whole archives") {
  const Whole whole;
  CrashFiles files;
  for (const auto& path : {kOld, SidecarOf(kOld)}) files.Put(path, whole.files.At(path));
  files.Put(SidecarOf(kNew), whole.files.At(SidecarOf(kNew)));
  Watch watch(files, whole, {});
  watch.Require({kOld, SidecarOf(kOld)});
  const auto written = Write(files, kNew, 700'000);
  REQUIRE_FALSE(written);
  CHECK(written.error().errnum == EEXIST);
  CHECK(watch.wrongs() == std::set<std::string>());
}

TEST_CASE("Power lost at any time of a rebuild leaves the old sidecar or the new one") {
  const Whole whole;
  CrashFiles files;
  files.Put(kNew, whole.files.At(kNew));
  const FileBytes damaged(5000, std::byte{7});
  files.Put(SidecarOf(kNew), damaged);
  // Of a rebuild that was killed.
  files.Put(kRepository / ("." + SidecarOf(kNew).filename().string() + ".part"), FileBytes(10));
  Watch watch(files, whole, {damaged});
  watch.Require({kNew, SidecarOf(kNew)});
  REQUIRE_OK(Rebuild(files, kNew));
  watch.Look("the end");
  CHECK(watch.wrongs() == std::set<std::string>());
  CHECK(watch.calls() > 5);
  for (const auto& disk : files.PossibleDisks())
    CHECK(disk.at(SidecarOf(kNew)) == whole.files.At(SidecarOf(kNew)));
}

TEST_CASE("Power lost while somebody else's archive is indexed leaves what to go on from") {
  const auto archive = kRepository / "wiki-20221105.tar.gz";
  const auto log = kRepository / ".wiki-20221105.tar.gz.idx.resume";
  const FileBytes tar = test::MakeTar(1'300'000);
  const auto index = [&](const FileSystem& files, size_t& resumed) {
    RebuildOptions options;
    options.keep_every = 1;
    options.resumed = [&](uint64_t, uint64_t) { ++resumed; };
    return RebuildSidecar(files, archive, SidecarOf(archive), options, {});
  };
  std::set<FileBytes> logs;
  CrashFiles files;
  files.Put(archive, tar);
  size_t directory_synced = 0;
  size_t lost = 0;
  files.AfterEach([&](const std::string& call) {
    const bool synced = call == "sync " + kRepository.string();
    if (synced) ++directory_synced;
    for (const auto& disk : files.PossibleDisks()) {
      const auto found = disk.find(log);
      if (found != disk.end()) logs.insert(found->second);
      if (synced && found == disk.end()) ++lost;
    }
  });
  size_t resumed = 0;
  REQUIRE_OK(index(files, resumed));
  REQUIRE(resumed == 0);
  // With the log's name, and with the sidecar's.
  CHECK(directory_synced == 2);
  CHECK(lost == 0);
  REQUIRE(logs.size() > 4);
  MemoryFiles whole;
  whole.Put(archive, tar);
  REQUIRE_OK(index(whole, resumed));
  for (const auto& bytes : logs) {
    MemoryFiles after;
    after.Put(archive, tar);
    after.Put(log, bytes);
    REQUIRE_OK(index(after, resumed));
    REQUIRE(after.At(SidecarOf(archive)) == whole.At(SidecarOf(archive)));
  }
  // It was flushed to disk before it got its name.
  CHECK(resumed == logs.size());
}

}  // namespace orcio
