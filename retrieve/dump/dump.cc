#include "retrieve/dump/dump.h"

#include <sys/stat.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "retrieve/dump/recorded_owner.h"
#include "retrieve/dump/tar_header.h"
#include "retrieve/plan/tree_order.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kGatherBytes = size_t{256} << 10;
constexpr size_t kDumpReadBytes = size_t{1} << 20;
constexpr uint64_t kRecordBytes = 20 * kTarBlock;  // tar's blocking factor

using Take = std::function<Result<void>(std::span<const std::byte>)>;

class Dumper {
 public:
  Dumper(const ArchiveReader& reader, const Take& take, const DumpOptions& options)
      : reader_(reader), sidecar_(reader.sidecar()), take_(take), options_(options) {}

  Result<void> Dump(NodeId id, std::string& path) {
    const NodeInfo node = ORCIO_TRY(sidecar_.Node(id));
    if (!node.complete) {
      result_.left_out.push_back(path);
      return {};
    }
    const bool named = !node.implied || (options_.plan != nullptr && id != kRootNode);
    if (named) ORCIO_TRY(Entry(node, path));
    if (node.type != EntryType::kDirectory) return {};
    const size_t above = path.size();
    for (const NodeId child : ORCIO_TRY(ChildrenByPlace(sidecar_, id))) {
      if (options_.plan != nullptr && !options_.plan->wanted[child]) continue;
      if (above > 0) path += '/';
      path += ORCIO_TRY(sidecar_.Name(child));
      ORCIO_TRY(Dump(child, path));
      path.resize(above);
    }
    return {};
  }

  Result<DumpResult> Finish() {
    if (!options_.last_entry.empty()) {
      TarEntry last;
      last.path = options_.last_entry;
      last.mode = 0600;
      ORCIO_TRY(Put(AsBytes(Header(last, {}).bytes)));
    }
    gathered_.append(2 * kTarBlock, '\0');
    const uint64_t end = written_ + gathered_.size();
    gathered_.append((kRecordBytes - end % kRecordBytes) % kRecordBytes, '\0');
    ORCIO_TRY(Flush());
    return std::move(result_);
  }

 private:
  Result<void> Entry(const NodeInfo& node, const std::string& path) {
    TarEntry entry;
    entry.path = path.empty() ? "." : path;
    if (node.type == EntryType::kDirectory) entry.path += '/';
    entry.type = node.type;
    ++result_.entries;
    if (node.type != EntryType::kDirectory && node.links > 1) {
      const auto [first, is_first] = links_.try_emplace(node.inode, path);
      if (!is_first) {
        entry.type = EntryType::kHardLink;
        entry.link_target = first->second;
      }
    }
    ORCIO_TRY(Describe(node, entry));
    OwnerNames names;
    if (options_.owner_names) names = ORCIO_TRY(RecordedNames(reader_, node));
    const TarHeader header = Header(entry, names);
    ORCIO_TRY(Put(AsBytes(header.bytes)));
    for (const Extent& extent : entry.extents) ORCIO_TRY(Content(node.id, extent));
    result_.bytes += header.content_bytes;
    gathered_.append((kTarBlock - header.content_bytes % kTarBlock) % kTarBlock, '\0');
    return {};
  }

  [[nodiscard]] TarHeader Header(const TarEntry& entry, const OwnerNames& names) const {
    return options_.plain ? MakePlainTarHeader(entry, names) : MakeTarHeader(entry, names);
  }

  Result<void> Describe(const NodeInfo& node, TarEntry& entry) const {
    entry.mode = options_.set_ids ? node.mode : node.mode & ~uint32_t{S_ISUID | S_ISGID};
    entry.uid = node.uid;
    entry.gid = node.gid;
    entry.mtime = node.mtime;
    if (entry.type == EntryType::kHardLink) return {};
    entry.device_major = node.device_major;
    entry.device_minor = node.device_minor;
    if (node.type == EntryType::kSymlink)
      entry.link_target = ORCIO_TRY(sidecar_.SymlinkTarget(node.id));
    if (node.has_attributes) entry.attributes = ORCIO_TRY(sidecar_.Attributes(node.id));
    if (node.type != EntryType::kFile) return {};
    entry.size = node.size;
    if (!options_.plain) {
      entry.extents = ORCIO_TRY(sidecar_.Extents(node.id));
    } else if (node.size > 0) {
      entry.extents = {{.length = node.size}};
    }
    return {};
  }

  Result<void> Content(NodeId file, const Extent& extent) {
    for (uint64_t done = 0; done < extent.length;) {
      const auto here =
          static_cast<size_t>(std::min<uint64_t>(extent.length - done, kDumpReadBytes));
      const auto slices = reader_.ReadFile(file, extent.file_offset + done, here);
      if (!slices) return FailIn(file, slices.error());
      if (slices->empty())
        return FailIn(file, {ErrorKind::kDamaged, 0, "the archive ends too early in it"});
      for (const Slice& slice : *slices) {
        ORCIO_TRY(Put(slice.bytes));
        done += slice.bytes.size();
      }
    }
    return {};
  }

  // Whoever asks for files knows no spans.
  [[nodiscard]] Failure FailIn(NodeId file, Error error) const {
    const auto path = sidecar_.Path(file);
    if (path) error.message = fmt::format("{}: {}", *path, error.message);
    return Failure(std::move(error));
  }

  // Small pieces are gathered: a write for each header would cost more than making it.
  Result<void> Put(std::span<const std::byte> bytes) {
    if (gathered_.size() + bytes.size() > kGatherBytes) ORCIO_TRY(Flush());
    if (bytes.size() < kGatherBytes / 2) {
      gathered_ += AsText(bytes);
      return {};
    }
    ORCIO_TRY(Flush());
    written_ += bytes.size();
    return take_(bytes);
  }
  Result<void> Flush() {
    if (gathered_.empty()) return {};
    ORCIO_TRY(take_(AsBytes(gathered_)));
    written_ += gathered_.size();
    gathered_.clear();
    return {};
  }

  const ArchiveReader& reader_;
  const Sidecar& sidecar_;
  const Take& take_;
  const DumpOptions& options_;
  DumpResult result_;
  std::unordered_map<NodeId, std::string> links_;  // where a file of several names was written
  std::string gathered_;
  uint64_t written_ = 0;
};

}  // namespace

Result<DumpResult> DumpTree(const ArchiveReader& reader, NodeId root, const Take& take,
                            const DumpOptions& options) {
  Dumper dumper(reader, take, options);
  std::string path = ORCIO_TRY(reader.sidecar().Path(root));
  if (!options.below.empty()) path = options.below + (path.empty() ? "" : "/") + path;
  ORCIO_TRY(dumper.Dump(root, path));
  return dumper.Finish();
}

}  // namespace orcio::inline retrieve
