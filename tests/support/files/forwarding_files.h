#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "index/files/file_system.h"

namespace orcio::test {

// Another file system as it is, for tests that change a call or two of it. As thread-safe as the
// other one.
class ForwardingFiles : public FileSystem {
 public:
  explicit ForwardingFiles(const FileSystem& files = LocalFileSystem()) : files_(files) {}

  [[nodiscard]] Result<std::unique_ptr<RandomAccess>> OpenRead(
      const std::filesystem::path& path) const override {
    ORCIO_TRY(Before("OpenRead", path));
    return files_.OpenRead(path);
  }
  [[nodiscard]] Result<std::unique_ptr<WritableFile>> Create(
      const std::filesystem::path& path) const override {
    ORCIO_TRY(Before("Create", path));
    return files_.Create(path);
  }
  [[nodiscard]] Result<std::unique_ptr<MappedFile>> Map(
      const std::filesystem::path& path) const override {
    ORCIO_TRY(Before("Map", path));
    return files_.Map(path);
  }
  [[nodiscard]] Result<FileStatus> Status(const std::filesystem::path& path) const override {
    ORCIO_TRY(Before("Status", path));
    return files_.Status(path);
  }
  [[nodiscard]] Result<std::vector<std::string>> List(
      const std::filesystem::path& directory) const override {
    ORCIO_TRY(Before("List", directory));
    return files_.List(directory);
  }
  [[nodiscard]] Result<void> Rename(const std::filesystem::path& from,
                                    const std::filesystem::path& to) const override {
    ORCIO_TRY(Before("Rename", to));
    return files_.Rename(from, to);
  }
  [[nodiscard]] Result<void> RenameNew(const std::filesystem::path& from,
                                       const std::filesystem::path& to) const override {
    ORCIO_TRY(Before("RenameNew", to));
    return files_.RenameNew(from, to);
  }
  [[nodiscard]] Result<void> Remove(const std::filesystem::path& path) const override {
    ORCIO_TRY(Before("Remove", path));
    return files_.Remove(path);
  }
  [[nodiscard]] Result<bool> RemoveAbandoned(const std::filesystem::path& path) const override {
    ORCIO_TRY(Before("RemoveAbandoned", path));
    return files_.RemoveAbandoned(path);
  }
  [[nodiscard]] Result<uint64_t> FreeBytes(const std::filesystem::path& directory) const override {
    ORCIO_TRY(Before("FreeBytes", directory));
    return files_.FreeBytes(directory);
  }
  [[nodiscard]] Result<void> SyncDirectory(const std::filesystem::path& directory) const override {
    ORCIO_TRY(Before("SyncDirectory", directory));
    return files_.SyncDirectory(directory);
  }

 private:
  // Comes before each call; its error is the call's.
  [[nodiscard]] virtual Result<void> Before(std::string_view /*call*/,
                                            const std::filesystem::path& /*path*/) const {
    return {};
  }

  const FileSystem& files_;
};

}  // namespace orcio::test
