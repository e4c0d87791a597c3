#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/memory/chunked_array.h"
#include "base/memory/interned_bytes.h"
#include "base/memory/scratch_memory.h"
#include "index/entry/entry.h"
#include "index/sidecar/sidecar_format.h"
#include "index/sidecar/write/name_table.h"

namespace orcio {

// What stands behind one name, or behind several that are hard links of each other.
struct TreeContent {
  uint64_t place = 0;  // as in sidecar_format::Node
  uint64_t size = 0;   // file: bytes; symlink: its target's place << 16 | length; device: major <<
                       // 32 | minor; directory: children
  int64_t mtime_ns = 0;  // or kMtimeInExtra, then in the oddities
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint16_t mode = 0;
  uint8_t type = 0;         // EntryType
  uint8_t flags = 0;        // sidecar_format::AttributeFlags, all but kHasLinks
  uint32_t digest = 0;      // index + 1; 0 for none
  uint32_t oddities = 0;    // index + 1; 0 for none
  uint32_t attributes = 0;  // index + 1 of a set; 0 for none
  uint32_t links = 1;       // names
  uint32_t primary = 0;     // the node that stands for all names, once arranged
};
static_assert(sizeof(TreeContent) == 56);

// What few contents have.
struct TreeOddities {
  Timestamp mtime;
  uint64_t header_blocks = 0;
  uint64_t first_extent = 0;
  uint64_t extent_count = 0;
};

// The tree that `tar x` of GNU tar leaves behind of entries in stream order, held in scratch memory
// in about 100 bytes an entry and the names, digests and attributes. Where `tar x` would complain
// and go on, so does this: such entries are counted. Not thread-safe.
class ArchiveTree {
 public:
  // The largest tree a sidecar holds, and what of it this one takes.
  static constexpr uint32_t kMaxNodes = UINT32_MAX - 1;
  static constexpr size_t kMaxDepth = 4096;
  static constexpr uint64_t kMaxAttributeBytes = UINT32_MAX;
  static constexpr size_t kMaxWarnings = 100;
  // On the way to one entry, as Linux has it: path_resolution(7). And so much of their targets all
  // together, where Linux has as much for each: a tar of nothing else must not take forever.
  static constexpr size_t kMaxSymlinks = 40;
  static constexpr size_t kMaxTargetBytes = 4095;

  // `memory` outlives the tree.
  explicit ArchiveTree(ScratchMemory& memory, uint32_t max_nodes = kMaxNodes);

  // As SidecarBuilder::Add.
  [[nodiscard]] Result<void> Add(TarEntry&& entry);
  // Takes away the digests of files with content between two offsets of the tar: it is in doubt.
  void ForgetDigests(uint64_t tar_begin, uint64_t tar_end);
  // Numbers the nodes. Called once, after the last Add; what follows may be asked only then.
  void Arrange();

  [[nodiscard]] ScratchMemory& memory() const { return memory_; }
  [[nodiscard]] uint32_t node_count() const { return static_cast<uint32_t>(order_.size()); }
  [[nodiscard]] std::string_view NodeName(uint32_t node) const { return names_.Text(order_[node]); }
  [[nodiscard]] const TreeContent& NodeContent(uint32_t node) const {
    return contents_[names_[order_[node]].content];
  }
  [[nodiscard]] uint32_t directory_count() const {
    return static_cast<uint32_t>(directories_.size());
  }
  [[nodiscard]] const sidecar_format::Directory& Directory(uint32_t index) const {
    return directories_[index];
  }

  [[nodiscard]] std::string_view LinkTarget(const TreeContent& content) const {
    return texts_.At(content.size >> 16, content.size & 0xFFFF);
  }
  // Null where the content has none.
  [[nodiscard]] const TreeOddities* Oddities(const TreeContent& content) const;
  [[nodiscard]] const Sha256Digest* Digest(const TreeContent& content) const;
  [[nodiscard]] const Extent& ExtentAt(uint64_t index) const { return extents_[index]; }
  // Sets are numbered from 0; each is as the XATT section has it.
  [[nodiscard]] const InternedBytes& attribute_sets() const { return attribute_sets_; }

