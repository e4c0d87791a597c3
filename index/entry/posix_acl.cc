#include "index/entry/posix_acl.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "base/bytes.h"

namespace orcio::inline index {
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

// What the kernel sets (posix_acl_valid): in the order of the tags, none but named ones twice, and
// with a mask if there are named ones.
bool IsValid(const std::vector<AclEntry>& entries) {
  bool named = false;
  bool masked = false;
  for (const AclEntry& entry : entries) {
    const auto tag = static_cast<uint16_t>(entry.tag);
    if (tag == 0 || tag > 0x20 || (tag & (tag - 1)) != 0 || entry.permissions > 7) return false;
    if (IsNamed(entry) && entry.id == kNoId) return false;
    named = named || IsNamed(entry);
    masked = masked || entry.tag == AclTag::kMask;
  }
  const auto wrong = [](const AclEntry& a, const AclEntry& b) {
    return a.tag > b.tag || (a.tag == b.tag && !IsNamed(a));
  };
  return (masked || !named) &&
         std::adjacent_find(entries.begin(), entries.end(), wrong) == entries.end();
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

std::optional<std::vector<AclEntry>> DecodePosixAcl(std::string_view value) {
  ByteReader reader(AsBytes(value));
  if (reader.Get<uint32_t>() != kXattrVersion) return std::nullopt;
  std::vector<AclEntry> entries;
  while (reader.left() > 0) {
    const auto tag = reader.Get<uint16_t>();
    const auto permissions = reader.Get<uint16_t>();
    const auto id = reader.Get<uint32_t>();
    if (!id) return std::nullopt;
    entries.push_back({static_cast<AclTag>(*tag), *permissions, *id});
  }
  if (!IsValid(entries)) return std::nullopt;
  return entries;
}

std::optional<uint32_t> PermissionsOfAcl(const std::vector<AclEntry>& entries) {
  const auto only = [&](AclTag tag) -> const AclEntry* {
    const auto has_tag = [tag](const AclEntry& entry) { return entry.tag == tag; };
    if (std::count_if(entries.begin(), entries.end(), has_tag) != 1) return nullptr;
    return &*std::find_if(entries.begin(), entries.end(), has_tag);
  };
  const AclEntry* const user = only(AclTag::kUserObject);
  const AclEntry* const group_object = only(AclTag::kGroupObject);
  const AclEntry* const other = only(AclTag::kOther);
  if (user == nullptr || group_object == nullptr || other == nullptr) return std::nullopt;
  const AclEntry* const mask = only(AclTag::kMask);
  // Without named entries the mask to add grants what the owning group has.
  const uint32_t group = mask == nullptr ? Mask(entries).permissions : mask->permissions;
  return (user->permissions & 7U) << 6 | (group & 7U) << 3 | (other->permissions & 7U);
}

}  // namespace orcio::inline index
