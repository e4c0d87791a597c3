#include "retrieve/dump/tar_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"
#include "index/entry/posix_acl.h"

namespace orcio::inline retrieve {
namespace {

constexpr uint64_t kMostOctal7 = 07777777;
constexpr uint64_t kMostOctal11 = 077777777777;
constexpr size_t kNameBytes = 100;
constexpr size_t kOwnerBytes = 32;
constexpr std::string_view kAccessAcl = "system.posix_acl_access";
constexpr std::string_view kDefaultAcl = "system.posix_acl_default";

char TypeFlag(EntryType type) {
  constexpr std::string_view kFlags = "05213460";  // a socket has none: an empty file
  return kFlags[static_cast<size_t>(type)];
}

// "LENGTH key=value\n", where LENGTH counts itself.
void AppendRecord(std::string_view key, std::string_view value, std::string& to) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + 1;
  while (fmt::formatted_size("{}", length) + rest != length)
    length = fmt::formatted_size("{}", length) + rest;
  to += fmt::format("{} ", length);
  to += key;
  to += '=';
  to += value;
  to += '\n';
}

// Seconds as a decimal fraction. Nanoseconds count forward, before 1970 too: -1 s and 750,000,000
// ns are -0.25.
std::string DecimalTime(const Timestamp& time) {
  if (time.nanoseconds == 0) return fmt::format("{}", time.seconds);
  if (time.seconds >= 0) return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
  return fmt::format("-{}.{:09}", -(time.seconds + 1), kNanosecondsASecond - time.nanoseconds);
}

void Put(std::string& block, size_t at, std::string_view text, size_t most) {
  std::memcpy(block.data() + at, text.data(), std::min(text.size(), most));
}

// Octal, or GNU's base-256 if that is too long.
void PutNumber(std::string& block, size_t at, uint64_t number, size_t digits) {
  if (digits >= 21 || number >> (3 * digits) == 0) {
    Put(block, at, fmt::format("{:0{}o}", number, digits), digits);
    return;
  }
  block[at] = '\x80';
  for (size_t i = digits; i > 0 && number != 0; --i, number >>= 8)
    block[at + i] = static_cast<char>(number & 0xFF);
}

struct Fields {
  std::string name = {};
  char type = '0';
  uint64_t mode = 0644;
  uint64_t uid = 0;
  uint64_t gid = 0;
  uint64_t size = 0;
  uint64_t mtime = 0;
  std::string link_target = {};
  OwnerNames owners = {};
  uint64_t device_major = 0;
  uint64_t device_minor = 0;
};

std::string UstarBlock(const Fields& fields) {
  std::string block(kTarBlock, '\0');
  Put(block, 0, fields.name, kNameBytes);
  PutNumber(block, 100, fields.mode, 7);
  PutNumber(block, 108, fields.uid, 7);
  PutNumber(block, 116, fields.gid, 7);
  PutNumber(block, 124, fields.size, 11);
  PutNumber(block, 136, fields.mtime, 11);
  block[156] = fields.type;
  Put(block, 157, fields.link_target, kNameBytes);
  Put(block, 257, std::string_view("ustar\00000", 8), 8);
  Put(block, 265, fields.owners.user, kOwnerBytes);
  Put(block, 297, fields.owners.group, kOwnerBytes);
  PutNumber(block, 329, fields.device_major, 7);
  PutNumber(block, 337, fields.device_minor, 7);
  unsigned sum = 8 * ' ';  // the checksum itself counts as spaces
  for (const char c : block) sum += static_cast<unsigned char>(c);
  Put(block, 148, fmt::format("{:06o}", sum), 6);
  block[155] = ' ';
  return block;
}

void PadToBlock(std::string& bytes) {
  bytes.resize((bytes.size() + kTarBlock - 1) / kTarBlock * kTarBlock, '\0');
}

// As GNU tar does: '=' would end the keyword.
std::string XattrKey(std::string_view name) {
  std::string key = "SCHILY.xattr.";
  for (const char c : name) {
    if (c == '=') {
      key += "%3D";
    } else if (c == '%') {
      key += "%25";
    } else {
      key += c;
    }
  }
  return key;
}

void AppendAttributes(const TarEntry& entry, std::string& records) {
  for (const ExtendedAttribute& attribute : entry.attributes) {
    if (attribute.name == kAccessAcl) {
      AppendRecord("SCHILY.acl.access", AclText(attribute.value), records);
    } else if (attribute.name == kDefaultAcl) {
      AppendRecord("SCHILY.acl.default", AclText(attribute.value), records);
    } else {
      AppendRecord(XattrKey(attribute.name), attribute.value, records);
    }
  }
}

bool HasHoles(const TarEntry& entry) {
  uint64_t reached = 0;
  for (const Extent& extent : entry.extents) {
    if (extent.file_offset != reached) return true;
    reached = extent.file_offset + extent.length;
  }
  return reached != entry.size;
}

// Sparse format 1.0: the number of stretches, then offset and length of each. A hole at the end is
// told by an empty stretch there.
std::string SparseMap(const TarEntry& entry) {
  const bool hole_last =
      entry.extents.empty() ||
      entry.extents.back().file_offset + entry.extents.back().length != entry.size;
  std::string map = fmt::format("{}\n", entry.extents.size() + (hole_last ? 1 : 0));
  for (const Extent& extent : entry.extents)
    map += fmt::format("{}\n{}\n", extent.file_offset, extent.length);
  if (hole_last) map += fmt::format("{}\n0\n", entry.size);
  PadToBlock(map);
  return map;
}

Fields FieldsOf(const TarEntry& entry, const OwnerNames& names) {
  return Fields{.name = entry.path,
                .type = TypeFlag(entry.type),
                .mode = entry.mode,
                .uid = entry.uid,
                .gid = entry.gid,
                .mtime = static_cast<uint64_t>(entry.mtime.seconds),
                .link_target = entry.link_target,
                .owners = names,
                .device_major = entry.device_major,
                .device_minor = entry.device_minor};
}

// GNU tar's: the content is the name of the next entry ('L'), or what it links to ('K').
std::string LongName(char type, const std::string& text) {
  Fields fields{.name = "././@LongLink", .type = type, .size = text.size() + 1};
  std::string bytes = UstarBlock(fields) + text + '\0';
  PadToBlock(bytes);
  return bytes;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Those that a block has no room for, and of a sparse file all that makes it one.
void AppendNames(const TarEntry& entry, bool sparse, std::string& records) {
  const bool long_path = entry.path.size() > kNameBytes;
  const bool long_target = entry.link_target.size() > kNameBytes;
  // Records are UTF-8 unless they say otherwise; what these names are, nobody knows.
  if ((long_path || sparse || long_target) && !IsAscii(entry.path + entry.link_target))
    AppendRecord("hdrcharset", "BINARY", records);
  if (sparse) {
    AppendRecord("GNU.sparse.major", "1", records);
    AppendRecord("GNU.sparse.minor", "0", records);
    AppendRecord("GNU.sparse.name", entry.path, records);
    AppendRecord("GNU.sparse.realsize", fmt::format("{}", entry.size), records);
  } else if (long_path) {
    AppendRecord("path", entry.path, records);
  }
  if (long_target) AppendRecord("linkpath", entry.link_target, records);
}

void MoveNumber(std::string_view key, uint64_t most, uint64_t& field, std::string& records) {
  if (field <= most) return;
  AppendRecord(key, fmt::format("{}", field), records);
  field = 0;
}

// Numbers that a block has no room for become records, and 0 in the block.
void MoveNumbers(const Timestamp& mtime, Fields& fields, std::string& records) {
  MoveNumber("uid", kMostOctal7, fields.uid, records);
  MoveNumber("gid", kMostOctal7, fields.gid, records);
  MoveNumber("size", kMostOctal11, fields.size, records);
  const bool beyond = fields.mtime > kMostOctal11;  // as times before 1970 are, too
  if (mtime.nanoseconds != 0 || beyond) AppendRecord("mtime", DecimalTime(mtime), records);
  if (beyond) fields.mtime = 0;
}

}  // namespace

std::string AclText(std::string_view value) {
  ByteReader reader(AsBytes(value));
  std::string text;
  if (!reader.Get<uint32_t>()) return text;
  while (reader.left() >= 8) {
    const auto tag = static_cast<AclTag>(*reader.Get<uint16_t>());
    const uint16_t permissions = *reader.Get<uint16_t>();
    const uint32_t id = *reader.Get<uint32_t>();
    const bool user = tag == AclTag::kUserObject || tag == AclTag::kUser;
    const bool group = tag == AclTag::kGroupObject || tag == AclTag::kGroup;
    const bool named = tag == AclTag::kUser || tag == AclTag::kGroup;
    if (!text.empty()) text += ',';
    text += fmt::format("{}:{}:{}{}{}",
                        user                   ? "user"
                        : group                ? "group"
                        : tag == AclTag::kMask ? "mask"
                                               : "other",
                        named ? fmt::format("{}", id) : "", (permissions & 4) != 0 ? 'r' : '-',
                        (permissions & 2) != 0 ? 'w' : '-', (permissions & 1) != 0 ? 'x' : '-');
  }
  return text;
}

TarHeader MakeTarHeader(const TarEntry& entry, const OwnerNames& names) {
  TarHeader header;
  const bool sparse = entry.type == EntryType::kFile && HasHoles(entry);
  const std::string map = sparse ? SparseMap(entry) : "";
  for (const Extent& extent : entry.extents) header.content_bytes += extent.length;

  Fields fields = FieldsOf(entry, names);
  fields.size = header.content_bytes + map.size();
  if (sparse) fields.name = "GNUSparseFile.0/file";
  std::string records;
  AppendNames(entry, sparse, records);
  MoveNumbers(entry.mtime, fields, records);
  AppendAttributes(entry, records);
  if (!records.empty()) {
    Fields extended{.name = "PaxHeaders/entry", .type = 'x', .size = records.size()};
    header.bytes = UstarBlock(extended) + records;
    PadToBlock(header.bytes);
  }
  header.bytes += UstarBlock(fields) + map;
  return header;
}

TarHeader MakePlainTarHeader(const TarEntry& entry, const OwnerNames& names) {
  TarHeader header;
  header.content_bytes = entry.type == EntryType::kFile ? entry.size : 0;
  Fields fields = FieldsOf(entry, names);
  fields.size = header.content_bytes;
  if (entry.mtime.seconds < 0) fields.mtime = 0;
  if (entry.path.size() > kNameBytes) header.bytes += LongName('L', entry.path);
  if (entry.link_target.size() > kNameBytes) header.bytes += LongName('K', entry.link_target);
  header.bytes += UstarBlock(fields);
  return header;
}

}  // namespace orcio::inline retrieve
