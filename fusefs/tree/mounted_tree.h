#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fusefs/archives/gave_up.h"
#include "fusefs/archives/mounted_archive.h"
#include "fusefs/tree/namespace.h"

namespace orcio::inline fusefs {

// The inside of one archive as part of the mounted tree: its nodes under their inode numbers. Sees
// to it that a damaged sidecar is rebuilt once. Thread-safe; cheap to make.
class MountedTree {
 public:
  using Inode = Namespace::Inode;
  using Attributes = Namespace::Attributes;

  explicit MountedTree(std::shared_ptr<MountedArchive> archive) : archive_(std::move(archive)) {}

  [[nodiscard]] Inode InodeOf(NodeId node) const {
    return (Inode{archive_->number()} << 32) | node;
  }

  // As Attributes have it, of all nodes.
  [[nodiscard]] uint64_t Generation() const;
  // The archive's root, without touching its inside: nothing if its sidecar cannot be used as it
  // is.
  [[nodiscard]] std::optional<Attributes> Root() const;
  [[nodiscard]] Result<Attributes> Stat(NodeId node, const GaveUp& gave_up) const;
  [[nodiscard]] Result<std::optional<Attributes>> Lookup(NodeId directory, std::string_view name,
                                                         const GaveUp& gave_up) const;
  // The directory that `directory`, not the archive's root, is in.
  [[nodiscard]] Result<Inode> Above(NodeId directory, const GaveUp& gave_up) const;
  // As Namespace::List; `above` is what ".." is in the archive's root.
  [[nodiscard]] Result<void> List(
      NodeId directory, Inode above, uint64_t from, bool attributes,
      const std::function<bool(std::string_view name, const Attributes&, uint64_t next)>& add,
      const GaveUp& gave_up) const;
  [[nodiscard]] Result<std::string> ReadLink(NodeId node, const GaveUp& gave_up) const;
  [[nodiscard]] Result<std::vector<ExtendedAttribute>> ExtendedAttributes(
      NodeId node, const GaveUp& gave_up) const;
  [[nodiscard]] Result<std::shared_ptr<const Namespace::File>> OpenFile(
      NodeId node, const GaveUp& gave_up) const;

 private:
  class OpenedFile;
  [[nodiscard]] Result<Attributes> AttributesOf(const ArchiveReader& reader, NodeId id) const;
  // Whether readlink(2) answers something else than what was archived.
  [[nodiscard]] bool IsRewritten(const NodeInfo& node) const {
    return node.type == EntryType::kSymlink && archive_->policy().symlinks_inside;
  }
  // Names of one file share an inode, but not rewritten symlinks: their targets differ with the
  // directory they are in.
  [[nodiscard]] Inode ShownInode(const NodeInfo& node) const {
    return InodeOf(IsRewritten(node) ? node.id : node.inode);
  }

  std::shared_ptr<MountedArchive> archive_;
};

}  // namespace orcio::inline fusefs
