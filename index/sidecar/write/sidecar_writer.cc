#include "index/sidecar/write/sidecar_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "index/sidecar/write/section_writer.h"
#include "index/sidecar/write/span_writer.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

// Writes one section after the other, each in one pass over the nodes. Records tell places in
// sections that come later: those are counted when the records are written, and checked when the
// section is.
class TreeWriter {
 public:
  TreeWriter(const ArrangedTree& tree, SectionWriter& out)
      : tree_(tree), out_(out), attributes_(tree.memory()), used_sets_(tree.memory()) {}

  void WriteAll() {
    WriteNodes();
    WriteNames();
    WriteAttributes();
    WriteDirectories();
    WriteLinks();
    WriteExtras();
    WriteAttributeSets();
    WriteExtents();
    WriteRanks();
    WriteDigests();
  }

 private:
  void WriteNodes();
  void WriteNames();
  void WriteAttributes();
  void WriteDirectories();
  void WriteLinks();
  void WriteExtras();
  void WriteAttributeSets();
  void WriteExtents();
  void WriteRanks();
  void WriteDigests();

  [[nodiscard]] format::Node ToNode(uint32_t node, const TreeContent& content);
  // Node::size of its primary.
  [[nodiscard]] uint64_t SizeOf(const TreeContent& content);
  // The number of its ATTR record.
  [[nodiscard]] uint32_t Intern(const format::Attribute& attribute) {
    return attributes_.Intern(AsText(std::as_bytes(std::span(&attribute, 1))));
  }
  void WriteExtrasOf(uint32_t node, const TreeContent& content);

  // Calls `visit(node)` for each.
  template <class Visit>
  void ForEachNode(Visit visit) {
    for (uint32_t node = 0; node < tree_.node_count(); ++node) {
      tree_.memory().Trim();
      visit(node);
    }
  }
  // Calls `visit(node, content)` for each node that is its content's primary.
  template <class Visit>
  void ForEachPrimary(Visit visit) {
    ForEachNode([&](uint32_t node) {
      const TreeContent& content = tree_.NodeContent(node);
      if (content.primary == node) visit(node, content);
    });
  }

  const ArrangedTree& tree_;
  SectionWriter& out_;
  InternedBytes attributes_;  // the ATTR section's records
  PlaceCounter names_;
  PlaceCounter directories_;
  PlaceCounter links_;
  PlaceCounter sets_;
  PlaceCounter extents_;
  PlaceCounter digests_;
  ChunkedArray<uint32_t> used_sets_;  // of extended attributes, in XATT's order
};

void TreeWriter::WriteNodes() {
  out_.Begin(SectionId::kNodes);
  ForEachNode([&](uint32_t node) { out_.AppendRecord(ToNode(node, tree_.NodeContent(node))); });
  out_.AppendRecord(format::Node{.name = static_cast<uint32_t>(names_.end())});
}

format::Node TreeWriter::ToNode(uint32_t node, const TreeContent& content) {
  format::Node record{.place = content.place,
                      .mtime_ns = content.mtime_ns,
                      .name = static_cast<uint32_t>(names_.Take(tree_.NodeName(node).size()))};
  if (content.primary != node) {
    record.place = 0;
    record.size = content.primary;
    record.mtime_ns = 0;
    record.attribute = Intern({.type = static_cast<uint16_t>(EntryType::kHardLink)});
    return record;
  }
  record.size = SizeOf(content);
  record.attribute = Intern({.mode = content.mode,
                             .uid = content.uid,
                             .gid = content.gid,
                             .type = static_cast<uint16_t>(content.type),
                             .flags = static_cast<uint16_t>(
                                 content.flags | (content.links > 1 ? format::kHasLinks : 0))});
  return record;
}

uint64_t TreeWriter::SizeOf(const TreeContent& content) {
  switch (content.type) {
    case EntryType::kFile:
      return content.FileBytes();
    case EntryType::kDirectory:
      return directories_.Take(sizeof(format::Directory)) / sizeof(format::Directory);
    case EntryType::kSymlink:
      return links_.Take(content.TargetBytes()) << 16 | content.TargetBytes();
    default:
      return content.Device();
  }
}

void TreeWriter::WriteNames() {
  out_.Begin(SectionId::kNames);
  ForEachNode([&](uint32_t node) { out_.Append(AsBytes(tree_.NodeName(node))); });
  out_.CheckEnd(names_);
}

void TreeWriter::WriteAttributes() {
  out_.Begin(SectionId::kAttributes);
  for (uint32_t i = 0; i < attributes_.size(); ++i) out_.Append(AsBytes(attributes_.At(i)));
}

void TreeWriter::WriteDirectories() {
  out_.Begin(SectionId::kDirectories);
  for (uint32_t i = 0; i < tree_.directory_count(); ++i) out_.AppendRecord(tree_.Directory(i));
  out_.CheckEnd(directories_);
}

void TreeWriter::WriteLinks() {
  out_.Begin(SectionId::kLinks);
  ForEachPrimary([&](uint32_t, const TreeContent& content) {
    if (content.Is(EntryType::kSymlink)) out_.Append(AsBytes(tree_.LinkTarget(content)));
  });
  out_.CheckEnd(links_);
}

