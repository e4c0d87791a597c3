#include <cerrno>

#include "archiver/export/export.h"
#include "base/text/figures.h"
#include "index/files/part_file.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;

class DirectoryTarget : public ExportTarget {
 public:
  DirectoryTarget(const FileSystem& files, std::filesystem::path directory)
      : files_(files), directory_(std::move(directory)) {}

  Result<void> Prepare(const std::vector<std::string>& names, uint64_t bytes,
                       const std::stop_token& stop) override;
  Result<void> Take(ExportSource& source, const std::stop_token& stop) override;
  Result<void> Publish(const std::stop_token& stop) override;
  [[nodiscard]] std::string PlaceOf(const std::string& name) const override {
    return (directory_ / name).string();
  }

 private:
  Result<void> CheckFree(const std::string& name) const;
  Result<void> Compare(const std::filesystem::path& copy, const ExportSource& source,
                       const std::stop_token& stop) const;

  struct Copy {
    std::string name;
    PartFile part;
  };

  const FileSystem& files_;
  const std::filesystem::path directory_;
  std::vector<Copy> copies_;
};

Result<void> DirectoryTarget::CheckFree(const std::string& name) const {
  const auto status = files_.Status(directory_ / name);
  if (status)
    return Failure(Error{
        ErrorKind::kIo, EEXIST,
        fmt::format("{} exists already, and is not written over", (directory_ / name).string())});
  return ToErrno(status.error()) == ENOENT ? Result<void>() : Failure(status.error());
}

Result<void> DirectoryTarget::Prepare(const std::vector<std::string>& names, uint64_t bytes,
                                      const std::stop_token&) {
  const auto status = ORCIO_TRY(files_.Status(directory_));
  if (!status.is_directory)
    return Fail(ErrorKind::kInvalid, "{} is not a directory", directory_.string());
  for (const auto& name : names) {
    ORCIO_TRY(CheckFree(name));
    // Of an export that was killed.
    (void)files_.RemoveAbandoned(directory_ / ("." + name + ".part"));
  }
  const uint64_t free_bytes = ORCIO_TRY(files_.FreeBytes(directory_));
  if (free_bytes >= bytes) return {};
  return Failure(Error{ErrorKind::kIo, ENOSPC,
                       fmt::format("{}: {} are free, and {} are needed", directory_.string(),
                                   FormatBytes(free_bytes), FormatBytes(bytes))});
}

Result<void> DirectoryTarget::Take(ExportSource& source, const std::stop_token& stop) {
  auto part = ORCIO_TRY(PartFile::CreateBeside(files_, directory_ / source.name()));
  std::vector<std::byte> buffer(kCopyBytes);
  while (const size_t got = ORCIO_TRY(source.Read(buffer)))
    ORCIO_TRY(part.file().Append(std::span(buffer).first(got)));
  ORCIO_TRY(part.file().Sync());
  ORCIO_TRY(Compare(part.path(), source, stop));
  copies_.push_back({source.name(), std::move(part)});
  return {};
}

Result<void> DirectoryTarget::Compare(const std::filesystem::path& copy, const ExportSource& source,
                                      const std::stop_token& stop) const {
  auto written = ORCIO_TRY(ExportSource::Open(files_, copy, {}, {}, stop));
  std::vector<std::byte> buffer(kCopyBytes);
  while (ORCIO_TRY(written->Read(buffer)) > 0) {
  }
  if (written->size() == source.size() && written->sha256() == source.sha256()) return {};
  return Fail(ErrorKind::kDamaged,
              "{}: what was read back is not what was written: its disk, or this machine's memory, "
              "is at fault",
              directory_.string());
}

Result<void> DirectoryTarget::Publish(const std::stop_token&) {
  for (auto& copy : copies_) ORCIO_TRY(copy.part.MoveTo(directory_ / copy.name));
  ORCIO_TRY(files_.SyncDirectory(directory_));
  for (auto& copy : copies_) copy.part.Keep();
  return {};
}

}  // namespace

std::unique_ptr<ExportTarget> MakeDirectoryTarget(const FileSystem& files,
                                                  std::filesystem::path directory) {
  return std::make_unique<DirectoryTarget>(files, std::move(directory));
}

}  // namespace orcio::inline archiver
