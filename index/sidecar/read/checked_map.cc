#include "index/sidecar/read/checked_map.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "base/text/safe_text.h"
#include "index/sidecar/crc32.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

// Of the file. A full tree with every name, digest and attribute it can have stays below; and so
// does the memory that remembers which blocks are checked (32 MiB).
constexpr uint64_t kMaxSidecarBytes = uint64_t{1} << 40;
constexpr uint64_t kChecksumsABlock = format::kBlockBytes / sizeof(uint32_t);
constexpr uint64_t kHeaderChecked = 1;  // in the first word of the bits

std::string_view IdOf(const format::Section& section) {
  return {section.id, sizeof(section.id)};
}

// Advice: if it cannot be taken, pages come as they are touched.
void Fetch(std::span<const std::byte> map, uint64_t offset, uint64_t bytes) {
  const uint64_t begin = offset / format::kBlockBytes * format::kBlockBytes;
  const uint64_t end = std::min<uint64_t>(offset + bytes, map.size());
  if (begin >= end) return;
  ::posix_madvise(const_cast<std::byte*>(map.data() + begin), end - begin, POSIX_MADV_WILLNEED);
}

}  // namespace

Result<std::unique_ptr<CheckedMap>> CheckedMap::Open(const FileSystem& files,
                                                     const std::filesystem::path& path) {
  auto file = ORCIO_TRY(files.Map(path));
  std::unique_ptr<CheckedMap> map(new CheckedMap(std::move(file), path));
  ORCIO_TRY(map->ReadHeader());
  ORCIO_TRY(map->ReadSections());
  ORCIO_TRY(map->CheckSizes());
  ORCIO_TRY(map->PlanChecksums());
  return map;
}

CheckedMap::CheckedMap(std::unique_ptr<MappedFile> file, std::filesystem::path path)
    : file_(std::move(file)), path_(std::move(path)), bytes_(file_->bytes()) {}

Result<void> CheckedMap::ReadHeader() {
  if (bytes_.size() < format::kBlockBytes) return FailHeader("it is shorter than a header");
  if (bytes_.size() > kMaxSidecarBytes) return FailHeader("it is larger than any sidecar");
  auto block = Block(0);
  std::memcpy(&header_, block.data(), sizeof(header_));
  auto checksum = LoadLittleEndian<uint32_t>(block.data() + format::kHeaderChecksumOffset);
  bool good = Crc32(block.first(format::kHeaderChecksumOffset)) == checksum;
  ORCIO_TRY(CheckFault());
  if (std::memcmp(header_.magic, format::kMagic, sizeof(header_.magic)) != 0)
    return FailHeader("it does not begin like a sidecar");
  if (!good) return FailHeader("its header contradicts the header's checksum");
  if (header_.version != format::kVersion) {
    return Fail(ErrorKind::kUnsupported, "{}: a sidecar of version {}, this orcio reads version {}",
                path_.string(), header_.version, format::kVersion);
  }
  if (header_.sidecar_bytes != bytes_.size() || bytes_.size() % format::kBlockBytes != 0)
    return FailHeader(fmt::format("it has {} bytes of {}", bytes_.size(), header_.sidecar_bytes));
  return {};
}

Result<void> CheckedMap::ReadSections() {
  if (header_.section_count > format::kMaxSections) return FailHeader("it has too many sections");
  auto table = Block(0).subspan(sizeof(header_));
  uint64_t end = format::kBlockBytes;
  for (uint32_t i = 0; i < header_.section_count; ++i) {
    format::Section section;
    std::memcpy(&section, table.data() + i * sizeof(section), sizeof(section));
    auto section_end = CheckedAdd(section.offset, section.bytes);
    if (section.offset % format::kSectionAlignment != 0 || section.offset < end || !section_end ||
        *section_end > bytes_.size()) {
      return FailHeader(fmt::format("section {} is out of place", SafeText(IdOf(section))));
    }
    end = *section_end;
    ORCIO_TRY(AddSection(section));
  }
  return CheckFault();
}

Result<void> CheckedMap::AddSection(const format::Section& section) {
  std::string_view id = IdOf(section);
  const auto* rule = std::find_if(std::begin(format::kSections), std::end(format::kSections),
                                  [&](const auto& known) { return known.name == id; });
  if (rule == std::end(format::kSections)) {
    if ((section.flags & format::kRequired) == 0) return {};
    return Fail(ErrorKind::kUnsupported,
                "{}: a sidecar with a section {}, which this orcio does not know", path_.string(),
                SafeText(id));
  }
  auto& place = sections_[static_cast<size_t>(rule->id)];
  if (place.offset != 0) return FailHeader(fmt::format("it has two sections {}", id));
  place = section;
  return {};
}

Result<void> CheckedMap::CheckSizes() const {
  for (const format::SectionRule& rule : format::kSections) {
    if (rule.id == SectionId::kChecksums) continue;  // PlanChecksums looks at it
    if (rule.always && At(rule.id).offset == 0)
      return FailHeader(fmt::format("it has no section {}", rule.name));
    if (At(rule.id).bytes % rule.record_bytes != 0)
      return FailHeader(fmt::format("section {} ends within a record", rule.name));
  }
  uint64_t nodes = header_.node_count;
  bool agree = nodes > 0 && nodes < UINT32_MAX &&
               Count<format::Node>(SectionId::kNodes) == nodes + 1 &&
               Count<format::Rank>(SectionId::kRanks) == (nodes + 63) / 64 &&
               Count<format::Directory>(SectionId::kDirectories) > 0 &&
               SectionBytes(SectionId::kNames) <= UINT32_MAX && header_.span_count < UINT64_MAX &&
               Count<format::Span>(SectionId::kSpans) == header_.span_count + 1;
  // Without CKPT each span is a gzip member: an empty section is no section.
  if (At(SectionId::kCheckpoints).offset != 0)
    agree = agree && Count<format::Checkpoint>(SectionId::kCheckpoints) == header_.span_count;
  if (!agree) return FailHeader("its counts and the sizes of its sections disagree");
  return {};
}

