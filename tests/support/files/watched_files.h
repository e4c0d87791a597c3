#pragma once

#include <functional>
#include <memory>

#include "index/files/file_system.h"

namespace orcio::test {

// This machine's files, with a test's own word before every append.
class WatchedFiles : public FileSystem {
 public:
  using BeforeAppend = std::function<Result<void>(const std::filesystem::path&, size_t bytes)>;

  explicit WatchedFiles(BeforeAppend before_append) : before_append_(std::move(before_append)) {}

  [[nodiscard]] Result<std::unique_ptr<RandomAccess>> OpenRead(
      const std::filesystem::path& path) const override {
    return local_.OpenRead(path);
  }
  [[nodiscard]] Result<std::unique_ptr<WritableFile>> Create(
      const std::filesystem::path& path) const override {
    return std::make_unique<Watched>(ORCIO_TRY(local_.Create(path)), path, before_append_);
  }
  [[nodiscard]] Result<std::unique_ptr<MappedFile>> Map(
      const std::filesystem::path& path) const override {
    return local_.Map(path);
  }
  [[nodiscard]] Result<FileStatus> Status(const std::filesystem::path& path) const override {
    return local_.Status(path);
  }
  [[nodiscard]] Result<std::vector<std::string>> List(
      const std::filesystem::path& directory) const override {
    return local_.List(directory);
  }
  [[nodiscard]] Result<void> Rename(const std::filesystem::path& from,
                                    const std::filesystem::path& to) const override {
    return local_.Rename(from, to);
  }
  [[nodiscard]] Result<void> RenameNew(const std::filesystem::path& from,
                                       const std::filesystem::path& to) const override {
    return local_.RenameNew(from, to);
  }
  [[nodiscard]] Result<void> Remove(const std::filesystem::path& path) const override {
    return local_.Remove(path);
  }
  [[nodiscard]] Result<bool> RemoveAbandoned(const std::filesystem::path& path) const override {
    return local_.RemoveAbandoned(path);
  }
  [[nodiscard]] Result<uint64_t> FreeBytes(const std::filesystem::path& directory) const override {
    return local_.FreeBytes(directory);
  }
  [[nodiscard]] Result<void> SyncDirectory(const std::filesystem::path& directory) const override {
    return local_.SyncDirectory(directory);
  }

 private:
  class Watched : public WritableFile {
   public:
    Watched(std::unique_ptr<WritableFile> file, std::filesystem::path path,
            const BeforeAppend& before_append)
        : file_(std::move(file)), path_(std::move(path)), before_append_(before_append) {}
    [[nodiscard]] Result<void> Append(std::span<const std::byte> bytes) override {
      ORCIO_TRY(before_append_(path_, bytes.size()));
      return file_->Append(bytes);
    }
    [[nodiscard]] Result<void> WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
      return file_->WriteAt(offset, bytes);
    }
    [[nodiscard]] Result<void> Sync() override { return file_->Sync(); }

   private:
    std::unique_ptr<WritableFile> file_;
    const std::filesystem::path path_;
    const BeforeAppend& before_append_;
  };

  const FileSystem& local_ = LocalFileSystem();
  const BeforeAppend before_append_;
};

}  // namespace orcio::test
