#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orcio::inline index {

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
// (linux/posix_acl_xattr.h, version 2). Adds the mask that named users and groups must have, if
// it is missing. Empty if the ACL says no more than the mode does: such a one is not stored.
[[nodiscard]] std::string EncodePosixAcl(std::vector<AclEntry> entries, bool is_default);

// The entries of such a value. Nothing if it is none, or one that the kernel would not set
// (posix_acl_valid).
[[nodiscard]] std::optional<std::vector<AclEntry>> DecodePosixAcl(std::string_view value);

// The permissions (0777) that setting an access ACL gives a file: of its owner, of the mask (the
// one that EncodePosixAcl adds, if there is none), and of all others. Nothing if one
// of these is missing or there twice.
[[nodiscard]] std::optional<uint32_t> PermissionsOfAcl(const std::vector<AclEntry>& entries);

}  // namespace orcio::inline index
