#include "index/posix_acl.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "index/bytes.h"

namespace orcio {
namespace {

constexpr uint32_t kXattrVersion = 2;
constexpr uint32_t kNoId = 0xffffffff;

bool IsNamed(const AclEntry& entry) {
  return entry.tag == AclTag::kUser || entry.tag == AclTag::kGroup;
}

// What acl_calc_mask(3) gives: all that named entries and the owning group are granted.
AclEntry Mask(const std::vector<AclEntry>& entries) {
  AclEntry mask{AclTag::kMask, 0, 0};
  for (const AclEntry& entry : entries) {
    if (IsNamed(entry) || entry.tag == AclTag::kGroupObject) {
      mask.permissions = static_cast<uint16_t>(mask.permissions | entry.permissions);
    }
  }
  return mask;
}

}  // namespace

std::string EncodePosixAcl(std::vector<AclEntry> entries, bool is_default) {
  const bool named = std::any_of(entries.begin(), entries.end(), IsNamed);
  const bool masked = std::any_of(entries.begin(), entries.end(),
                                  [](const AclEntry& e) { return e.tag == AclTag::kMask; });
  if (entries.empty() || (!named && !masked && !is_default)) return {};
  if (named && !masked) entries.push_back(Mask(entries));
  std::stable_sort(entries.begin(), entries.end(), [](const AclEntry& a, const AclEntry& b) {
    return std::tuple(a.tag, IsNamed(a) ? a.id : 0) < std::tuple(b.tag, IsNamed(b) ? b.id : 0);
  });
  std::vector<std::byte> value;
  value.reserve(4 + entries.size() * 8);
  AppendLittleEndian(kXattrVersion, value);
  for (const AclEntry& entry : entries) {
    AppendLittleEndian(static_cast<uint16_t>(entry.tag), value);
    AppendLittleEndian(static_cast<uint16_t>(entry.permissions & 7), value);
    AppendLittleEndian(IsNamed(entry) ? entry.id : kNoId, value);
  }
  return std::string(AsText(value));
}

}  // namespace orcio
