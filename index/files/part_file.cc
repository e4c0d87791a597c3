#include "index/files/part_file.h"

#include <cerrno>
#include <string>
#include <utility>

namespace orcio::inline index {

Result<PartFile> PartFile::Create(const FileSystem& files, std::filesystem::path path) {
  auto file = ORCIO_TRY(files.Create(path));
  return PartFile(files, std::move(path), std::move(file));
}

Result<PartFile> PartFile::CreateBeside(const FileSystem& files, const std::filesystem::path& path,
                                        std::string_view what) {
  constexpr int kMostParts = 100;
  std::string name = "." + path.filename().string();
  if (!what.empty()) name.append(".").append(what);
  for (int i = 1;; ++i) {
    const std::string number = i == 1 ? "" : fmt::format(".{}", i);
    const auto at = path.parent_path() / fmt::format("{}{}.part", name, number);
    auto part = Create(files, at);
    if (part || part.error().errnum != EEXIST || i == kMostParts) return part;
    // Of one that was killed. If it cannot be removed, another number will do.
    if (!files.RemoveAbandoned(at).value_or(false)) continue;
    auto again = Create(files, at);
    if (again) return again;
  }
}

PartFile::PartFile(const FileSystem& files, std::filesystem::path path,
                   std::unique_ptr<WritableFile> file)
    : files_(files), path_(std::move(path)), file_(std::move(file)) {}

PartFile::PartFile(PartFile&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      discard_(std::exchange(other.discard_, false)) {}

PartFile::~PartFile() {
  Discard();
}

Result<void> PartFile::MoveOnto(std::filesystem::path path) {
  ORCIO_TRY(files_.Rename(path_, path));
  path_ = std::move(path);
  return {};
}

Result<void> PartFile::MoveTo(std::filesystem::path path) {
  ORCIO_TRY(files_.RenameNew(path_, path));
  path_ = std::move(path);
  return {};
}

void PartFile::Discard() {
  // Before it is closed, and thereby abandoned: else somebody may have removed it first, and made
  // another of that name. Nobody is left to tell: whatever made us discard it is what the caller
  // hears of.
  if (std::exchange(discard_, false)) (void)files_.Remove(path_);
  file_.reset();
}

}  // namespace orcio::inline index
