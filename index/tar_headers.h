#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "index/entry.h"

namespace orcio {

// What an entry's header blocks say and libarchive 3.6 does not pass on unharmed: it converts pax
// names between character sets as the locale has it, loses the sign of times within a second of
// 1970 and shifts the other fractions before it, leaves names of attributes encoded, changes the
// mode of files with an ACL, takes unknown types for files, and loses its place behind a sparse
// file whose map covers less than is stored.
struct TarHeaders {
  char type = '0';            // typeflag (POSIX ustar); '\0' of old tars is '0'
  uint32_t mode = 0;          // 07777
  uint64_t stored_bytes = 0;  // of content in the tar, a sparse file's map included; not padded
  bool sparse = false;
  // From pax records; nothing where there is none.
  std::optional<std::string> path;
  std::optional<std::string> link_target;
  std::optional<Timestamp> mtime;
  std::vector<ExtendedAttribute> attributes;    // those of SCHILY.xattr, in the order given
  std::vector<std::string> attribute_keywords;  // and their names before decoding
  // A global pax header sets something of entries, which orcio does not apply to them.
  bool has_global_records = false;
  uint64_t extension_bytes = 0;  // of the blocks before the entry's own header
};

// Reads the header blocks of one entry, from its first extension header to where content starts.
// Blocks that make no sense are passed over: whether they do is libarchive's to say.
[[nodiscard]] TarHeaders ReadTarHeaders(std::span<const std::byte> blocks);

// The seconds of a pax record (POSIX pax, "mtime"): decimal, with a sign and a fraction where there
// is one. Digits beyond nanoseconds are dropped. Nothing where it is no number that 64 bits hold.
[[nodiscard]] std::optional<Timestamp> ParsePaxTime(std::string_view text);

// An attribute's name out of a pax keyword. GNU tar writes '=' as %3D and '%' as %25, and nothing
// else so; libarchive encodes as URLs do.
[[nodiscard]] std::string DecodePaxAttributeName(std::string_view keyword, bool by_libarchive);

}  // namespace orcio
