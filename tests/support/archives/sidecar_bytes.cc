#include "tests/support/archives/sidecar_bytes.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/bytes.h"
#include "index/spans/window_store.h"

namespace orcio::test {
namespace {

namespace format = sidecar_format;

void MustHold(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message);
}

uint32_t Crc32(std::span<const std::byte> bytes) {
  return libdeflate_crc32(0, bytes.data(), bytes.size());
}

// A line about a result: what `show` makes of its value, or its error.
template <class T, class Show>
std::string Line(std::string_view what, const Result<T>& result, Show show) {
  if (!result) return fmt::format("! {}: {}\n", what, result.error().message);
  return fmt::format("{}: {}\n", what, show(*result));
}

std::string Show(const NodeInfo& info) {
  return fmt::format(
      "type {} inode {} mode {:o} uid {} gid {} links {} mtime {}.{:09} size {} device {}:{} "
      "sparse "
      "{} attributes {} complete {} implied {} header {} data {}",
      static_cast<int>(info.type), info.inode, info.mode, info.uid, info.gid, info.links,
      info.mtime.seconds, info.mtime.nanoseconds, info.size, info.device_major, info.device_minor,
      info.sparse, info.has_attributes, info.complete, info.implied, info.header_offset,
      info.data_offset);
}

std::string ShowExtents(const std::vector<Extent>& extents) {
  std::string text;
  for (const Extent& extent : extents)
    text += fmt::format("[{} {} {}]", extent.file_offset, extent.tar_offset, extent.length);
  return text;
}

std::string ShowAttributes(const std::vector<ExtendedAttribute>& attributes) {
  std::string text;
  for (const ExtendedAttribute& attribute : attributes)
    text += fmt::format("[{}={}]", attribute.name, ToHex(AsBytes(attribute.value)));
  return text;
}

std::string DescribeNode(const Sidecar& sidecar, NodeId id) {
  auto as_is = [](const auto& value) { return fmt::format("{}", value); };
  auto node = sidecar.Node(id);
  auto name = sidecar.Name(id);
  auto parent = sidecar.Parent(id);
  std::string text = fmt::format("node {}\n", id);
  text += Line("info", node, [](const NodeInfo& info) { return Show(info); });
  text += Line("name", name, as_is) + Line("parent", parent, as_is);
  text += Line("path", sidecar.Path(id), as_is);
  if (name && parent && id != kRootNode) {
    text += Line("found", sidecar.Lookup(*parent, *name),
                 [](const auto& found) { return found ? fmt::format("{}", *found) : "no"; });
  }
  if (!node) return text;
  if (node->type == EntryType::kDirectory) {
    text += Line("children", sidecar.ListChildren(id), [](const Sidecar::Children& children) {
      return fmt::format("{} from {}", children.count, children.first);
    });
  }
  if (node->type == EntryType::kSymlink) text += Line("target", sidecar.SymlinkTarget(id), as_is);
  if (node->type == EntryType::kFile) text += Line("extents", sidecar.Extents(id), ShowExtents);
  text += Line("attributes", sidecar.Attributes(id), ShowAttributes);
  text += Line("digest", sidecar.Digest(id),
               [](const auto& digest) { return digest ? ToHex(*digest) : "none"; });
  return text;
}

}  // namespace

TarEntry EntryMaker::Make(EntryType type, std::string path, std::string link_target) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.type = type;
  entry.mode = type == EntryType::kDirectory ? 0750 : 0640;
  entry.uid = 1000;
  entry.gid = 100;
  entry.mtime = {1'700'000'000 + static_cast<int64_t>(tar_bytes_), 123'456'789};
  entry.link_target = std::move(link_target);
  entry.header_offset = tar_bytes_;
  entry.data_offset = tar_bytes_ + 512;
  tar_bytes_ += 1024;
  return entry;
}

TarEntry EntryMaker::File(std::string path, std::string_view content) {
  TarEntry entry = Make(EntryType::kFile, std::move(path));
  entry.size = content.size();
  if (!content.empty()) entry.extents = {{0, entry.data_offset, entry.size}};
  entry.digest = Sha256::Of(AsBytes(content));
  return entry;
}

std::vector<TarEntry> VariedEntries() {
  EntryMaker make;
  std::vector<TarEntry> entries{make.Directory("srv/wiki"),
                                make.File("srv/wiki/a", "1234"),
                                make.HardLink("srv/wiki/b", "srv/wiki/a"),
                                make.Symlink("srv/wiki/c", "a"),
                                make.File("srv/wiki/d", ""),
                                make.Make(EntryType::kCharacterDevice, "srv/dev"),
                                make.HardLink("lost", "missing"),
                                make.File("srv/late", "x")};
  entries[1].attributes = {{"user.note", "n"}, {"user.other", std::string("\0\1", 2)}};
  entries[4].size = 10'000;
  entries[4].extents = {{4096, entries[4].data_offset, 100}, {8192, entries[4].data_offset, 9}};
  entries[4].digest.reset();
  entries[5].device_major = 5;
  entries[7].mtime = {INT64_MAX, 7};
  return entries;
}

