#include "index/repository/naming_check.h"

#include <cerrno>
#include <vector>

#include "index/files/part_file.h"

namespace orcio::inline index {
namespace {

constexpr size_t kTriedBytes = 4096;

// Onto the other one's name, which must be refused; then to the same name, once that is free.
Result<void> GiveNames(const FileSystem& files, const std::filesystem::path& directory,
                       PartFile& file, PartFile& other) {
  const auto& taken = other.path();
  const auto replaced = file.MoveTo(taken);
  if (replaced)
    return Fail(ErrorKind::kUnsupported, "it replaces {}, which must not be replaced",
                taken.string());
  if (replaced.error().errnum != EEXIST) return Failure(replaced.error());
  ORCIO_TRY(files.Remove(taken));
  ORCIO_TRY(file.MoveTo(taken));
  return files.SyncDirectory(directory);
}

}  // namespace

Result<void> CheckNaming(const FileSystem& files, const std::filesystem::path& directory,
                         const std::string& name) {
  auto file = ORCIO_TRY(PartFile::CreateBeside(files, directory / name, "naming"));
  auto other = ORCIO_TRY(PartFile::CreateBeside(files, directory / name, "named"));
  const std::vector<std::byte> block(kTriedBytes);
  ORCIO_TRY(file.file().Append(block));
  ORCIO_TRY(file.file().Sync());
  auto named = GiveNames(files, directory, file, other);
  if (!named) {
    named.error().message =
        directory.string() +
        ": an archive could not be given its name there: " + named.error().message;
    return named;
  }
  return files.Remove(file.path());
}

}  // namespace orcio::inline index
