#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "index/entry/entry.h"

namespace orcio::inline retrieve {

inline constexpr uint64_t kTarBlock = 512;

// What stands before an entry's content in a tar of pax format (POSIX.1-2008, pax, "pax Interchange
// Format"): as GNU tar writes it, with SCHILY.xattr.* and SCHILY.acl.* records, and for files with
// holes GNU's sparse format 1.0, map included.
struct TarHeader {
  std::string bytes;           // whole blocks
  uint64_t content_bytes = 0;  // of data that follow: all extents, one after the other; then zeros
                               // up to a whole block
};

// The names of an entry's owners; empty if only their numbers are known. At most 32 bytes each
// are written, as many as a header has room for.
struct OwnerNames {
  std::string user;
  std::string group;
};

// `entry.extents` say where a file's data is: if they leave something out, it is written as
// sparse. Offsets in the tar do not count.
[[nodiscard]] TarHeader MakeTarHeader(const TarEntry& entry, const OwnerNames& names = {});

// The same for a tar that passes over pax records, as busybox's does: GNU tar's long names ('L' and
// 'K') and base-256 numbers. What these have no place for is left out: extended attributes and
// ACLs, fractions of seconds, holes (the content that follows is all of the file), and times before
// 1970, which become 1970.
[[nodiscard]] TarHeader MakePlainTarHeader(const TarEntry& entry, const OwnerNames& names = {});

// "user::rwx,user:1000:r-x,..." of an ACL as getxattr(2) returns it; empty if it is none.
[[nodiscard]] std::string AclText(std::string_view value);

}  // namespace orcio::inline retrieve
