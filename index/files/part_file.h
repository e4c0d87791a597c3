#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// A new file that is removed again, under whatever name it has got by then, unless it is kept. Not
// thread-safe.
class PartFile {
 public:
  // Fails if `path` exists.
  [[nodiscard]] static Result<PartFile> Create(const FileSystem& files, std::filesystem::path path);
  // A file beside `path` that nobody else writes to, as ".<name>.part", with a number if several
  // are at work on it; or ".<name>.<what>.part". Takes the place of one that was killed.
  [[nodiscard]] static Result<PartFile> CreateBeside(const FileSystem& files,
                                                     const std::filesystem::path& path,
                                                     std::string_view what = {});
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile();

  [[nodiscard]] WritableFile& file() { return *file_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // Replaces what is at `path`.
  [[nodiscard]] Result<void> MoveOnto(std::filesystem::path path);
  // Fails with EEXIST if there is something at `path`.
  [[nodiscard]] Result<void> MoveTo(std::filesystem::path path);
  void Keep() { discard_ = false; }
  // Removes it now.
  void Discard();

 private:
  PartFile(const FileSystem& files, std::filesystem::path path, std::unique_ptr<WritableFile> file);

  const FileSystem& files_;
  std::filesystem::path path_;
  std::unique_ptr<WritableFile> file_;
  bool discard_ = true;
};

}  // namespace orcio::inline index
