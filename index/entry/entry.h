#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace orcio::inline index {

enum class EntryType : uint8_t {
  kFile,
  kDirectory,
  kSymlink,
  kHardLink,
  kCharacterDevice,
  kBlockDevice,
  kFifo,
  kSocket,
};

// As in st_mode (inode(7)); of a hard link, a file's.
[[nodiscard]] constexpr mode_t TypeBits(EntryType type) {
  switch (type) {
    case EntryType::kDirectory:
      return S_IFDIR;
    case EntryType::kSymlink:
      return S_IFLNK;
    case EntryType::kCharacterDevice:
      return S_IFCHR;
    case EntryType::kBlockDevice:
      return S_IFBLK;
    case EntryType::kFifo:
      return S_IFIFO;
    case EntryType::kSocket:
      return S_IFSOCK;
    case EntryType::kFile:
    case EntryType::kHardLink:
      break;
  }
  return S_IFREG;
}

inline constexpr int64_t kNanosecondsASecond = 1'000'000'000;

// A moment as tar records it. `nanoseconds` is 0..999,999,999 and counts forward, before 1970 too.
struct Timestamp {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

// A stretch of a file's content and where it stands in the tar stream. Bytes, all three. What no
// extent of a file covers is a hole: zeros.
struct Extent {
  uint64_t file_offset = 0;
  uint64_t tar_offset = 0;
  uint64_t length = 0;
  friend bool operator==(const Extent&, const Extent&) = default;
};

// An extended attribute in the form getxattr(2) returns it; ACLs are system.posix_acl_access and
// system.posix_acl_default in the kernel's binary form.
struct ExtendedAttribute {
  std::string name;
  std::string value;
  friend bool operator==(const ExtendedAttribute&, const ExtendedAttribute&) = default;
};

// One entry of a tar, in stream order. Strings are the archive's bytes, in no particular encoding,
// without NUL.
struct TarEntry {
  std::string path;  // as the archive has it: may be absolute, hold "..", end in '/'
  EntryType type = EntryType::kFile;
  uint32_t mode = 0;  // permission bits with setuid, setgid, sticky (07777); the type is `type`
  uint32_t uid = 0;
  uint32_t gid = 0;
  Timestamp mtime;
  uint64_t size = 0;        // bytes of content, holes included; 0 if the type has none
  std::string link_target;  // of a symlink or hard link
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::vector<ExtendedAttribute> attributes;  // sorted by name
  std::vector<Extent> extents;                // ascending, not overlapping, within `size`
  uint64_t header_offset =
      0;                     // where the first header block stands in the tar, pax blocks included
  uint64_t data_offset = 0;  // first byte after the headers; where content would start
  std::optional<Sha256Digest>
      digest;  // of a file's content, holes as zeros; see FORMAT.md for when there is none
  bool complete = true;  // false if the tar ended or broke inside the content
};

}  // namespace orcio::inline index
