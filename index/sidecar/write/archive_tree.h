#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/memory/scratch_memory.h"
#include "index/entry/entry.h"
#include "index/sidecar/write/arranged_tree.h"
#include "index/sidecar/write/tree_parts.h"

namespace orcio::inline index {

// The tree that `tar x` of GNU tar leaves behind of entries in stream order, held in scratch memory
// in about 100 bytes an entry and the names, digests and attributes. If `tar x` would complain
// and go on, so does this: such entries are counted. Not thread-safe.
class ArchiveTree {
 public:
  // The largest tree a sidecar holds, and what of it this one takes.
  static constexpr uint32_t kMaxNodes = UINT32_MAX - 1;
  static constexpr size_t kMaxDepth = 4096;
  static constexpr uint64_t kMaxAttributeBytes = UINT32_MAX;
  static constexpr size_t kMaxWarnings = 100;
  // On the way to one entry, as Linux has it: path_resolution(7). And so much of their targets all
  // together, while Linux has as much for each: a tar of nothing else must not take forever.
  static constexpr size_t kMaxSymlinks = 40;
  static constexpr size_t kMaxTargetBytes = 4095;

  // `memory` outlives the tree.
  explicit ArchiveTree(ScratchMemory& memory, uint32_t max_nodes = kMaxNodes);

  // As SidecarBuilder::Add.
  [[nodiscard]] Result<void> Add(TarEntry&& entry);
  // Takes away the digests of files with content between two offsets of the tar: it is in doubt.
  void ForgetDigests(uint64_t tar_begin, uint64_t tar_end);
  // After the last Add. What is asked of a tree's nodes is asked of the one that comes back; this
  // one is done with.
  [[nodiscard]] ArrangedTree Arrange() &&;

 private:
  // A name in a directory; an empty one stands for the directory itself.
  struct Target {
    NameId directory{};
    std::string_view name;
  };
  // What was gone through on the way to one entry.
  struct Symlinks {
    size_t count = 0;
    size_t target_bytes = 0;
    size_t depth = 0;  // directories entered, symlinks not counted
  };
  // Where the entry is to be, its directories made if they are missing. Nothing if something
  // else is in the way.
  [[nodiscard]] std::optional<Target> MakeWay(const TarEntry& entry, std::string_view path);
  NameId AddImplied(const Target& target, Timestamp mtime);
  // The directory that `name`, in `directory`, leads to, if it is a symlink that GNU tar goes
  // through. It lets no symlink lead out: those that are absolute or have a ".." it makes last,
  // when all else is extracted.
  [[nodiscard]] std::optional<NameId> Follow(NameId directory, NameId name,
                                             Symlinks& symlinks) const;
  // Where a symlink leads to; empty if `name` is none that is gone through.
  [[nodiscard]] std::string_view TargetToFollow(NameId name) const;
  [[nodiscard]] std::optional<NameId> FindPath(std::string_view path) const;
  [[nodiscard]] std::optional<NameId> FindTarget(const Target& target) const;

  void PutHardLink(const TarEntry& entry, const Target& target);
  [[nodiscard]] Result<void> Put(const TarEntry& entry, const Target& target);
  // Whether `name` may come to stand for something other than a directory.
  [[nodiscard]] bool IsFree(const TarEntry& entry, NameId name);
  // Lets `name` stand for `content`; what it stood for stays if other names do so too.
  void Replace(NameId name, const TreeContent& content);
  NameId AddName(const Target& target, ContentId content, bool first);
  ContentId AddContent(const TreeContent& content);

  [[nodiscard]] Result<TreeContent> MakeContent(const TarEntry& entry);
  void KeepFile(const TarEntry& entry, TreeContent& content);
  void SetTime(TreeContent& content, Timestamp mtime);
  // The number of the entry's set of attributes, as TreeContent has it.
  [[nodiscard]] Result<uint32_t> KeepAttributes(const TarEntry& entry);
  [[nodiscard]] RareFields& RareFieldsOf(TreeContent& content);
  void Warn(const TarEntry& entry, std::string_view what);

  TreeParts parts_;
  const uint32_t max_nodes_;
  std::string last_directory_path_;  // of the last entry, as it stood in the tar
  NameId last_directory_{};
};

}  // namespace orcio::inline index