void TreeWriter::WriteExtras() {
  out_.Begin(SectionId::kExtras);
  constexpr uint64_t kNowhere = UINT64_MAX;
  ScratchArray<uint64_t> set_offsets(tree_.memory(), tree_.attribute_sets().size());
  std::fill_n(set_offsets.begin(), set_offsets.size(), kNowhere);
  ForEachPrimary([&](uint32_t node, const TreeContent& content) {
    if (content.attributes != 0) {
      const uint32_t set = content.attributes - 1;
      if (set_offsets[set] == kNowhere) {
        set_offsets[set] = sets_.Take(tree_.attribute_sets().At(set).size());
        used_sets_.Append(set);
      }
      out_.AppendRecord(format::Extra{node, format::kXattrs, set_offsets[set]});
    }
    WriteExtrasOf(node, content);
  });
}

void TreeWriter::WriteExtrasOf(uint32_t node, const TreeContent& content) {
  const RareFields* rare = tree_.RareFieldsOf(content);
  if (content.Has(format::kSparse)) {
    const uint64_t bytes = sizeof(uint64_t) + rare->extent_count * sizeof(Extent);
    out_.AppendRecord(format::Extra{node, format::kExtents, extents_.Take(bytes)});
  }
  if (content.links > 1) out_.AppendRecord(format::Extra{node, format::kLinks, content.links});
  if (content.mtime_ns == format::kMtimeInExtra) {
    out_.AppendRecord(
        format::Extra{node, format::kMtimeSeconds, static_cast<uint64_t>(rare->mtime.seconds)});
    out_.AppendRecord(format::Extra{node, format::kMtimeNanoseconds, rare->mtime.nanoseconds});
  }
  if (content.place >> format::kPlaceBlockBits == format::kHeaderBlocksInExtra)
    out_.AppendRecord(format::Extra{node, format::kHeaderBlocks, rare->header_blocks});
}

void TreeWriter::WriteAttributeSets() {
  out_.Begin(SectionId::kAttributeSets);
  for (size_t i = 0; i < used_sets_.size(); ++i)
    out_.Append(AsBytes(tree_.attribute_sets().At(used_sets_[i])));
  out_.CheckEnd(sets_);
}

void TreeWriter::WriteExtents() {
  out_.Begin(SectionId::kExtents);
  ForEachPrimary([&](uint32_t, const TreeContent& content) {
    if (!content.Has(format::kSparse)) return;
    const RareFields* rare = tree_.RareFieldsOf(content);
    out_.AppendRecord(rare->extent_count);
    for (uint64_t i = 0; i < rare->extent_count; ++i)
      out_.AppendRecord(tree_.ExtentAt(rare->first_extent + i));
  });
  out_.CheckEnd(extents_);
}

void TreeWriter::WriteRanks() {
  out_.Begin(SectionId::kRanks);
  format::Rank rank{};
  ForEachNode([&](uint32_t node) {
    const TreeContent& content = tree_.NodeContent(node);
    if (content.primary == node && content.digest != 0) {
      rank.bits |= uint64_t{1} << node % 64;
      digests_.Take(sizeof(Sha256Digest));
    }
    if (node % 64 == 63 || node + 1 == tree_.node_count()) {
      out_.AppendRecord(rank);
      rank.before += static_cast<uint32_t>(std::popcount(rank.bits));
      rank.bits = 0;
    }
  });
}

void TreeWriter::WriteDigests() {
  out_.Begin(SectionId::kDigests);
  ForEachPrimary([&](uint32_t, const TreeContent& content) {
    if (const Sha256Digest* digest = tree_.Digest(content)) out_.Append(*digest);
  });
  out_.CheckEnd(digests_);
}

void WriteWarnings(const TarSummary& tar, const ArrangedTree& tree, SectionWriter& out) {
  uint64_t count = tar.warning_count + tree.warning_count();
  if (count == 0) return;
  out.Begin(SectionId::kWarnings);
  out.AppendRecord(count);
  for (const auto* texts : {&tar.warnings, &tree.warnings()}) {
    // With the NUL that ends it.
    for (const std::string& text : *texts)
      out.Append(std::as_bytes(std::span(text.c_str(), text.size() + 1)));
  }
}

template <size_t Bytes>
void CopyDigest(const Sha256Digest& digest, uint8_t (&to)[Bytes]) {
  static_assert(Bytes == sizeof(digest));
  std::memcpy(to, digest.data(), Bytes);
}

format::Header MakeHeader(const SidecarContent& content) {
  format::Header header{};
  header.archive_bytes = content.archive.bytes;
  CopyDigest(content.archive.sha256, header.archive_sha256);
  CopyDigest(content.archive.edges_sha256, header.edges_sha256);
  header.tar_bytes = content.tar.tar_bytes;
  header.entry_count = content.tree.entry_count();
  header.node_count = content.tree.node_count();
  header.flags = content.tar.whole() && !content.tree.any_incomplete() ? format::kComplete : 0;
  header.span_count = content.spans.size();
  header.end_of_entries = content.tar.end_of_entries;
  return header;
}

}  // namespace

Result<void> WriteSidecar(const SidecarContent& content, WritableFile& file) {
  ORCIO_TRY(CheckSpans(content.spans, content.tar.tar_bytes));
  SectionWriter out(file);
  TreeWriter(content.tree, out).WriteAll();
  WriteSpans(content.spans, out);
  if (content.starts != nullptr) ORCIO_TRY(WriteSpanStarts(*content.starts, out));
  WriteWarnings(content.tar, content.tree, out);
  out.Begin(SectionId::kFacts);
  out.Append(AsBytes(ToJson(content.facts)));
  return out.Finish(MakeHeader(content));
}

}  // namespace orcio::inline index