  [[nodiscard]] uint64_t entry_count() const { return entry_count_; }
  [[nodiscard]] bool any_incomplete() const { return any_incomplete_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] uint64_t warning_count() const { return warning_count_; }

 private:
  // A name in a directory; an empty one stands for the directory itself.
  struct Target {
    uint32_t directory = 0;
    std::string_view name;
  };
  // What was gone through on the way to one entry.
  struct Symlinks {
    size_t count = 0;
    size_t target_bytes = 0;
    size_t depth = 0;  // directories entered, symlinks not counted
  };
  // Where the entry is to be, its directories made where they are missing. Nothing where something
  // else is in the way.
  [[nodiscard]] std::optional<Target> MakeWay(const TarEntry& entry, std::string_view path);
  uint32_t AddImplied(const Target& target, Timestamp mtime);
  // The directory that `name`, in `directory`, leads to, where it is a symlink that GNU tar goes
  // through. It lets no symlink lead out: those that are absolute or have a ".." it makes last,
  // when all else is extracted.
  [[nodiscard]] std::optional<uint32_t> Follow(uint32_t directory, uint32_t name,
                                               Symlinks& symlinks) const;
  // Where a symlink leads to; empty where `name` is none that is gone through.
  [[nodiscard]] std::string_view TargetToFollow(uint32_t name) const;
  [[nodiscard]] std::optional<uint32_t> FindPath(std::string_view path) const;
  [[nodiscard]] std::optional<uint32_t> FindTarget(const Target& target) const;

  void PutHardLink(const TarEntry& entry, const Target& target);
  [[nodiscard]] Result<void> Put(const TarEntry& entry, const Target& target);
  // Whether `name` may come to stand for something other than a directory.
  [[nodiscard]] bool IsFree(const TarEntry& entry, uint32_t name);
  // Lets `name` stand for `content`; what it stood for stays where other names do so too.
  void Replace(uint32_t name, const TreeContent& content);
  uint32_t AddName(const Target& target, uint32_t content, bool first);
  uint32_t AddContent(const TreeContent& content);

  [[nodiscard]] Result<TreeContent> MakeContent(const TarEntry& entry);
  void KeepFile(const TarEntry& entry, TreeContent& content);
  void SetTime(TreeContent& content, Timestamp mtime);
  // The number of the entry's set of attributes, as TreeContent has it.
  [[nodiscard]] Result<uint32_t> KeepAttributes(const TarEntry& entry);
  [[nodiscard]] TreeOddities& OdditiesOf(TreeContent& content);
  [[nodiscard]] TreeContent& ContentOf(uint32_t name) { return contents_[names_[name].content]; }
  [[nodiscard]] bool IsDirectory(uint32_t name) const;
  void Warn(const TarEntry& entry, std::string_view what);

  void NumberNodes();
  void ChoosePrimaries();

  ScratchMemory& memory_;
  const uint32_t max_nodes_;
  NameTable names_;
  ChunkedArray<TreeContent> contents_;
  ChunkedArray<TreeOddities> oddities_;
  ChunkedArray<Extent> extents_;
  ChunkedArray<Sha256Digest> digests_;
  TextArena texts_;  // symlink targets
  InternedBytes attribute_sets_;
  std::string last_directory_path_;  // of the last entry, as it stood in the tar
  uint32_t last_directory_ = 0;
  uint64_t entry_count_ = 0;
  bool any_incomplete_ = false;
  std::vector<std::string> warnings_;
  uint64_t warning_count_ = 0;

  ScratchArray<uint32_t> order_;  // node to name
  ChunkedArray<sidecar_format::Directory> directories_;
};

}  // namespace orcio
