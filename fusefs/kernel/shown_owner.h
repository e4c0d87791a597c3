#pragma once

#include <cstdint>
#include <optional>

namespace orcio::inline fusefs {

// Whom the mounted tree belongs to in the eyes of the kernel, if that is not whom the archives
// say: everything has this owner, this group, or the permissions that `umask` leaves.
struct ShownOwner {
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  // Takes the place of archived permissions, ACLs with them.
  std::optional<uint32_t> umask;
  // The mount's root lets in nobody but who mounted it, and root, whatever else is shown.
  bool root_is_private = false;
};

}  // namespace orcio::inline fusefs
