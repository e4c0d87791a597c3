#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "index/entry/posix_acl.h"

namespace orcio::inline index {

struct AclTexts {
  std::vector<AclEntry> access;
  std::vector<AclEntry> defaults;
  std::vector<std::string> unknown;  // who is granted something by a name without a number
};

// Appends what an ACL in words says (star's SCHILY.acl.*, Solaris' own): entries split by commas or
// newlines, such as "user::rw-", "user:lisa:r--:1000", "group:1000:r-x", "mask:r-x", "other:r--",
// "default:user::rwx", "defaultmask:rwx". All of them are default entries if `is_default`. What
// makes no sense is passed over.
void ParseAclText(std::string_view text, bool is_default, AclTexts& acls);

}  // namespace orcio::inline index
