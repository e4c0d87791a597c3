#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "index/archive/write/archive_files.h"
#include "index/files/file_system.h"
#include "index/gzip/gzip_member.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline index {

// An archive of orcio's whose entries become entries of another one. Each of its bytes is digested
// on the way, once and in order, and held against what its sidecar says. Not thread-safe.
class AssemblySource {
 public:
  // kDamaged if the archive is not the sidecar's; kUnsupported if orcio did not write it.
  [[nodiscard]] static Result<std::unique_ptr<AssemblySource>> Open(
      const FileSystem& files, const std::filesystem::path& archive,
      std::shared_ptr<const Sidecar> sidecar);

  [[nodiscard]] const Sidecar& sidecar() const { return *sidecar_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // The whole member that `span` is; valid until the next call.
  [[nodiscard]] Result<std::span<const std::byte>> Member(const Span& span);
  // Its tar bytes, checked against their CRC; valid until the next call.
  [[nodiscard]] Result<std::span<const std::byte>> Tar(const Span& span);
  // Reads what nobody asked for. kDamaged if the archive is not what was published.
  [[nodiscard]] Result<void> Finish();

 private:
  AssemblySource(std::filesystem::path path, std::unique_ptr<RandomAccess> file,
                 std::shared_ptr<const Sidecar> sidecar)
      : path_(std::move(path)), file_(std::move(file)), sidecar_(std::move(sidecar)) {}
  Result<void> DigestUpTo(uint64_t archive_offset);

  const std::filesystem::path path_;
  const std::unique_ptr<RandomAccess> file_;
  const std::shared_ptr<const Sidecar> sidecar_;
  Sha256 sha256_;
  uint64_t digested_ = 0;
  std::vector<std::byte> member_;
  uint64_t member_offset_ = UINT64_MAX;  // of the member in member_
  std::vector<std::byte> tar_;
  uint64_t tar_offset_ = UINT64_MAX;  // of the span in tar_
  MemberDecoder decoder_;
};

// Puts an archive together from entries of others. Members that lie within what is taken are copied
// as they are; what is left at the edges is compressed anew. Not thread-safe.
class ArchiveAssembler {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ArchiveAssembler>> Create(
      const FileSystem& files, const std::filesystem::path& directory, std::string name);
  ~ArchiveAssembler();

  // Appends the entry that stands at [begin, end) of the tar of `source`; `entry` describes it with
  // offsets in that tar. Sources outlive this; each is read once if its entries come in its own
  // order.
  [[nodiscard]] Result<void> Append(AssemblySource& source, uint64_t begin, uint64_t end,
                                    TarEntry&& entry);

  // Ends the tar, then reads all headers of what was written once more, and the rest of every
  // source. kDamaged, and no archive, if anything is not as it was described. Returns the
  // summary, which lives as long as this.
  [[nodiscard]] Result<const TarSummary*> Finish();

  // As ArchiveWriter has them.
  [[nodiscard]] Result<void> Describe(const RunFacts& facts);
  [[nodiscard]] Result<void> Publish();

  [[nodiscard]] uint64_t tar_bytes() const;
  [[nodiscard]] uint64_t archive_bytes() const;
  [[nodiscard]] const Sha256Digest& sha256() const;  // of the archive, after Finish
  // Of the tar, in members that were copied as they are.
  [[nodiscard]] uint64_t copied_tar_bytes() const;

 private:
  struct State;
  explicit ArchiveAssembler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The entry that stands for `node` of a sidecar, or that makes a hard link of it if `node` is
// not its own inode.
[[nodiscard]] Result<TarEntry> TarEntryOf(const Sidecar& sidecar, NodeId node);

}  // namespace orcio::inline index
