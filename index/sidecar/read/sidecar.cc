#include "index/sidecar/read/sidecar.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "index/entry/tar_path.h"
#include "index/sidecar/read/checked_map.h"
#include "index/sidecar/read/sidecar_content.h"
#include "index/sidecar/read/sidecar_records.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

constexpr uint64_t kMaxFactBytes = uint64_t{16} << 20;
constexpr uint64_t kMaxWarningBytes = uint64_t{16} << 20;
constexpr size_t kMaxDepth = 4096;

Sha256Digest ToDigest(const uint8_t (&bytes)[32]) {
  Sha256Digest digest;
  std::memcpy(digest.data(), bytes, digest.size());
  return digest;
}

// A record's size says something else of each type.
void FillFromSize(uint64_t size, NodeInfo& info) {
  switch (info.type) {
    case EntryType::kFile:
      info.size = size;
      break;
    case EntryType::kSymlink:
      info.size = size & 0xFFFF;
      break;
    case EntryType::kCharacterDevice:
    case EntryType::kBlockDevice:
      info.device_major = static_cast<uint32_t>(size >> 32);
      info.device_minor = static_cast<uint32_t>(size);
      break;
    default:
      break;
  }
}

// `text` outlives no fault of the map: what is handed out was good when it was looked at.
Result<std::string_view> Sound(const CheckedMap& map, std::string_view text) {
  ORCIO_TRY(map.CheckFault());
  return text;
}

}  // namespace

Result<std::shared_ptr<const Sidecar>> Sidecar::Open(const FileSystem& files,
                                                     const std::filesystem::path& path) {
  auto map = ORCIO_TRY(CheckedMap::Open(files, path));
  return std::shared_ptr<const Sidecar>(new Sidecar(std::move(map)));
}

Result<std::shared_ptr<const Sidecar>> Sidecar::OpenFor(const FileSystem& files,
                                                        const std::filesystem::path& path,
                                                        const RandomAccess& archive) {
  auto sidecar = ORCIO_TRY(Open(files, path));
  ORCIO_TRY(sidecar->CheckBelongsTo(archive));
  return sidecar;
}

Sidecar::Sidecar(std::unique_ptr<const CheckedMap> map)
    : map_(std::move(map)),
      archive_{.bytes = map_->header().archive_bytes,
               .sha256 = ToDigest(map_->header().archive_sha256),
               .edges_sha256 = ToDigest(map_->header().edges_sha256)} {}
Sidecar::~Sidecar() = default;

Result<void> Sidecar::CheckBelongsTo(const RandomAccess& archive) const {
  // An index made anew takes the archive as it is, and hides what is wrong with that.
  constexpr std::string_view kLookFirst =
      "see whether the archive is sound with `orcio verify --read-data` or `gzip -t` before you "
      "trust an index made anew with `orcio index`";
  if (archive.size() != archive_.bytes) {
    return Fail(ErrorKind::kDamaged,
                "{}: the archive beside it has {} bytes, and {} in the index: it was cut short, "
                "damaged or replaced, or the index is another archive's; {}",
                map_->path().string(), archive.size(), archive_.bytes, kLookFirst);
  }
  if (ORCIO_TRY(DigestEdges(archive)) == archive_.edges_sha256) return {};
  // A small archive is nothing but edges: any damage to it comes to this.
  return Fail(ErrorKind::kDamaged,
              "{}: the archive beside it has the size that the index says, but not the bytes at "
              "its beginning and end: one of the two is damaged or was replaced; {}",
              map_->path().string(), kLookFirst);
}

const ArchiveIdentity& Sidecar::archive() const {
  return archive_;
}
uint64_t Sidecar::tar_bytes() const {
  return map_->header().tar_bytes;
}
uint64_t Sidecar::entry_count() const {
  return map_->header().entry_count;
}
uint32_t Sidecar::node_count() const {
  return map_->header().node_count;
}
bool Sidecar::complete() const {
  return (map_->header().flags & format::kComplete) != 0;
}
uint64_t Sidecar::end_of_entries() const {
  return map_->header().end_of_entries;
}
uint64_t Sidecar::bytes() const {
  return map_->header().sidecar_bytes;
}
Result<void> Sidecar::CheckAll() const {
  return map_->CheckAll();
}

Result<RunFacts> Sidecar::facts() const {
  if (map_->SectionBytes(SectionId::kFacts) == 0) return RunFacts{};
  auto facts = ParseRunFacts(ORCIO_TRY(LoadText(*map_, SectionId::kFacts, kMaxFactBytes)));
  if (!facts) return map_->FailDamaged(SectionId::kFacts, 0, facts.error().message);
  return facts;
}

