#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "index/entry/entry.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline retrieve {

// What a file is to have beside its content.
struct FileAttributes {
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  Timestamp mtime;
  std::vector<ExtendedAttribute> attributes;  // ACLs among them
};

// Gives them to the regular file or directory that `fd` is open on. Owners are set by root alone;
// if a file cannot get its owner, it gets no setuid and setgid bit either. What the file system
// refuses of extended attributes comes back, a sentence each.
[[nodiscard]] Result<std::vector<std::string>> SetAttributes(int fd, const FileAttributes& wanted);

// The same for whatever stands under `name` in `directory`, never followed. A symlink has no mode.
[[nodiscard]] Result<std::vector<std::string>> SetAttributesAt(int directory, std::string_view name,
                                                               bool is_symlink,
                                                               const FileAttributes& wanted);

}  // namespace orcio::inline retrieve
