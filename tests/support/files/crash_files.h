#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "index/files/file_system.h"
#include "tests/support/files/memory_files.h"

namespace orcio::test {

// Files in memory, in one flat directory, on a disk whose power may be lost after any call. It
// keeps what POSIX promises and nothing more: what was synced is there; of what was written since,
// any block may be there, be zeros, or be missing from the end; of the creations, renames and
// removals since the directory was synced, any may have happened. Thread-safe, but for Put and
// AfterEach.
class CrashFiles : public FileSystem {
 public:
  using Disk = std::map<std::filesystem::path, FileBytes>;

  // A file that is safely on disk.
  void Put(const std::filesystem::path& path, FileBytes bytes);
  // Called after every call that changes anything, with the call's name and argument, one at a
  // time. May look, not write.
  void AfterEach(std::function<void(const std::string& call)> look) { look_ = std::move(look); }
  // What the disk may hold if power is lost now.
  [[nodiscard]] std::vector<Disk> PossibleDisks() const;

  [[nodiscard]] Result<std::unique_ptr<RandomAccess>> OpenRead(
      const std::filesystem::path& path) const override;
  [[nodiscard]] Result<std::unique_ptr<WritableFile>> Create(
      const std::filesystem::path& path) const override;
  [[nodiscard]] Result<std::unique_ptr<MappedFile>> Map(
      const std::filesystem::path& path) const override;
  [[nodiscard]] Result<FileStatus> Status(const std::filesystem::path& path) const override;
  [[nodiscard]] Result<std::vector<std::string>> List(
      const std::filesystem::path& directory) const override;
  [[nodiscard]] Result<void> Rename(const std::filesystem::path& from,
                                    const std::filesystem::path& to) const override;
  [[nodiscard]] Result<void> RenameNew(const std::filesystem::path& from,
                                       const std::filesystem::path& to) const override;
  [[nodiscard]] Result<void> Remove(const std::filesystem::path& path) const override;
  [[nodiscard]] Result<bool> RemoveAbandoned(const std::filesystem::path& path) const override;
  [[nodiscard]] Result<uint64_t> FreeBytes(const std::filesystem::path& directory) const override;
  [[nodiscard]] Result<void> SyncDirectory(const std::filesystem::path& directory) const override;

 private:
  class Writable;
  struct Inode {
    FileBytes bytes;
    FileBytes synced;
  };
  using Entries = std::map<std::filesystem::path, std::shared_ptr<Inode>>;
  // A change of the directory: `inode` appears as `to` and vanishes as `from`; either may be empty.
  struct Change {
    std::shared_ptr<Inode> inode;
    std::filesystem::path from;
    std::filesystem::path to;
  };
  // What became of the blocks that were not synced.
  enum class Unsynced { kThere, kMissing, kZeros, kAtRandom };

  [[nodiscard]] static FileBytes OnDisk(const Inode& inode, Unsynced unsynced, uint64_t seed);
  static void Apply(const Change& change, Entries& entries);
  void Apply(Change change) const;
  void Look(const std::string& call) const;
  [[nodiscard]] Result<std::shared_ptr<Inode>> Find(const std::filesystem::path& path) const;

  using Lock = std::scoped_lock<std::recursive_mutex>;

  mutable std::recursive_mutex mutex_;  // guards the rest, and the bytes of all inodes
  mutable Entries now_;
  mutable Entries synced_;
  mutable std::vector<Change> pending_;  // from synced_ to now_
  std::function<void(const std::string& call)> look_;
};

}  // namespace orcio::test
