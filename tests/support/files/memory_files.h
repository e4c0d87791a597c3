#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "index/files/file_system.h"

namespace orcio::test {

using FileBytes = std::vector<std::byte>;

// Files in memory, in one flat directory. What is opened or mapped keeps the bytes it found. Not
// thread-safe; what it hands out for reading is.
class MemoryFiles : public FileSystem {
 public:
  // Puts a file there, or replaces it.
  void Put(const std::filesystem::path& path, FileBytes bytes);
  // Throws std::out_of_range if there is no such file.
  [[nodiscard]] const FileBytes& At(const std::filesystem::path& path) const;
  // From now on every map says that a page of it could not be read.
  void Fault() { *faulted_ = true; }

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
  [[nodiscard]] Result<std::shared_ptr<FileBytes>> Find(const std::filesystem::path& path) const;

  mutable std::map<std::filesystem::path, std::shared_ptr<FileBytes>> files_;
  std::shared_ptr<bool> faulted_ = std::make_shared<bool>(false);
};

}  // namespace orcio::test
