#include "fusefs/tree/mounted_tree.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "fusefs/archives/read_pattern.h"
#include "fusefs/tree/link_inside.h"

namespace orcio::inline fusefs {
namespace {

constexpr size_t kPathMax = 4096;  // PATH_MAX: the kernel takes no longer target

// What `use` makes of the archive's reader, and once more if the first reader turned out to have
// a damaged sidecar.
template <class Use>
auto WithSharedReader(MountedArchive& archive, const GaveUp& gave_up, const Use& use)
    -> decltype(use(std::declval<const MountedArchive::Reader&>())) {
  for (bool again = false;; again = true) {
    const MountedArchive::Reader reader = ORCIO_TRY(archive.Open(gave_up));
    auto result = use(reader);
    if (result || result.error().kind != ErrorKind::kDamaged || again) return result;
    if (!archive.Heal(reader, gave_up)) return result;
  }
}

template <class Use>
auto WithReader(MountedArchive& archive, const GaveUp& gave_up, const Use& use) {
  return WithSharedReader(archive, gave_up,
                          [&](const MountedArchive::Reader& reader) { return use(*reader); });
}

// Node ids come from inode numbers that the kernel remembers: of another archive under this name,
// perhaps.
Result<void> CheckNode(const ArchiveReader& reader, const MountedArchive& archive, NodeId node) {
  if (node < reader.sidecar().node_count()) return {};
  return Failure(Error{ErrorKind::kNotFound, ESTALE,
                       fmt::format("{} has no node {}", archive.file().path.string(), node)});
}

}  // namespace

// Keeps what was found when it was opened, so that a read asks neither the archive for its reader
// nor the sidecar for the node.
class MountedTree::OpenedFile : public Namespace::File {
 public:
  // Once the archive is open, it stays so for as long as this lives.
  explicit OpenedFile(std::shared_ptr<MountedArchive> archive) : archive_(std::move(archive)) {
    archive_->AddOpenFile();
  }
  ~OpenedFile() override { archive_->RemoveOpenFile(); }
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(const OpenedFile&) = delete;

  // Before anything is read.
  Result<void> Find(const MountedArchive::Reader& reader, NodeId node) {
    node_ = node;
    auto file = ORCIO_TRY(reader->OpenFile(node));
    found_ = std::make_shared<const Found>(Found{reader, std::move(file)});
    const ArchivePolicy& policy = archive_->policy();
    if (const uint64_t window = policy.read_ahead.Window(policy.cache.budget_bytes()); window > 0)
      pattern_.emplace(window, found_->file.size());
    return {};
  }

  Result<std::vector<Slice>> Read(uint64_t offset, size_t size,
                                  const GaveUp& gave_up) const override {
    if (pattern_) {
      if (const auto range = pattern_->Next(offset, size)) DecodeAhead(*range);
    }
    auto slices = found_->file.Read(offset, size);
    if (slices || slices.error().kind != ErrorKind::kDamaged ||
        !archive_->Heal(found_->reader, gave_up))
      return slices;
    // The first reader goes on to be used for what is sound.
    return WithReader(*archive_, gave_up, [&](const ArchiveReader& reader) {
      return reader.ReadFile(node_, offset, size);
    });
  }
  std::optional<uint64_t> SeekData(uint64_t offset) const override {
    return found_->file.SeekData(offset);
  }
  std::optional<uint64_t> SeekHole(uint64_t offset) const override {
    return found_->file.SeekHole(offset);
  }

 private:
  struct Found {
    MountedArchive::Reader reader;
    ArchiveReader::File file;
  };

  // Into the cache. Damage is for whoever reads there to find.
  void DecodeAhead(const ReadPattern::Range& range) const {
    const uint64_t end = range.offset + range.size;
    for (uint64_t at = range.offset; at < end; at += ReadAhead::kPieceBytes) {
      const uint64_t size = std::min(end - at, ReadAhead::kPieceBytes);
      archive_->policy().read_ahead.Submit(
          [found = found_, at, size] { (void)found->file.Read(at, size); });
    }
  }

