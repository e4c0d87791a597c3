#include "index/tar/tar_entry_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <utility>

#include "base/text/safe_text.h"
#include "index/entry/acl_text.h"
#include "index/entry/posix_acl.h"

namespace orcio::inline index {
namespace {

// Whom the kernel shows if an id does not fit: overflowuid, overflowgid.
constexpr uint32_t kNobody = 65534;
constexpr std::string_view kAccessAcl = "system.posix_acl_access";
constexpr std::string_view kDefaultAcl = "system.posix_acl_default";

using Warnings = std::vector<std::string>;
using Attributes = std::map<std::string, std::string>;

uint32_t IdOf(int64_t id, std::string_view what, Warnings& warnings) {
  // 2^32 - 1 is chown(2)'s "leave it".
  if (id >= 0 && id < std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(id);
  warnings.push_back(
      fmt::format("{} {} is no number Linux knows; taken for {}", what, id, kNobody));
  return kNobody;
}

std::string PathOf(TarHeaders& headers) {
  // GNU tar puts a made-up name into "path" for readers that do not know its sparse files.
  if (headers.pax.sparse_name) return std::move(*headers.pax.sparse_name);
  if (headers.pax.path) return *headers.pax.path;
  if (headers.long_name) return std::move(*headers.long_name);
  return headers.block.Name();
}

std::string LinkTargetOf(TarHeaders& headers) {
  if (headers.pax.link_target) return *headers.pax.link_target;
  if (headers.long_target) return std::move(*headers.long_target);
  return headers.block.LinkTarget();
}

EntryType TypeOf(char type, std::string_view path, Warnings& warnings) {
  switch (type) {
    case '1':
      return EntryType::kHardLink;
    case '2':
      return EntryType::kSymlink;
    case '3':
      return EntryType::kCharacterDevice;
    case '4':
      return EntryType::kBlockDevice;
    case '5':
    case 'D':  // GNU's incremental dumps: the content is a list of what is in it
      return EntryType::kDirectory;
    case '6':
      return EntryType::kFifo;
    case '0':
    case '7':
    case '\0':
      // Tars older than POSIX have no type for directories, only this slash.
      return path.ends_with('/') ? EntryType::kDirectory : EntryType::kFile;
    case 'S':
    case 'M':
      return EntryType::kFile;
    default:
      warnings.push_back(fmt::format("its type, {:#04x}, is unknown; taken for a file",
                                     static_cast<unsigned char>(type)));
      return path.ends_with('/') ? EntryType::kDirectory : EntryType::kFile;
  }
}

// Solaris has an octal number with the kind of ACL and the count of its entries, a NUL, and the
// words.
void ReadSolarisAcl(std::string_view text, AclTexts& acls, bool& nfs4) {
  constexpr int64_t kKinds = ~int64_t{0777777};
  constexpr int64_t kPosix = 01000000;
  constexpr int64_t kNfs4 = 03000000;
  const size_t end = std::min(text.find('\0'), text.size());
  const int64_t kind = ParseTarNumber(text.substr(0, end)).value_or(0) & kKinds;
  if (kind == kNfs4) nfs4 = true;
  if (kind == kPosix) ParseAclText(text.substr(std::min(end + 1, text.size())), false, acls);
}

// Setting an ACL sets the mode, too, whatever the header says.
void TakePermissions(const Attributes& attributes, const std::vector<AclEntry>& in_words,
                     TarEntry& entry) {
  if (entry.type == EntryType::kSymlink) return;  // which has none
  const auto raw = attributes.find(std::string(kAccessAcl));
  const auto acl = raw == attributes.end() ? in_words : DecodePosixAcl(raw->second);
  const auto permissions = acl ? PermissionsOfAcl(*acl) : std::nullopt;
  if (permissions) entry.mode = (entry.mode & 07000) | *permissions;
}

void AddAcls(const TarHeaders& headers, Attributes& attributes, TarEntry& entry,
             Warnings& warnings) {
  AclTexts acls;
  bool nfs4 = headers.pax.has_nfs4_acl;
  if (headers.solaris_acl) ReadSolarisAcl(*headers.solaris_acl, acls, nfs4);
  if (headers.pax.access_acl) ParseAclText(*headers.pax.access_acl, false, acls);
  if (headers.pax.default_acl) ParseAclText(*headers.pax.default_acl, true, acls);
  if (nfs4) warnings.emplace_back("its NFSv4 ACL is left out: Linux file systems have none");
  // If the tar has the kernel's own form too, that one is exact.
  const auto add = [&](std::string_view name, std::vector<AclEntry>&& entries, bool is_default) {
    if (attributes.count(std::string(name)) > 0) return false;
    std::string value = EncodePosixAcl(std::move(entries), is_default);
    if (!value.empty()) attributes.emplace(name, std::move(value));
    return true;
  };
  TakePermissions(attributes, acls.access, entry);
  bool told = add(kAccessAcl, std::move(acls.access), false);
  told = add(kDefaultAcl, std::move(acls.defaults), true) && told;
  if (!told) return;
  for (const std::string& name : acls.unknown) {
    warnings.push_back(
        fmt::format("its ACL grants something to {} by name only; left out", SafeText(name)));
  }
}

// Its extended attributes, and what an ACL makes of its mode.
void TakeAttributes(TarHeaders& headers, TarEntry& entry, Warnings& warnings) {
  Attributes attributes = PaxAttributes(headers.pax);
  AddAcls(headers, attributes, entry, warnings);
  entry.attributes.reserve(attributes.size());
  for (auto& [name, value] : attributes) entry.attributes.push_back({name, std::move(value)});
}

// Why a tree cannot hold it; empty if it can.
std::string WhyLeftOut(const TarEntry& entry, const TarHeaders& headers) {
  // The content of a file that began on another volume is a piece from its middle.
  if (headers.block.type() == 'M' ||
      (headers.pax.volume_offset > 0 && headers.pax.volume_file == entry.path)) {
    return "it goes on with a file of another volume, of which GNU tar makes many in one (-M); "
           "left out";
  }
  const bool is_link = entry.type == EntryType::kSymlink || entry.type == EntryType::kHardLink;
  if (is_link && entry.link_target.empty()) return "it is a link to nothing; left out";
  return {};
}

}  // namespace

std::optional<TarEntry> MakeTarEntry(TarHeaders& headers, std::vector<std::string>& warnings) {
  const TarBlock& block = headers.block;
  TarEntry entry;
  entry.path = PathOf(headers);
  if (entry.path.empty()) {
    // GNU tar takes it for ".", which no file can replace.
    if (block.type() != '5') {
      warnings.emplace_back("it has no name; left out");
      return std::nullopt;
    }
    entry.path = ".";
  }
  entry.type = TypeOf(block.type(), entry.path, warnings);
  if (entry.type == EntryType::kSymlink || entry.type == EntryType::kHardLink)
    entry.link_target = LinkTargetOf(headers);
  if (std::string why = WhyLeftOut(entry, headers); !why.empty()) {
    warnings.push_back(std::move(why));
    return std::nullopt;
  }
  if (!block.Mode()) warnings.emplace_back("its mode is no number; taken for 0");
  entry.mode = block.Mode().value_or(0);
  entry.uid = IdOf(headers.pax.uid.value_or(block.Uid()), "its owner", warnings);
  entry.gid = IdOf(headers.pax.gid.value_or(block.Gid()), "its group", warnings);
  if (!headers.pax.mtime && !block.Mtime())
    warnings.emplace_back("its time is no number; taken for 1970");
  entry.mtime = headers.pax.mtime.value_or(Timestamp{block.Mtime().value_or(0), 0});
  const bool is_device =
      entry.type == EntryType::kCharacterDevice || entry.type == EntryType::kBlockDevice;
  if (is_device && block.dialect() != TarDialect::kV7) {
    entry.device_major =
        static_cast<uint32_t>(headers.pax.device_major.value_or(block.DeviceMajor()));
    entry.device_minor =
        static_cast<uint32_t>(headers.pax.device_minor.value_or(block.DeviceMinor()));
  }
  TakeAttributes(headers, entry, warnings);
  return entry;
}

}  // namespace orcio::inline index