SidecarParts MakeParts(uint64_t tar_bytes) {
  SidecarParts parts;
  parts.archive.bytes = 900;
  parts.archive.sha256 = Sha256::Of(AsBytes("archive"));
  parts.archive.edges_sha256 = Sha256::Of(AsBytes("edges"));
  auto first = static_cast<uint32_t>(tar_bytes / 2);
  if (first != 0) {
    parts.spans = {{0, first, 10, 300, 0x11111111},
                   {first, static_cast<uint32_t>(tar_bytes - first), 310, 500, 0x22222222}};
  }
  parts.tar.tar_bytes = tar_bytes;
  parts.tar.end_of_entries = tar_bytes;
  parts.tar.end_marker = true;
  parts.facts.service = "wiki";
  parts.facts.host = "atena";
  return parts;
}

FileBytes BuildSidecar(const std::vector<TarEntry>& entries, const SidecarParts& parts) {
  SidecarBuilder builder;
  for (const TarEntry& entry : entries) MustHold(builder.Add(TarEntry(entry)));
  MemoryFiles files;
  auto file = files.Create("made");
  WindowStore windows(files, "made");
  if (!windows.Append(AsBytes(parts.windows))) throw std::runtime_error("no room for windows");
  const SpanStarts starts{parts.starts, windows};
  MustHold(builder.Write(**file, parts.archive, parts.spans, parts.tar, parts.facts,
                         parts.starts.empty() ? nullptr : &starts));
  return files.At("made");
}

FileBytes BuildSidecar(const std::vector<TarEntry>& entries) {
  uint64_t end = 0;
  for (const TarEntry& entry : entries) end = std::max(end, entry.header_offset + 1024);
  return BuildSidecar(entries, MakeParts(end + 1024));
}

Result<std::shared_ptr<const Sidecar>> OpenSidecar(FileBytes bytes) {
  MemoryFiles files;
  files.Put("wiki.tar.gz.idx", std::move(bytes));
  return Sidecar::Open(files, "wiki.tar.gz.idx");
}

void Reseal(FileBytes& bytes) {
  if (bytes.size() < format::kBlockBytes) return;
  auto block = [&](uint64_t number) {
    return std::span(bytes).subspan(number * format::kBlockBytes, format::kBlockBytes);
  };
  format::Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  uint64_t end = bytes.size() / format::kBlockBytes;
  for (uint32_t i = 0; i < std::min(header.section_count, format::kMaxSections); ++i) {
    format::Section section;
    std::memcpy(&section, bytes.data() + sizeof(header) + i * sizeof(section), sizeof(section));
    if (std::string_view(section.id, 4) != "CSUM") continue;
    uint64_t begin = 1;
    uint64_t level = section.offset / format::kBlockBytes;
    while (begin < level && level < end) {
      uint64_t level_blocks = (level - begin + 1023) / 1024;
      if (level + level_blocks > end) break;
      for (uint64_t at = begin; at < level; ++at) {
        std::byte* slot = bytes.data() + level * format::kBlockBytes + (at - begin) * 4;
        StoreLittleEndian(Crc32(block(at)), slot);
      }
      begin = level;
      level += level_blocks;
      if (level_blocks == 1) header.checksum_root = Crc32(block(begin));
      if (level_blocks == 1) break;
    }
  }
  std::memcpy(bytes.data(), &header, sizeof(header));
  StoreLittleEndian(Crc32(block(0).first(format::kHeaderChecksumOffset)),
                    bytes.data() + format::kHeaderChecksumOffset);
}

std::string DescribeAll(const Sidecar& sidecar) {
  std::string text = fmt::format(
      "archive {} {} {} tar {} entries {} nodes {} complete {} end {} spans {}\n",
      sidecar.archive().bytes, ToHex(sidecar.archive().sha256),
      ToHex(sidecar.archive().edges_sha256), sidecar.tar_bytes(), sidecar.entry_count(),
      sidecar.node_count(), sidecar.complete(), sidecar.end_of_entries(), sidecar.span_count());
  text += Line("facts", sidecar.facts(), [](const RunFacts& facts) { return ToJson(facts); });
  text += Line("warnings", sidecar.warnings(), [](const SidecarWarnings& warnings) {
    return fmt::format("{} {}", warnings.count, fmt::join(warnings.texts, "; "));
  });
  for (NodeId id = 0; id < sidecar.node_count(); ++id) text += DescribeNode(sidecar, id);
  for (uint64_t i = 0; i < sidecar.span_count(); ++i) {
    auto span = sidecar.SpanAt(i);
    text += Line("span", span, [](const Span& s) {
      return fmt::format("{} {} {} {} {:08x}", s.tar_offset, s.tar_bytes, s.archive_offset,
                         s.archive_bytes, s.crc32);
    });
    const auto start = sidecar.StartOf(i);
    text += Line("start", start, [](const SpanStart& s) {
      return fmt::format("{} {} {}", static_cast<int>(s.kind), s.skip_bits, s.block_bits);
    });
    if (start) {
      text += Line("window", sidecar.PackedWindow(*start),
                   [](const auto& packed) { return fmt::format("{}", packed.size()); });
    }
    if (!span) continue;
    for (uint64_t at : {span->tar_offset, span->tar_offset + span->tar_bytes - 1}) {
      text += Line("holding", sidecar.SpanHolding(at),
                   [](uint64_t index) { return fmt::format("{}", index); });
    }
  }
  return text;
}

}  // namespace orcio::test