  const std::shared_ptr<MountedArchive> archive_;
  NodeId node_ = kRootNode;
  std::shared_ptr<const Found> found_;
  mutable std::optional<ReadPattern> pattern_;  // nothing if nothing is decoded ahead
};

Result<MountedTree::Attributes> MountedTree::AttributesOf(const ArchiveReader& reader,
                                                          NodeId id) const {
  const NodeInfo node = ORCIO_TRY(reader.sidecar().Node(id));
  Attributes attributes;
  attributes.inode = ShownInode(node);
  attributes.generation = Generation();
  attributes.settled = true;
  attributes.type = node.type;
  attributes.mode = node.mode;
  attributes.uid = node.uid;
  attributes.gid = node.gid;
  attributes.links = node.links;
  attributes.mtime = node.mtime;
  attributes.size = node.size;
  // The kernel cuts a target off there.
  if (IsRewritten(node)) attributes.size = ORCIO_TRY(LinkInside(reader.sidecar(), id)).size();
  attributes.data_bytes = attributes.size;
  if (node.type == EntryType::kFile && node.sparse)
    attributes.data_bytes = ORCIO_TRY(reader.OpenFile(id)).data_bytes();
  attributes.device_major = node.device_major;
  attributes.device_minor = node.device_minor;
  return attributes;
}

uint64_t MountedTree::Generation() const {
  constexpr uint64_t kOddPrime = 0x9e3779b97f4a7c15U;
  const FileStatus& file = archive_->file().status;
  return (static_cast<uint64_t>(file.mtime_ns) * kOddPrime + file.size) * kOddPrime + file.inode;
}

std::optional<MountedTree::Attributes> MountedTree::Root() const {
  const MountedArchive::Reader reader = archive_->OpenIfIndexed();
  if (reader == nullptr) return std::nullopt;
  auto attributes = AttributesOf(*reader, kRootNode);
  if (!attributes) return std::nullopt;
  return *attributes;
}

Result<MountedTree::Attributes> MountedTree::Stat(NodeId node, const GaveUp& gave_up) const {
  return WithReader(*archive_, gave_up, [&](const ArchiveReader& reader) -> Result<Attributes> {
    ORCIO_TRY(CheckNode(reader, *archive_, node));
    return AttributesOf(reader, node);
  });
}

Result<std::optional<MountedTree::Attributes>> MountedTree::Lookup(NodeId directory,
                                                                   std::string_view name,
                                                                   const GaveUp& gave_up) const {
  using Found = Result<std::optional<Attributes>>;
  return WithReader(*archive_, gave_up, [&](const ArchiveReader& reader) -> Found {
    ORCIO_TRY(CheckNode(reader, *archive_, directory));
    const auto node = ORCIO_TRY(reader.sidecar().Lookup(directory, name));
    if (!node) return std::nullopt;
    return ORCIO_TRY(AttributesOf(reader, *node));
  });
}

Result<MountedTree::Inode> MountedTree::Above(NodeId directory, const GaveUp& gave_up) const {
  return WithReader(*archive_, gave_up, [&](const ArchiveReader& reader) -> Result<Inode> {
    ORCIO_TRY(CheckNode(reader, *archive_, directory));
    return InodeOf(ORCIO_TRY(reader.sidecar().Parent(directory)));
  });
}

Result<void> MountedTree::List(
    NodeId directory, Inode above, uint64_t from, bool attributes,
    const std::function<bool(std::string_view, const Attributes&, uint64_t)>& add,
    const GaveUp& gave_up) const {
  // Moves on with every entry handed out, so that none comes twice if the sidecar is rebuilt in
  // between. Positions: ".", "..", then the children in the order of their ids.
  uint64_t position = from;
  return WithReader(*archive_, gave_up, [&](const ArchiveReader& reader) -> Result<void> {
    ORCIO_TRY(CheckNode(reader, *archive_, directory));
    const Sidecar& sidecar = reader.sidecar();
    const Sidecar::Children children = ORCIO_TRY(sidecar.ListChildren(directory));
    while (position < uint64_t{children.count} + 2) {
      Attributes found;
      std::string_view name = position == 0 ? "." : "..";
      if (position == 1) {
        found.inode = above;
        if (directory != kRootNode) found.inode = InodeOf(ORCIO_TRY(sidecar.Parent(directory)));
      } else {
        NodeId node = directory;
        if (position >= 2) {
          node = children.first + static_cast<NodeId>(position - 2);
          name = ORCIO_TRY(sidecar.Name(node));
        }
        if (attributes) {
          found = ORCIO_TRY(AttributesOf(reader, node));
        } else {
          const NodeInfo info = ORCIO_TRY(sidecar.Node(node));
          found.inode = ShownInode(info);
          found.type = info.type;
        }
      }
      if (!add(name, found, position + 1)) break;
      ++position;
    }
    return {};
  });
}

Result<std::string> MountedTree::ReadLink(NodeId node, const GaveUp& gave_up) const {
  return WithReader(*archive_, gave_up, [&](const ArchiveReader& reader) -> Result<std::string> {
    ORCIO_TRY(CheckNode(reader, *archive_, node));
    const Sidecar& sidecar = reader.sidecar();
    if (!archive_->policy().symlinks_inside)
      return std::string(ORCIO_TRY(sidecar.SymlinkTarget(node)));
    std::string target = ORCIO_TRY(LinkInside(sidecar, node));
    if (target.size() < kPathMax) return target;
    return FailErrno(ENAMETOOLONG, fmt::format("{}: a symlink of node {} that would stay inside",
                                               archive_->file().path.string(), node));
  });
}

Result<std::vector<ExtendedAttribute>> MountedTree::ExtendedAttributes(
    NodeId node, const GaveUp& gave_up) const {
  using Found = Result<std::vector<ExtendedAttribute>>;
  // `ls -l` asks for the ACL of whatever it lists: no reason to rebuild sidecars.
  if (node == kRootNode && archive_->OpenIfIndexed() == nullptr) return Found();
  return WithReader(*archive_, gave_up, [&](const ArchiveReader& reader) -> Found {
    ORCIO_TRY(CheckNode(reader, *archive_, node));
    const NodeInfo info = ORCIO_TRY(reader.sidecar().Node(node));
    if (!info.has_attributes) return Found();
    return reader.sidecar().Attributes(info.inode);
  });
}

Result<std::shared_ptr<const Namespace::File>> MountedTree::OpenFile(NodeId node,
                                                                     const GaveUp& gave_up) const {
  using Opened = Result<std::shared_ptr<const Namespace::File>>;
  const auto file = std::make_shared<OpenedFile>(archive_);
  return WithSharedReader(*archive_, gave_up, [&](const MountedArchive::Reader& reader) -> Opened {
    ORCIO_TRY(CheckNode(*reader, *archive_, node));
    ORCIO_TRY(file->Find(reader, node));
    return file;
  });
}

}  // namespace orcio::inline fusefs
