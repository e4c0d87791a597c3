#pragma once

#include <functional>
#include <memory>

#include "tests/support/files/forwarding_files.h"

namespace orcio::test {

// This machine's files, with a test's own word before every append.
class WatchedFiles : public ForwardingFiles {
 public:
  using BeforeAppend = std::function<Result<void>(const std::filesystem::path&, size_t bytes)>;

  explicit WatchedFiles(BeforeAppend before_append) : before_append_(std::move(before_append)) {}

  [[nodiscard]] Result<std::unique_ptr<WritableFile>> Create(
      const std::filesystem::path& path) const override {
    return std::make_unique<Watched>(ORCIO_TRY(ForwardingFiles::Create(path)), path,
                                     before_append_);
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

  const BeforeAppend before_append_;
};

}  // namespace orcio::test
