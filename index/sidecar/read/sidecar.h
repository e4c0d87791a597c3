#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "index/entry/entry.h"
#include "index/files/file_system.h"
#include "index/sidecar/archive_identity.h"
#include "index/sidecar/run_facts.h"
#include "index/spans/checkpoint.h"
#include "index/spans/span_table.h"

namespace orcio::inline index {

class CheckedMap;

// A node of the archived tree. 0 is the tree's root. Children of one directory have consecutive ids
// in byte order of their names. Ids are stable: rebuilding a sidecar from the same archive gives
// the same.
using NodeId = uint32_t;
inline constexpr NodeId kRootNode = 0;

// What stat(2) shows of a node, and where its content is.
struct NodeInfo {
  NodeId id = 0;
  EntryType type = EntryType::kFile;  // never kHardLink: a hard link's node shows what it links to
  NodeId inode = 0;   // the node that stands for all hard links of one file; usually `id`
  uint32_t mode = 0;  // permission bits, 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t links = 1;  // hard links; for a directory 2 + its subdirectories
  Timestamp mtime;
  uint64_t size = 0;  // of content, holes included; for a symlink the target's length
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  bool sparse = false;          // has holes: see extents()
  bool has_attributes = false;  // has xattrs or ACLs
  bool complete = true;         // false if the tar broke inside it
  bool implied = false;         // a directory that no entry names
  uint64_t header_offset = 0;   // in the tar; 0 for an implied directory
  uint64_t data_offset = 0;     // in the tar, after the headers
};

// What was odd about the tar without being fatal, for people.
struct SidecarWarnings {
  uint64_t count = 0;
  std::vector<std::string> texts;  // of the first ones; bytes, in no particular encoding
};

// A sidecar, memory-mapped and used in place. Opening costs the same whatever its size; each 4 KiB
// block is checked against its checksum when it is first touched, so any call can say kDamaged:
// rebuild the sidecar then. kIo if the disk failed meanwhile; kInvalid for ids beyond
// node_count(). Immutable and thread-safe. Strings handed out point into the map and live as long
// as the Sidecar.
class Sidecar {
 public:
  // kNotFound if there is no file; kDamaged or kUnsupported if it is not a sidecar this
  // version can use.
  [[nodiscard]] static Result<std::shared_ptr<const Sidecar>> Open(
      const FileSystem& files, const std::filesystem::path& path);
  // As Open, and kDamaged if `archive` is not the one that it was made from.
  [[nodiscard]] static Result<std::shared_ptr<const Sidecar>> OpenFor(
      const FileSystem& files, const std::filesystem::path& path, const RandomAccess& archive);
  ~Sidecar();

  // kDamaged if `archive` is not the one this sidecar was made from, by size and edges.
  [[nodiscard]] Result<void> CheckBelongsTo(const RandomAccess& archive) const;

  [[nodiscard]] const ArchiveIdentity& archive() const;
  [[nodiscard]] uint64_t tar_bytes() const;
  [[nodiscard]] uint64_t entry_count() const;  // entries in the tar, as scanned
  [[nodiscard]] uint32_t node_count()
      const;                            // nodes in the tree, root and implied directories included
  [[nodiscard]] bool complete() const;  // the tar had its end-of-archive marker, and no entry broke
  // Tar offset after the last entry's padded content.
  [[nodiscard]] uint64_t end_of_entries() const;
  [[nodiscard]] Result<RunFacts> facts() const;
  // Of the scan of the tar, and of making its entries a tree.
  [[nodiscard]] Result<SidecarWarnings> warnings() const;
  [[nodiscard]] uint64_t bytes() const;  // of the sidecar file
  // Checks every block; kDamaged if one is off. For `verify`: everything else checks what it
  // touches.
  [[nodiscard]] Result<void> CheckAll() const;

  [[nodiscard]] Result<NodeInfo> Node(NodeId id) const;
  [[nodiscard]] Result<std::string_view> Name(NodeId id) const;  // empty for the root
  // The child called `name`, or nothing. kInvalid if `directory` is none.
  [[nodiscard]] Result<std::optional<NodeId>> Lookup(NodeId directory, std::string_view name) const;

  struct Children {
    NodeId first = 0;
    uint32_t count = 0;
  };
  // Every node of that name, ascending: one pass over the names, however many directories.
  [[nodiscard]] Result<std::vector<NodeId>> NodesNamed(std::string_view name) const;
  // kInvalid if `directory` is none.
  [[nodiscard]] Result<Children> ListChildren(NodeId directory) const;
  // The directory that holds `id`; the root's is the root.
  [[nodiscard]] Result<NodeId> Parent(NodeId id) const;
  // From the root, components joined by '/', without a leading one.
  [[nodiscard]] Result<std::string> Path(NodeId id) const;
  // Follows no symlink. Empty components and "." are passed over. Nothing if a component is
  // missing.
  [[nodiscard]] Result<std::optional<NodeId>> Find(std::string_view path) const;

  [[nodiscard]] Result<std::string_view> SymlinkTarget(NodeId id) const;
  // Where a file's content stands in the tar, ascending; one extent if it has no holes, none
  // if empty. None of them is empty, and they are as ExtentsAreSound has it; but if the file
  // is not whole, they may lie beyond the tar.
  [[nodiscard]] Result<std::vector<Extent>> Extents(NodeId id) const;
  [[nodiscard]] Result<std::vector<ExtendedAttribute>> Attributes(NodeId id) const;
  [[nodiscard]] Result<std::optional<Sha256Digest>> Digest(NodeId id) const;

  [[nodiscard]] uint64_t span_count() const;
  [[nodiscard]] Result<Span> SpanAt(uint64_t index) const;
  // How to decode it.
  [[nodiscard]] Result<SpanStart> StartOf(uint64_t index) const;
  // The packed window of a span that begins so.
  [[nodiscard]] Result<std::vector<std::byte>> PackedWindow(const SpanStart& start) const;
  // The index of the span that holds tar byte `tar_offset`, which must be below tar_bytes().
  [[nodiscard]] Result<uint64_t> SpanHolding(uint64_t tar_offset) const;

 private:
  explicit Sidecar(std::unique_ptr<const CheckedMap> map);

  std::unique_ptr<const CheckedMap> map_;
  ArchiveIdentity archive_;
};

}  // namespace orcio::inline index
