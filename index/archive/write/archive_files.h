#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/files/part_file.h"
#include "index/sidecar/write/sidecar_builder.h"

namespace orcio::inline index {

// The two files of an archive that is being made. What was not published is removed. Not
// thread-safe.
class ArchiveFiles {
 public:
  // Creates `directory`/.`name`.part; `name` is the archive's final name.
  [[nodiscard]] static Result<ArchiveFiles> Create(const FileSystem& files,
                                                   const std::filesystem::path& directory,
                                                   std::string name);

  [[nodiscard]] WritableFile& archive() { return archive_.file(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  // Where both are for now; the sidecar from Describe on.
  [[nodiscard]] const std::filesystem::path& archive_path() const { return archive_.path(); }
  [[nodiscard]] const std::filesystem::path& sidecar_path() const { return sidecar_->path(); }

  // Writes the sidecar, `directory`/.`name`.idx.part, of an archive that is written whole and has
  // so many bytes of this digest. Once.
  [[nodiscard]] Result<void> Describe(SidecarBuilder& builder, uint64_t archive_bytes,
                                      const Sha256Digest& sha256, std::span<const Span> spans,
                                      const TarSummary& tar, const RunFacts& facts);

  // Returns once both are on disk. After Describe.
  [[nodiscard]] Result<void> Sync();
  // Syncs both, gives them their final names, sidecar first, and syncs the directory. Fails if
  // the final name is taken, unless they go `over` what has it: whoever looks in between finds the
  // new sidecar beside the old archive, to which it does not belong. After Describe.
  [[nodiscard]] Result<void> Publish(bool over);

 private:
  ArchiveFiles(const FileSystem& files, std::filesystem::path directory, std::string name,
               PartFile archive)
      : files_(files),
        directory_(std::move(directory)),
        name_(std::move(name)),
        archive_(std::move(archive)) {}
  Result<void> GiveFinalNames(bool over);

  const FileSystem& files_;
  std::filesystem::path directory_;
  std::string name_;
  PartFile archive_;
  std::optional<PartFile> sidecar_;
};

}  // namespace orcio::inline index
