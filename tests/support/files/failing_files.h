#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "index/files/file_system.h"

namespace orcio::test {

// Another file system of which one call fails: the Nth of all that there are. As thread-safe as the
// other one.
class FailingFiles : public FileSystem {
 public:
  explicit FailingFiles(const FileSystem& files) : files_(files) {}

  // Call number `call`, counted from 1, fails with `errnum`; 0: none does. Starts counting anew.
  void FailAt(size_t call, int errnum = ENOSPC);
  [[nodiscard]] size_t calls() const { return counter_->calls; }
  [[nodiscard]] bool failed() const { return counter_->failed; }

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

  // Shared with the files it hands out.
  struct Counter {
    std::atomic<size_t> calls = 0;
    std::atomic<size_t> fail_at = 0;
    std::atomic<int> errnum = 0;
    std::atomic<bool> failed = false;
    // Counts one more call, and fails if it is the one.
    [[nodiscard]] Result<void> Call(const std::string& what);
  };

 private:
  const FileSystem& files_;
  std::shared_ptr<Counter> counter_ = std::make_shared<Counter>();
};

}  // namespace orcio::test
