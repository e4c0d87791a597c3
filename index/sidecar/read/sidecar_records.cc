#include "index/sidecar/read/sidecar_records.h"

#include <algorithm>
#include <tuple>

#include "base/bytes.h"
#include "base/memory/chunked_array.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

// How many of the records from 0 to `count` are at or below what is sought: `is_below(record)`
// holds for those before some point, and for none after it.
template <class Record, class IsBelow>
Result<uint64_t> CountBelow(const CheckedMap& map, SectionId section, uint64_t count,
                            IsBelow is_below) {
  uint64_t begin = 0;
  while (begin < count) {
    uint64_t middle = begin + (count - begin) / 2;
    if (is_below(ORCIO_TRY(map.Get<Record>(section, middle)))) {
      begin = middle + 1;
    } else {
      count = middle;
    }
  }
  return begin;
}

}  // namespace

Failure FailNode(const CheckedMap& map, uint32_t id, std::string_view what) {
  return map.FailDamaged(SectionId::kNodes, uint64_t{id} * sizeof(format::Node), what);
}

Result<NodeRecord> LoadNode(const CheckedMap& map, uint32_t id) {
  if (id >= map.header().node_count)
    return Fail(ErrorKind::kInvalid, "{} has no node {}", map.path().string(), id);
  NodeRecord record{.id = id, .node = {}, .attribute = {}};
  record.node = ORCIO_TRY(map.Get<format::Node>(SectionId::kNodes, id));
  record.attribute =
      ORCIO_TRY(map.Get<format::Attribute>(SectionId::kAttributes, record.node.attribute));
  if (record.attribute.type > static_cast<uint16_t>(EntryType::kSocket))
    return FailNode(map, id, "a node of no known type");
  if (id == 0 && record.type() != EntryType::kDirectory)
    return FailNode(map, id, "a root that is no directory");
  return record;
}

Result<NodeRecord> LoadInode(const CheckedMap& map, uint32_t id) {
  NodeRecord record = ORCIO_TRY(LoadNode(map, id));
  if (record.type() != EntryType::kHardLink) return record;
  if (record.node.size >= map.header().node_count)
    return FailNode(map, id, "a hard link to no node");
  record = ORCIO_TRY(LoadNode(map, static_cast<uint32_t>(record.node.size)));
  if (record.type() == EntryType::kHardLink || record.type() == EntryType::kDirectory)
    return FailNode(map, id, "a hard link to a link or directory");
  return record;
}

// Children come after their directory, and each directory's after those of the one before: so
// there are no cycles, and no node has two parents.
Result<format::Directory> LoadDirectory(const CheckedMap& map, uint32_t id) {
  NodeRecord record = ORCIO_TRY(LoadNode(map, id));
  if (record.type() != EntryType::kDirectory)
    return Fail(ErrorKind::kInvalid, "node {} of {} is no directory", id, map.path().string());
  uint64_t index = record.node.size;
  auto directory = ORCIO_TRY(map.Get<format::Directory>(SectionId::kDirectories, index));
  uint64_t end = uint64_t{directory.first_child} + directory.child_count;
  bool good = directory.node == id && directory.first_child > id;
  if (index + 1 == map.Count<format::Directory>(SectionId::kDirectories)) {
    good = good && end == map.header().node_count;
  } else {
    auto next = ORCIO_TRY(map.Get<format::Directory>(SectionId::kDirectories, index + 1));
    good = good && next.node > id && next.first_child == end && end <= map.header().node_count;
  }
  if (!good) {
    return map.FailDamaged(SectionId::kDirectories, index * sizeof(format::Directory),
                           "a directory that breaks the order of the tree");
  }
  return directory;
}

Result<format::Directory> LoadParent(const CheckedMap& map, uint32_t id) {
  uint64_t count = map.Count<format::Directory>(SectionId::kDirectories);
  // Of several with the same first child, only the last has children.
  uint64_t below = ORCIO_TRY(CountBelow<format::Directory>(
      map, SectionId::kDirectories, count,
      [&](const format::Directory& directory) { return directory.first_child <= id; }));
  if (below == 0) return FailNode(map, id, "a node in no directory");
  auto directory = ORCIO_TRY(map.Get<format::Directory>(SectionId::kDirectories, below - 1));
  if (directory.node >= id || id - directory.first_child >= directory.child_count)
    return FailNode(map, id, "a node in no directory");
  return directory;
}

Result<std::string_view> LoadRawName(const CheckedMap& map, uint32_t id) {
  auto begin = ORCIO_TRY(map.Get<format::Node>(SectionId::kNodes, id)).name;
  auto end = ORCIO_TRY(map.Get<format::Node>(SectionId::kNodes, uint64_t{id} + 1)).name;
  if (end < begin || end - begin > TextArena::kMaxTextBytes)
    return FailNode(map, id, "a name of impossible length");
  return AsText(ORCIO_TRY(map.Bytes(SectionId::kNames, begin, end - begin)));
}

bool IsName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

Result<uint64_t> LoadExtra(const CheckedMap& map, uint32_t id, format::ExtraKind kind) {
  uint64_t count = map.Count<format::Extra>(SectionId::kExtras);
  uint64_t index = ORCIO_TRY(
      CountBelow<format::Extra>(map, SectionId::kExtras, count, [&](const format::Extra& extra) {
        return std::tuple(extra.node, extra.kind) < std::tuple(id, uint32_t{kind});
      }));
  if (index == count) return FailNode(map, id, "a node without its EXTR record");
  auto extra = ORCIO_TRY(map.Get<format::Extra>(SectionId::kExtras, index));
  if (extra.node != id || extra.kind != kind)
    return FailNode(map, id, "a node without its EXTR record");
  return extra.value;
}

Result<NodePlace> LoadPlace(const CheckedMap& map, const NodeRecord& record) {
  uint64_t data = record.node.place & ((uint64_t{1} << format::kPlaceBlockBits) - 1);
  uint64_t headers = record.node.place >> format::kPlaceBlockBits;
  if (headers == format::kHeaderBlocksInExtra)
    headers = ORCIO_TRY(LoadExtra(map, record.id, format::kHeaderBlocks));
  if (headers > data) return FailNode(map, record.id, "headers before the tar's first byte");
  return NodePlace{.header_offset = (data - headers) * format::kTarBlockBytes,
                   .data_offset = data * format::kTarBlockBytes};
}

Result<Timestamp> LoadTime(const CheckedMap& map, const NodeRecord& record) {
  if (record.node.mtime_ns == format::kMtimeInExtra) {
    auto seconds = ORCIO_TRY(LoadExtra(map, record.id, format::kMtimeSeconds));
    auto nanoseconds = ORCIO_TRY(LoadExtra(map, record.id, format::kMtimeNanoseconds));
    if (nanoseconds >= uint64_t{kNanosecondsASecond})
      return FailNode(map, record.id, "an impossible time");
    return Timestamp{static_cast<int64_t>(seconds), static_cast<uint32_t>(nanoseconds)};
  }
  int64_t seconds = record.node.mtime_ns / kNanosecondsASecond;
  int64_t nanoseconds = record.node.mtime_ns % kNanosecondsASecond;
  if (nanoseconds < 0) {
    --seconds;
    nanoseconds += kNanosecondsASecond;
  }
  return Timestamp{seconds, static_cast<uint32_t>(nanoseconds)};
}

}  // namespace orcio::inline index
