#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace orcio::inline index {

// What the rest of orcio does to local files, behind one interface that tests replace by one
// failing on the Nth call. Every error names the path. Paths are used as given.

// Random-access reads of bytes that do not change. Thread-safe. Archives on object storage can come
// through here later, so callers ask for few, large ranges.
class RandomAccess {
 public:
  virtual ~RandomAccess() = default;
  // Reads into `into` from byte `offset`. Returns how many bytes were read: fewer than asked only
  // where the file ends.
  [[nodiscard]] virtual Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const = 0;
  // Bytes, as of opening.
  [[nodiscard]] virtual uint64_t size() const = 0;
};

// A file being written from its start. Not thread-safe.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // Appends all of `bytes`, or fails.
  [[nodiscard]] virtual Result<void> Append(std::span<const std::byte> bytes) = 0;
  // Overwrites bytes that were appended before.
  [[nodiscard]] virtual Result<void> WriteAt(uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Returns once everything appended is on disk.
  [[nodiscard]] virtual Result<void> Sync() = 0;
};

// A whole file mapped read-only. The bytes stay valid for this object's life.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  [[nodiscard]] virtual std::span<const std::byte> bytes() const = 0;
  // True once a page could not be read from disk (SIGBUS): such pages read as zeros from then on,
  // so what was taken from the map must be checked, or not be used.
  [[nodiscard]] virtual bool faulted() const = 0;
};

struct FileStatus {
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // nanoseconds since the epoch
  uint64_t device = 0;
  uint64_t inode = 0;
  bool is_regular = false;
  bool is_directory = false;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<RandomAccess>> OpenRead(
      const std::filesystem::path& path) const = 0;
  // Creates `path`, mode 0600 whatever the umask; fails if it exists. RemoveAbandoned leaves it
  // alone for as long as the file handed out is there.
  [[nodiscard]] virtual Result<std::unique_ptr<WritableFile>> Create(
      const std::filesystem::path& path) const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<MappedFile>> Map(
      const std::filesystem::path& path) const = 0;
  [[nodiscard]] virtual Result<FileStatus> Status(const std::filesystem::path& path) const = 0;
  // Names in a directory without "." and "..", in no order.
  [[nodiscard]] virtual Result<std::vector<std::string>> List(
      const std::filesystem::path& directory) const = 0;
  // Replaces `to` if it exists, atomically.
  [[nodiscard]] virtual Result<void> Rename(const std::filesystem::path& from,
                                            const std::filesystem::path& to) const = 0;
  // As Rename, but fails with EEXIST if `to` exists.
  [[nodiscard]] virtual Result<void> RenameNew(const std::filesystem::path& from,
                                               const std::filesystem::path& to) const = 0;
  // Fine if the file is already gone.
  [[nodiscard]] virtual Result<void> Remove(const std::filesystem::path& path) const = 0;
  // Removes a file that was made by Create unless somebody, in this process or another one, is
  // still writing it. Whether it was removed: false too if it is gone already, is no regular
  // file, or if its file system cannot tell.
  [[nodiscard]] virtual Result<bool> RemoveAbandoned(const std::filesystem::path& path) const = 0;
  // Bytes that may still be written into `directory`.
  [[nodiscard]] virtual Result<uint64_t> FreeBytes(
      const std::filesystem::path& directory) const = 0;
  // Returns once the directory's entries are on disk.
  [[nodiscard]] virtual Result<void> SyncDirectory(
      const std::filesystem::path& directory) const = 0;
};

// This machine's files. Lives as long as the program.
[[nodiscard]] const FileSystem& LocalFileSystem();

// Reads a whole file of at most `limit` bytes; kLimit if it is larger.
[[nodiscard]] Result<std::vector<std::byte>> ReadWholeFile(const FileSystem& files,
                                                           const std::filesystem::path& path,
                                                           uint64_t limit);

// Reads exactly `into.size()` bytes; kDamaged, naming `what` and the offset, if the file ends
// before.
[[nodiscard]] Result<void> ReadExactly(const RandomAccess& file, uint64_t offset,
                                       std::span<std::byte> into, std::string_view what);

}  // namespace orcio::inline index