Result<SidecarWarnings> Sidecar::warnings() const {
  SidecarWarnings warnings;
  if (map_->SectionBytes(SectionId::kWarnings) == 0) return warnings;
  std::string text = ORCIO_TRY(LoadText(*map_, SectionId::kWarnings, kMaxWarningBytes));
  ByteReader reader(AsBytes(text));
  auto count = reader.Get<uint64_t>();
  if (!count || text.back() != '\0')
    return map_->FailDamaged(SectionId::kWarnings, 0, "warnings without an end");
  warnings.count = *count;
  for (size_t begin = sizeof(*count); begin < text.size();) {
    size_t end = text.find('\0', begin);
    warnings.texts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return warnings;
}

Result<NodeInfo> Sidecar::Node(NodeId id) const {
  NodeRecord record = ORCIO_TRY(LoadInode(*map_, id));
  NodePlace place = ORCIO_TRY(LoadPlace(*map_, record));
  const Timestamp mtime = ORCIO_TRY(LoadTime(*map_, record));
  NodeInfo info{.id = id,
                .type = record.type(),
                .inode = record.id,
                .mode = record.attribute.mode & 07777,
                .uid = record.attribute.uid,
                .gid = record.attribute.gid,
                .mtime = mtime,
                .sparse = record.has(format::kSparse),
                .has_attributes = record.has(format::kHasXattrs),
                .complete = !record.has(format::kIncomplete),
                .implied = record.has(format::kImplied),
                .header_offset = place.header_offset,
                .data_offset = place.data_offset};
  if (record.has(format::kHasLinks)) {
    info.links = static_cast<uint32_t>(
        std::min<uint64_t>(ORCIO_TRY(LoadExtra(*map_, record.id, format::kLinks)), UINT32_MAX));
  }
  if (info.type == EntryType::kDirectory) info.links = ORCIO_TRY(LoadDirectory(*map_, id)).links;
  FillFromSize(record.node.size, info);
  return info;
}

Result<std::string_view> Sidecar::Name(NodeId id) const {
  if (id >= node_count())
    return Fail(ErrorKind::kInvalid, "{} has no node {}", map_->path().string(), id);
  std::string_view name = ORCIO_TRY(LoadRawName(*map_, id));
  if (id == kRootNode ? !name.empty() : !IsName(name))
    return FailNode(*map_, id, "an impossible name");
  return Sound(*map_, name);
}

Result<std::optional<NodeId>> Sidecar::Lookup(NodeId directory, std::string_view name) const {
  Children children = ORCIO_TRY(ListChildren(directory));
  if (!IsName(name)) return std::nullopt;
  NodeId begin = children.first;
  NodeId end = children.first + children.count;
  while (begin < end) {
    NodeId middle = begin + (end - begin) / 2;
    int order = ORCIO_TRY(LoadRawName(*map_, middle)).compare(name);
    ORCIO_TRY(map_->CheckFault());
    if (order == 0) return middle;
    if (order < 0) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return std::nullopt;
}

Result<Sidecar::Children> Sidecar::ListChildren(NodeId directory) const {
  auto record = ORCIO_TRY(LoadDirectory(*map_, directory));
  return Children{.first = record.first_child, .count = record.child_count};
}

Result<NodeId> Sidecar::Parent(NodeId id) const {
  if (id >= node_count())
    return Fail(ErrorKind::kInvalid, "{} has no node {}", map_->path().string(), id);
  if (id == kRootNode) return kRootNode;
  return ORCIO_TRY(LoadParent(*map_, id)).node;
}

Result<std::string> Sidecar::Path(NodeId id) const {
  std::vector<std::string_view> names;
  for (NodeId node = id; node != kRootNode; node = ORCIO_TRY(Parent(node))) {
    if (names.size() == kMaxDepth) return FailNode(*map_, id, "a path of impossible depth");
    names.push_back(ORCIO_TRY(Name(node)));
  }
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!path.empty()) path += '/';
    path += *name;
  }
  ORCIO_TRY(map_->CheckFault());
  return path;
}

Result<std::optional<NodeId>> Sidecar::Find(std::string_view path) const {
  NodeId at = kRootNode;
  for (auto name = NextComponent(path); !name.empty(); name = NextComponent(path)) {
    if (ORCIO_TRY(LoadNode(*map_, at)).type() != EntryType::kDirectory) return std::nullopt;
    auto child = ORCIO_TRY(Lookup(at, name));
    if (!child) return std::nullopt;
    at = *child;
  }
  return at;
}

Result<std::string_view> Sidecar::SymlinkTarget(NodeId id) const {
  NodeRecord record = ORCIO_TRY(LoadInode(*map_, id));
  if (record.type() != EntryType::kSymlink)
    return Fail(ErrorKind::kInvalid, "node {} of {} is no symlink", id, map_->path().string());
  auto bytes =
      ORCIO_TRY(map_->Bytes(SectionId::kLinks, record.node.size >> 16, record.node.size & 0xFFFF));
  std::string_view target = AsText(bytes);
  if (target.empty() || target.find('\0') != std::string_view::npos)
    return FailNode(*map_, record.id, "an impossible symlink");
  return Sound(*map_, target);
}

Result<std::vector<Extent>> Sidecar::Extents(NodeId id) const {
  NodeRecord record = ORCIO_TRY(LoadInode(*map_, id));
  if (record.type() != EntryType::kFile)
    return Fail(ErrorKind::kInvalid, "node {} of {} is no file", id, map_->path().string());
  return LoadExtents(*map_, record);
}

Result<std::vector<ExtendedAttribute>> Sidecar::Attributes(NodeId id) const {
  return LoadAttributes(*map_, ORCIO_TRY(LoadInode(*map_, id)));
}

Result<std::optional<Sha256Digest>> Sidecar::Digest(NodeId id) const {
  NodeRecord record = ORCIO_TRY(LoadInode(*map_, id));
  if (record.type() != EntryType::kFile || record.has(format::kNoDigest)) return std::nullopt;
  auto rank = ORCIO_TRY(map_->Get<format::Rank>(SectionId::kRanks, record.id / 64));
  uint64_t bit = uint64_t{1} << record.id % 64;
  if ((rank.bits & bit) == 0) return FailNode(*map_, record.id, "a file without its digest");
  uint64_t index =
      uint64_t{rank.before} + static_cast<uint64_t>(std::popcount(rank.bits & (bit - 1)));
  return ORCIO_TRY(map_->Get<Sha256Digest>(SectionId::kDigests, index));
}

}  // namespace orcio::inline index
