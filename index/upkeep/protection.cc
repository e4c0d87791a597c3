#include "index/upkeep/protection.h"

#include <cerrno>

namespace orcio::inline index {

std::filesystem::path ProtectionPath(const std::filesystem::path& archive) {
  return archive.parent_path() / ("." + archive.filename().string() + ".protected");
}

Result<bool> IsProtected(const FileSystem& files, const std::filesystem::path& archive) {
  const auto status = files.Status(ProtectionPath(archive));
  if (status) return true;
  if (status.error().kind == ErrorKind::kNotFound) return false;
  return Failure(status.error());
}

Result<void> Protect(const FileSystem& files, const std::filesystem::path& archive) {
  const auto marker = ProtectionPath(archive);
  const auto made = files.Create(marker);
  if (!made && ToErrno(made.error()) != EEXIST) return Failure(made.error());
  if (made) ORCIO_TRY((*made)->Sync());
  return files.SyncDirectory(archive.parent_path());
}

Result<void> Unprotect(const FileSystem& files, const std::filesystem::path& archive) {
  ORCIO_TRY(files.Remove(ProtectionPath(archive)));
  return files.SyncDirectory(archive.parent_path());
}

}  // namespace orcio::inline index
