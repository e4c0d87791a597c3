#include "index/tar_entry_maker.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "index/posix_acl.h"

namespace orcio {
namespace {

// Whom the kernel shows where an id does not fit: overflowuid, overflowgid.
constexpr uint32_t kNobody = 65534;
constexpr std::string_view kAccessAcl = "system.posix_acl_access";
constexpr std::string_view kDefaultAcl = "system.posix_acl_default";

using Warnings = std::vector<std::string>;

std::string_view TextOf(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

uint32_t IdOf(int64_t id, std::string_view what, Warnings& warnings) {
  // 2^32 - 1 is chown(2)'s "leave it".
  if (id >= 0 && id < std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(id);
  warnings.push_back(
      fmt::format("{} {} is no number Linux knows; taken for {}", what, id, kNobody));
  return kNobody;
}

std::optional<EntryType> TypeOf(archive_entry& source, std::string_view path) {
  if (archive_entry_hardlink(&source) != nullptr) return EntryType::kHardLink;
  switch (archive_entry_filetype(&source)) {
    case AE_IFREG:
      // Tars older than POSIX have no type for directories, only this slash.
      return path.ends_with('/') ? EntryType::kDirectory : EntryType::kFile;
    case AE_IFDIR:
      return EntryType::kDirectory;
    case AE_IFLNK:
      return EntryType::kSymlink;
    case AE_IFCHR:
      return EntryType::kCharacterDevice;
    case AE_IFBLK:
      return EntryType::kBlockDevice;
    case AE_IFIFO:
      return EntryType::kFifo;
    case AE_IFSOCK:
      return EntryType::kSocket;
    default:
      return std::nullopt;
  }
}

bool Has(const std::vector<ExtendedAttribute>& attributes, std::string_view name) {
  return std::any_of(attributes.begin(), attributes.end(),
                     [&](const ExtendedAttribute& attribute) { return attribute.name == name; });
}

std::optional<AclTag> AclTagOf(int tag) {
  switch (tag) {
    case ARCHIVE_ENTRY_ACL_USER_OBJ:
      return AclTag::kUserObject;
    case ARCHIVE_ENTRY_ACL_USER:
      return AclTag::kUser;
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
      return AclTag::kGroupObject;
    case ARCHIVE_ENTRY_ACL_GROUP:
      return AclTag::kGroup;
    case ARCHIVE_ENTRY_ACL_MASK:
      return AclTag::kMask;
    case ARCHIVE_ENTRY_ACL_OTHER:
      return AclTag::kOther;
    default:
      return std::nullopt;
  }
}

std::string ReadAcl(archive_entry& source, int wanted_type, Warnings& warnings) {
  std::vector<AclEntry> entries;
  int type = 0;
  int permissions = 0;
  int tag = 0;
  int id = 0;
  const char* name = nullptr;
  archive_entry_acl_reset(&source, wanted_type);
  while (archive_entry_acl_next(&source, wanted_type, &type, &permissions, &tag, &id, &name) ==
         ARCHIVE_OK) {
    const auto our_tag = AclTagOf(tag);
    if (!our_tag || type != wanted_type) continue;
    const bool named = *our_tag == AclTag::kUser || *our_tag == AclTag::kGroup;
    if (named && id < 0) {
      // Whom this machine knows by that name is not whom the archive meant.
      warnings.push_back(
          fmt::format("its ACL grants something to {} by name only; left out", TextOf(name)));
      continue;
    }
    entries.push_back(
        {*our_tag, static_cast<uint16_t>(permissions & 7), named ? static_cast<uint32_t>(id) : 0});
  }
  return EncodePosixAcl(std::move(entries), wanted_type == ARCHIVE_ENTRY_ACL_TYPE_DEFAULT);
}

void AddAcls(archive_entry& source, std::vector<ExtendedAttribute>& attributes,
             Warnings& warnings) {
  const int types = archive_entry_acl_types(&source);
  if (types == 0) return;
  if ((types & ARCHIVE_ENTRY_ACL_TYPE_NFS4) != 0) {
    warnings.emplace_back("its NFSv4 ACL is left out: Linux file systems have none");
  }
  const std::pair<int, std::string_view> kinds[] = {{ARCHIVE_ENTRY_ACL_TYPE_ACCESS, kAccessAcl},
                                                    {ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, kDefaultAcl}};
  for (const auto& [type, name] : kinds) {
    // Where the tar has the kernel's own form too, that one is exact.
    if ((types & type) == 0 || Has(attributes, name)) continue;
    std::string value = ReadAcl(source, type, warnings);
    if (!value.empty()) attributes.push_back({std::string(name), std::move(value)});
  }
}

std::vector<ExtendedAttribute> Attributes(archive_entry& source, TarHeaders& headers,
                                          Warnings& warnings) {
  std::vector<ExtendedAttribute> attributes;
  // The last record of a keyword counts (POSIX pax).
  for (auto& given : headers.attributes) {
    std::erase_if(attributes, [&](const ExtendedAttribute& a) { return a.name == given.name; });
    attributes.push_back(std::move(given));
  }
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  archive_entry_xattr_reset(&source);
  while (archive_entry_xattr_next(&source, &name, &value, &size) == ARCHIVE_OK) {
    const std::string_view given = TextOf(name);
    const auto& keywords = headers.attribute_keywords;
    const bool undecoded = std::find(keywords.begin(), keywords.end(), given) != keywords.end();
    if (given.empty() || undecoded || Has(attributes, given)) continue;
    attributes.push_back(
        {std::string(given),
         size == 0 ? std::string() : std::string(static_cast<const char*>(value), size)});
  }
  AddAcls(source, attributes, warnings);
  std::sort(attributes.begin(), attributes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return attributes;
}

std::string LinkTarget(archive_entry& source, EntryType type, TarHeaders& headers) {
  if (type != EntryType::kSymlink && type != EntryType::kHardLink) return {};
  if (headers.link_target) return std::move(*headers.link_target);
  return std::string(TextOf(type == EntryType::kSymlink ? archive_entry_symlink(&source)
                                                        : archive_entry_hardlink(&source)));
}

Timestamp MtimeOf(archive_entry& source, const TarHeaders& headers) {
  if (headers.mtime) return *headers.mtime;
  return {static_cast<int64_t>(archive_entry_mtime(&source)),
          static_cast<uint32_t>(archive_entry_mtime_nsec(&source))};
}

void WarnOfType(char type, Warnings& warnings) {
  constexpr std::string_view kKnown = "01234567DSMN";
  if (kKnown.find(type) != std::string_view::npos) return;
  warnings.push_back(fmt::format("its type, {:#04x}, is unknown; taken for a file",
                                 static_cast<unsigned char>(type)));
}

}  // namespace

std::optional<TarEntry> MakeTarEntry(archive_entry& source, TarHeaders&& headers,
                                     std::vector<std::string>& warnings) {
  TarEntry entry;
  entry.path = headers.path ? std::move(*headers.path)
                            : std::string(TextOf(archive_entry_pathname(&source)));
  if (entry.path.empty()) {
    warnings.emplace_back("it has no name; left out");
    return std::nullopt;
  }
  const auto type = TypeOf(source, entry.path);
  if (!type) {
    warnings.push_back(
        fmt::format("it is of type '{}', which no tree can hold; left out", headers.type));
    return std::nullopt;
  }
  WarnOfType(headers.type, warnings);
  entry.type = *type;
  entry.link_target = LinkTarget(source, *type, headers);
  const bool is_link = *type == EntryType::kSymlink || *type == EntryType::kHardLink;
  if (is_link && entry.link_target.empty()) {
    warnings.emplace_back("it is a link to nothing; left out");
    return std::nullopt;
  }
  entry.mode = headers.mode;
  entry.uid = IdOf(archive_entry_uid(&source), "its owner", warnings);
  entry.gid = IdOf(archive_entry_gid(&source), "its group", warnings);
  entry.mtime = MtimeOf(source, headers);
  if (*type == EntryType::kFile || *type == EntryType::kHardLink) {
    entry.size = static_cast<uint64_t>(std::max<int64_t>(0, archive_entry_size(&source)));
  }
  if (*type == EntryType::kCharacterDevice || *type == EntryType::kBlockDevice) {
    entry.device_major = static_cast<uint32_t>(archive_entry_rdevmajor(&source));
    entry.device_minor = static_cast<uint32_t>(archive_entry_rdevminor(&source));
  }
  entry.attributes = Attributes(source, headers, warnings);
  return entry;
}

}  // namespace orcio
