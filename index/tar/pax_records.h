#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/entry/entry.h"

namespace orcio::inline index {

// A bound for hostile maps: 32 MiB of pieces.
inline constexpr size_t kMaxSparsePieces = size_t{1} << 21;

// What pax records (POSIX, "pax Extended Header") say of an entry, those of GNU, star, Solaris and
// libarchive among them. Nothing if no record says it.
struct PaxValues {
  std::optional<std::string> path;
  std::optional<std::string> link_target;
  std::optional<int64_t> uid;
  std::optional<int64_t> gid;
  std::optional<Timestamp> mtime;
  std::optional<uint64_t> stored_bytes;  // "size"
  std::optional<uint64_t> device_major;
  std::optional<uint64_t> device_minor;

  // GNU's sparse files. Version 0.0 has a pair of records a piece, 0.1 a list in one record, 1.0
  // puts the map before the content.
  std::optional<std::string> sparse_name;
  std::optional<uint64_t> sparse_size;  // of the file, holes included
  uint64_t sparse_major = 0;
  std::vector<std::pair<uint64_t, uint64_t>> sparse_pieces;  // offset and length
  bool sparse = false;
  bool sparse_sound = true;           // the records of the map make sense
  std::optional<uint64_t> star_size;  // "SCHILY.realsize"

  // GNU's multi-volume archives: what the first entry of a volume goes on with.
  std::optional<std::string> volume_file;
  uint64_t volume_offset = 0;

  // Names as the keyword has them, not decoded yet.
  std::vector<ExtendedAttribute> schily_attributes;
  std::vector<ExtendedAttribute> libarchive_attributes;  // values decoded
  std::optional<std::string> selinux;
  // In words: "user::rw-,user:1000:r--".
  std::optional<std::string> access_acl;
  std::optional<std::string> default_acl;
  bool has_nfs4_acl = false;
};

// Applies the records of one extended header to `values`, the last of a keyword winning; a record
// with an empty value takes back what an earlier one said (POSIX). Stops at the first malformed
// one, as GNU tar does. Returns what is wrong with them; empty if nothing is.
[[nodiscard]] std::string ApplyPaxRecords(std::string_view records, PaxValues& values);

// The seconds of a pax record (POSIX pax, "mtime"): decimal, with a sign and a fraction if there
// is one; ends where the digits do, as GNU tar and libarchive have it. Rounded down to nanoseconds.
// Nothing if it does not begin with a number that 64 bits hold.
[[nodiscard]] std::optional<Timestamp> ParsePaxTime(std::string_view text);

// An attribute's name out of a pax keyword. GNU tar writes '=' as %3D and '%' as %25, and nothing
// else so; libarchive encodes as URLs do.
[[nodiscard]] std::string DecodePaxAttributeName(std::string_view keyword, bool by_libarchive);

// Takes the extended attributes, without the ACLs in words, out of `values`: names decoded.
[[nodiscard]] std::map<std::string, std::string> PaxAttributes(PaxValues& values);

}  // namespace orcio::inline index
