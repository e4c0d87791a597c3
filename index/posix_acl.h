#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace orcio {

// Tags as the kernel numbers them (linux/posix_acl.h); an ACL is sorted by them, then by id.
enum class AclTag : uint16_t {
  kUserObject = 0x01,
  kUser = 0x02,
  kGroupObject = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOther = 0x20,
};

struct AclEntry {
  AclTag tag = AclTag::kUserObject;
  uint16_t permissions = 0;  // 0..7
  uint32_t id = 0;           // of a kUser or kGroup; ignored elsewhere
};

// The value of system.posix_acl_access or system.posix_acl_default that stands for `entries`
// (linux/posix_acl_xattr.h, version 2). Adds the mask that named users and groups must have where
// it is missing. Empty where the ACL says no more than the mode does: such a one is not stored.
[[nodiscard]] std::string EncodePosixAcl(std::vector<AclEntry> entries, bool is_default);

}  // namespace orcio
