#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

// The sidecar's fixed-size records, as FORMAT.md specifies them, used in place in the map.
// Little-endian, as is every machine orcio runs on.
namespace orcio::inline index::sidecar_format {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

inline constexpr char kMagic[8] = {'O', 'R', 'C', 'I', 'O', 'I', 'D', 'X'};
inline constexpr uint32_t kVersion = 1;
inline constexpr size_t kBlockBytes = 4096;  // what one checksum covers
inline constexpr size_t kSectionAlignment = 64;
inline constexpr uint32_t kMaxSections = 64;
inline constexpr uint64_t kTarBlockBytes = 512;

// Block 0 of the file is the header, the section table after it, zeros, and the block's own
// checksum.
struct Header {
  char magic[8] = {};
  uint32_t version = 0;
  uint32_t section_count = 0;
  uint64_t sidecar_bytes = 0;
  uint64_t archive_bytes = 0;
  uint8_t archive_sha256[32] = {};
  uint8_t edges_sha256[32] = {};
  uint64_t tar_bytes = 0;
  uint64_t entry_count = 0;
  uint32_t node_count = 0;
  uint32_t flags = 0;  // kComplete
  uint64_t span_count = 0;
  uint64_t end_of_entries = 0;
  uint32_t checksum_root = 0;  // CRC-32 of the topmost level of CSUM
  uint32_t reserved = 0;
};
static_assert(sizeof(Header) == 144);
static_assert(offsetof(Header, tar_bytes) == 96 && offsetof(Header, checksum_root) == 136);
inline constexpr uint32_t kComplete = 1;
inline constexpr size_t kHeaderChecksumOffset =
    kBlockBytes - 4;  // CRC-32 of the 4092 bytes before it

struct Section {
  char id[4] = {};
  uint32_t flags = 0;   // kRequired
  uint64_t offset = 0;  // in the file, a multiple of kSectionAlignment
  uint64_t bytes = 0;
};
static_assert(sizeof(Section) == 24);
// A reader that does not know a section with this flag refuses the sidecar; others it passes over.
inline constexpr uint32_t kRequired = 1;
static_assert(sizeof(Header) + kMaxSections * sizeof(Section) <= kHeaderChecksumOffset);

// NODE: node_count + 1 of these; the last is a sentinel of which only `name` counts. Breadth first:
// node 0 is the root, the children of a directory have consecutive ids, sorted by the bytes of
// their names.
struct Node {
  uint64_t place = 0;      // bits 0-47: data_offset / 512; bits 48-63: blocks of headers before it
                           // (0xFFFF: see EXTR)
  uint64_t size = 0;       // by type: content bytes; DIRS index; target node; LINK offset << 16 |
                           // length; major << 32 | minor
  int64_t mtime_ns = 0;    // since the epoch; kMtimeInExtra if 64 bits do not hold it
  uint32_t name = 0;       // offset in NAME; the name ends where the next node's begins
  uint32_t attribute = 0;  // index in ATTR
};
static_assert(sizeof(Node) == 32);
inline constexpr int64_t kMtimeInExtra = INT64_MIN;
inline constexpr uint64_t kPlaceBlockBits = 48;
inline constexpr uint64_t kHeaderBlocksInExtra = 0xFFFF;

// ATTR: what many nodes share, each combination once, in order of first use by node id.
struct Attribute {
  uint32_t mode = 0;  // 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint16_t type = 0;  // EntryType
  uint16_t flags = 0;
};
static_assert(sizeof(Attribute) == 16);
enum AttributeFlags : uint16_t {
  kHasXattrs = 1,
  kSparse = 2,
  kHasLinks = 4,  // more than one hard link: EXTR has the count, on the node linked to
  kIncomplete = 8,
  kImplied = 16,
  kNoDigest = 32,  // a regular file without one
};

// DIRS: every directory, in node order (so also in order of first_child).
struct Directory {
  uint32_t node = 0;
  uint32_t first_child = 0;  // where the children would be, when there are none
  uint32_t child_count = 0;
  uint32_t links = 0;
};
static_assert(sizeof(Directory) == 16);

// EXTR: what few nodes have, sorted by node, then kind.
struct Extra {
  uint32_t node = 0;
  uint32_t kind = 0;  // ExtraKind
  uint64_t value = 0;
};
static_assert(sizeof(Extra) == 16);
enum ExtraKind : uint32_t {
  kXattrs = 1,        // offset in XATT
  kExtents = 2,       // offset in EXTS
  kLinks = 3,         // count
  kMtimeSeconds = 4,  // as int64
  kMtimeNanoseconds = 5,
  kHeaderBlocks = 6,
};

// XATT: at each offset a u32 count, then for each attribute u32 name bytes, u32 value bytes, name,
// value. Equal sets stand once. EXTS: at each offset a u64 count, then that many orcio::Extent
// (three u64 each). LINK: symlink targets. NAME: names. FACT: the run's facts, JSON.

// RANK: for each 64 nodes, which of them have a digest, and how many do before them. DIGS: the
// digests, 32 bytes each, in node order.
struct Rank {
  uint64_t bits = 0;
  uint32_t before = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(Rank) == 16);

// SPAN: span_count + 1 of these, without a gap in the tar; the last is a sentinel: tar_bytes, and
// where the last span ends in the archive.
struct Span {
  uint64_t tar_offset = 0;
  uint64_t archive_offset = 0;
  uint32_t crc32 = 0;
  uint32_t archive_bytes = 0;
};
static_assert(sizeof(Span) == 24);

// CKPT: if orcio did not write the archive, one of these for each span. WNDW: their windows.
struct Checkpoint {
  uint64_t block_bits = 0;
  uint64_t window_offset = 0;
  uint32_t window_bytes = 0;
  uint8_t kind = 0;  // SpanStart::Kind
  uint8_t skip_bits = 0;
  uint16_t reserved = 0;
};
static_assert(sizeof(Checkpoint) == 24);

// CSUM comes last and starts on a block: level 0 has the CRC-32 of every block from 1 up to CSUM's
// first; each further level has those of the level below, padded with zeros to whole blocks; levels
// follow one another until one fits in a single block: checksum_root is that block's CRC-32.

// In the order in which they stand.
enum class SectionId {
  kNodes,
  kNames,
  kAttributes,
  kDirectories,
  kLinks,
  kExtras,
  kAttributeSets,
  kExtents,
  kRanks,
  kDigests,
  kSpans,
  kCheckpoints,
  kWindows,
  kWarnings,
  kFacts,
  kChecksums,
};

struct SectionRule {
  SectionId id{};
  std::string_view name;       // Section::id
  uint64_t record_bytes = 1;   // it holds nothing but whole records of so many
  bool always = true;          // every sidecar has one
  uint32_t flags = kRequired;  // Section::flags
};
inline constexpr SectionRule kSections[] = {
    {SectionId::kNodes, "NODE", sizeof(Node)},
    {SectionId::kNames, "NAME"},
    {SectionId::kAttributes, "ATTR", sizeof(Attribute)},
    {SectionId::kDirectories, "DIRS", sizeof(Directory)},
    {SectionId::kLinks, "LINK"},
    {SectionId::kExtras, "EXTR", sizeof(Extra)},
    {SectionId::kAttributeSets, "XATT"},
    {SectionId::kExtents, "EXTS", sizeof(uint64_t)},
    {SectionId::kRanks, "RANK", sizeof(Rank)},
    {SectionId::kDigests, "DIGS", 32},
    {SectionId::kSpans, "SPAN", sizeof(Span)},
    {SectionId::kCheckpoints, "CKPT", sizeof(Checkpoint), false},
    {SectionId::kWindows, "WNDW", 1, false},
    {SectionId::kWarnings, "WARN", 1, false, 0},
    {SectionId::kFacts, "FACT", 1, false, 0},
    {SectionId::kChecksums, "CSUM"},
};
inline constexpr size_t kSectionIds = std::size(kSections);
static_assert(kSectionIds <= kMaxSections);

[[nodiscard]] constexpr const SectionRule& RuleOf(SectionId id) {
  return kSections[static_cast<size_t>(id)];
}
static_assert([] {
  for (size_t i = 0; i < kSectionIds; ++i) {
    const SectionRule& rule = kSections[i];
    if (static_cast<size_t>(rule.id) != i || rule.name.size() != sizeof(Section::id)) return false;
  }
  return static_cast<size_t>(SectionId::kChecksums) + 1 == kSectionIds;
}());

}  // namespace orcio::inline index::sidecar_format