// Level 0 speaks of every block between the header's and its own first, each other level of the one
// before.
Result<void> CheckedMap::PlanChecksums() {
  const format::Section& checksums = At(SectionId::kChecksums);
  uint64_t first_block = checksums.offset / format::kBlockBytes;
  bool last = std::all_of(std::begin(sections_), std::end(sections_), [&](const auto& section) {
    return &section == &checksums || section.offset < checksums.offset;
  });
  if (checksums.offset % format::kBlockBytes != 0 || first_block < 2 || !last)
    return FailHeader("its section CSUM is missing or out of place");
  uint64_t end = first_block;
  uint64_t blocks = first_block - 1;
  do {
    blocks = (blocks + kChecksumsABlock - 1) / kChecksumsABlock;
    levels_.push_back({end, blocks});
    end += blocks;
  } while (blocks > 1);
  if (end * format::kBlockBytes != bytes_.size() ||
      checksums.offset + checksums.bytes != bytes_.size()) {
    return FailHeader("its section CSUM is of the wrong size");
  }
  checked_ = std::make_unique<std::atomic<uint64_t>[]>(end / 64 + 1);
  checked_[0].store(kHeaderChecked, std::memory_order_relaxed);
  return {};
}

Result<std::span<const std::byte>> CheckedMap::Bytes(SectionId section, uint64_t offset,
                                                     uint64_t count) const {
  const format::Section& place = At(section);
  if (offset > place.bytes || count > place.bytes - offset) return FailRange(section, offset);
  if (count == 0) return std::span<const std::byte>();
  uint64_t begin = place.offset + offset;
  uint64_t last = (begin + count - 1) / format::kBlockBytes;
  for (uint64_t block = begin / format::kBlockBytes; block <= last; ++block) {
    if (!IsChecked(block)) ORCIO_TRY(CheckBlock(block));
  }
  return bytes_.subspan(begin, count);
}

void CheckedMap::WillNeed(SectionId section) const {
  Fetch(bytes_, At(section).offset, At(section).bytes);
}

// The kernel reads nothing ahead in these maps (MapFile): a lookup touches a few places, and what a
// device is set to read around each can be megabytes. So blocks come by groups, each fetched when
// its first is needed.
void CheckedMap::FetchAround(uint64_t block) const {
  constexpr uint64_t kGroup = 8;
  const uint64_t first = block / kGroup * kGroup;
  uint64_t group = checked_[block / 64].load(std::memory_order_relaxed);
  if (first == 0) group &= ~kHeaderChecked;
  if ((group >> first % 64 & ((uint64_t{1} << kGroup) - 1)) != 0) return;
  Fetch(bytes_, first * format::kBlockBytes, kGroup * format::kBlockBytes);
}

Result<void> CheckedMap::CheckBlock(uint64_t block) const {
  uint32_t expected = ORCIO_TRY(ExpectedChecksum(block));
  FetchAround(block);
  bool good = Crc32(Block(block)) == expected;
  ORCIO_TRY(CheckFault());
  if (!good) {
    return Fail(
        ErrorKind::kDamaged,
        "{}: the block at offset {} contradicts its checksum; rebuild it with `orcio index`",
        path_.string(), block * format::kBlockBytes);
  }
  checked_[block / 64].fetch_or(uint64_t{1} << block % 64, std::memory_order_relaxed);
  return {};
}

// Recursion ends at the topmost level: at most 4 deep for the largest sidecar.
Result<uint32_t> CheckedMap::ExpectedChecksum(uint64_t block) const {
  uint64_t index = block - 1;  // in the level that speaks of it
  size_t level = 0;
  while (level < levels_.size() && block >= levels_[level].first_block) {
    index = block - levels_[level].first_block;
    ++level;
  }
  if (level == levels_.size()) return header_.checksum_root;
  uint64_t holder = levels_[level].first_block + index / kChecksumsABlock;
  if (!IsChecked(holder)) ORCIO_TRY(CheckBlock(holder));
  return LoadLittleEndian<uint32_t>(Block(holder).data() +
                                    index % kChecksumsABlock * sizeof(uint32_t));
}

Result<void> CheckedMap::CheckFault() const {
  if (!file_->faulted()) return {};
  return Fail(ErrorKind::kIo, "{}: cannot read it: the disk failed, or the file was cut short",
              path_.string());
}

Result<void> CheckedMap::CheckAll() const {
  for (uint64_t block = 1; block < bytes_.size() / format::kBlockBytes; ++block)
    ORCIO_TRY(CheckBlock(block));
  return {};
}

Failure CheckedMap::FailDamaged(SectionId section, uint64_t offset, std::string_view what) const {
  return Fail(ErrorKind::kDamaged, "{}: {} at offset {}; rebuild it with `orcio index`",
              path_.string(), what, At(section).offset + offset);
}

Failure CheckedMap::FailRange(SectionId section, uint64_t offset) const {
  return FailDamaged(section, offset,
                     fmt::format("something beyond section {}", format::RuleOf(section).name));
}

Failure CheckedMap::FailHeader(std::string_view what) const {
  return Fail(ErrorKind::kDamaged, "{} is no usable sidecar: {}; rebuild it with `orcio index`",
              path_.string(), what);
}

}  // namespace orcio::inline index
