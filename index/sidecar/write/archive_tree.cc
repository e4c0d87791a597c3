#include "index/sidecar/write/archive_tree.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "index/entry/extent_check.h"
#include "index/entry/tar_path.h"
#include "index/sidecar/sidecar_format.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

// For people: a tar can have paths of a megabyte.
std::string_view Shortened(std::string_view path) {
  return path.substr(0, 200);
}

Failure FullOf(const TarEntry& entry) {
  return Fail(ErrorKind::kLimit, "{}: the archive has more names than a sidecar holds",
              Shortened(entry.path));
}

// What only a mistake of the scanner could bring: the sidecar has no room for it.
Result<void> CheckNumbers(const TarEntry& entry) {
  bool aligned = entry.header_offset % format::kTarBlockBytes == 0 &&
                 entry.data_offset % format::kTarBlockBytes == 0;
  if (!aligned || entry.data_offset < entry.header_offset ||
      entry.data_offset / format::kTarBlockBytes >> format::kPlaceBlockBits != 0 ||
      entry.mtime.nanoseconds >= kNanosecondsASecond) {
    return Fail(ErrorKind::kInvalid, "{}: entry at tar offset {} has impossible numbers",
                Shortened(entry.path), entry.header_offset);
  }
  // How long the tar gets is not known yet.
  if (ExtentsAreSound(entry.extents, entry.size, UINT64_MAX)) return {};
  return Fail(ErrorKind::kInvalid, "{}: entry at tar offset {} has impossible extents",
              Shortened(entry.path), entry.header_offset);
}

// Why no tree can have such an entry; empty if one can.
std::string_view WhyImpossible(const TarEntry& entry, std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return "has a NUL in its name";
  size_t depth = 0;
  for (auto name = NextComponent(path); !name.empty(); name = NextComponent(path)) {
    if (name.size() > TextArena::kMaxTextBytes) return "has too long a name";
    if (++depth > ArchiveTree::kMaxDepth) return "is too deep";
  }
  if (entry.type == EntryType::kSymlink) {
    if (entry.link_target.empty()) return "is a symlink to nowhere";
    if (entry.link_target.size() > TextArena::kMaxTextBytes)
      return "is a symlink to too long a path";
    if (entry.link_target.find('\0') != std::string::npos) return "has a NUL in its target";
  }
  return {};
}

size_t CountComponents(std::string_view path) {
  size_t count = 0;
  while (!NextComponent(path).empty()) ++count;
  return count;
}

// Whether a path stands for what its last name leads to: "s/.", "s/./".
bool EndsInDot(std::string_view path) {
  path = path.substr(0, path.find_last_not_of('/') + 1);
  return path == "." || path.ends_with("/.");
}

bool IsWholeContent(const TarEntry& entry) {
  if (entry.size == 0) return true;
  return entry.extents.size() == 1 && entry.extents[0] == Extent{0, entry.data_offset, entry.size};
}

// As XATT has a set.
std::string Serialise(const std::vector<ExtendedAttribute>& attributes) {
  std::vector<std::byte> sizes;
  std::string set;
  auto append = [&](size_t number) {
    sizes.clear();
    AppendLittleEndian(static_cast<uint32_t>(number), sizes);
    set.append(AsText(sizes));
  };
  append(attributes.size());
  for (const ExtendedAttribute& attribute : attributes) {
    append(attribute.name.size());
    append(attribute.value.size());
    set.append(attribute.name).append(attribute.value);
  }
  return set;
}

}  // namespace

ArchiveTree::ArchiveTree(ScratchMemory& memory, uint32_t max_nodes)
    : parts_(memory), max_nodes_(max_nodes) {}

Result<void> ArchiveTree::Add(TarEntry&& entry) {
  parts_.memory.Trim();
  ORCIO_TRY(CheckNumbers(entry));
  if (parts_.entry_count >= kMaxNodes) return FullOf(entry);
  if (!entry.complete) parts_.any_incomplete = true;
  if (++parts_.entry_count == 1) SetTime(parts_.ContentOf(kRootName), entry.mtime);
  std::string_view path = InsideTree(entry.path);
  if (auto why = WhyImpossible(entry, path); !why.empty()) {
    Warn(entry, why);
    return {};
  }
  size_t depth = CountComponents(path);
  if (parts_.contents.size() + depth > kMaxNodes ||
      !parts_.names.HasRoom(depth, path.size(), max_nodes_)) {
    return FullOf(entry);
  }
  auto target = MakeWay(entry, path);
  if (!target) return {};
  if (entry.type == EntryType::kHardLink) {
    PutHardLink(entry, *target);
    return {};
  }
  return Put(entry, *target);
}

std::optional<ArchiveTree::Target> ArchiveTree::MakeWay(const TarEntry& entry,
                                                        std::string_view path) {
  // Neighbours in a tar mostly share their directory.
  size_t slash = path.rfind('/');
  std::string_view parent = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  std::string_view last = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  bool plain = !last.empty() && last != ".";
  if (plain && parent == last_directory_path_ && parts_.IsDirectory(last_directory_))
    return Target{last_directory_, last};

  const bool through_last = entry.type == EntryType::kDirectory && EndsInDot(path);
  Target target{kRootName, NextComponent(path)};
  Symlinks symlinks;
  for (auto next = NextComponent(path); !next.empty() || (through_last && !target.name.empty());
       next = NextComponent(path)) {
    auto found = parts_.names.Find(target.directory, target.name);
    if (!found || parts_.IsDirectory(*found)) {
      ++symlinks.depth;
    } else {
      plain = false;  // a symlink may lead elsewhere when the next entry comes
      found = Follow(target.directory, *found, symlinks);
      if (!found) {
        Warn(entry, "is below something that is not a directory");
        return std::nullopt;
      }
    }
    if (symlinks.depth >= kMaxDepth && !next.empty()) {
      Warn(entry, "is too deep");
      return std::nullopt;
    }
    target = {found ? *found : AddImplied(target, entry.mtime), next};
  }
  if (plain) {
    last_directory_path_ = parent;
    last_directory_ = target.directory;
  }
  return target;
}

NameId ArchiveTree::AddImplied(const Target& target, Timestamp mtime) {
  TreeContent content = TreeContent::ImpliedDirectory();
  SetTime(content, mtime);
  return AddName(target, AddContent(content), true);
}

std::optional<NameId> ArchiveTree::Follow(NameId directory, NameId name, Symlinks& symlinks) const {
  std::vector<std::string_view> left;  // to be walked, the innermost symlink's last
  for (NameId at = name;;) {
    if (parts_.IsDirectory(at)) {
      directory = at;
      ++symlinks.depth;
    } else {
      left.push_back(TargetToFollow(at));
      symlinks.target_bytes += left.back().size();
      if (left.back().empty() || ++symlinks.count > kMaxSymlinks ||
          symlinks.target_bytes > kMaxTargetBytes) {
        return std::nullopt;
      }
    }
    std::string_view next;
    while (!left.empty() && (next = NextComponent(left.back())).empty()) left.pop_back();
    if (next.empty()) return directory;
    const auto found = parts_.names.Find(directory, next);
    if (!found) return std::nullopt;
    at = *found;
  }
}

std::string_view ArchiveTree::TargetToFollow(NameId name) const {
  const TreeContent& content = parts_.ContentOf(name);
  if (!content.Is(EntryType::kSymlink)) return {};
  const std::string_view target = parts_.LinkTarget(content);
  if (target.size() > kMaxTargetBytes || target.starts_with('/')) return {};
  return InsideTree(target).size() == target.size() ? target : std::string_view();
}

std::optional<NameId> ArchiveTree::FindPath(std::string_view path) const {
  path = InsideTree(path);
  NameId at = kRootName;
  NameId above = kRootName;
  Symlinks symlinks;
  for (auto name = NextComponent(path); !name.empty(); name = NextComponent(path)) {
    if (!parts_.IsDirectory(at)) {
      const auto led_to = Follow(above, at, symlinks);
      if (!led_to) return std::nullopt;
      at = *led_to;
    }
    const auto found = parts_.names.Find(at, name);
    if (!found) return std::nullopt;
    above = std::exchange(at, *found);
  }
  return at;
}

void ArchiveTree::PutHardLink(const TarEntry& entry, const Target& target) {
  auto linked = FindPath(entry.link_target);
  auto name = FindTarget(target);
  if (linked && linked == name) return;  // a directory, too
  if (!linked || parts_.IsDirectory(*linked)) {
    Warn(entry, linked ? "is a hard link to a directory"
                       : "is a hard link to something that is not there");
    return;
  }
  if (name && !IsFree(entry, *name)) return;
  const ContentId content = parts_.names[*linked].content;
  if (name && parts_.names[*name].content == content) return;
  ++parts_.At(content).links;
  if (name) {
    --parts_.ContentOf(*name).links;
    parts_.names[*name].content = content;
    parts_.names[*name].first = false;
  } else {
    AddName(target, content, false);
  }
}

Result<void> ArchiveTree::Put(const TarEntry& entry, const Target& target) {
  auto name = FindTarget(target);
  bool merge = name && entry.type == EntryType::kDirectory && parts_.IsDirectory(*name);
  if (name && !merge && !IsFree(entry, *name)) return {};
  TreeContent content = ORCIO_TRY(MakeContent(entry));
  if (!name) {
    AddName(target, AddContent(content), true);
  } else if (merge) {
    content.SetChildren(parts_.ContentOf(*name).Children());
    parts_.ContentOf(*name) = content;
  } else {
    Replace(*name, content);
  }
  return {};
}

std::optional<NameId> ArchiveTree::FindTarget(const Target& target) const {
  if (target.name.empty()) return target.directory;
  return parts_.names.Find(target.directory, target.name);
}

bool ArchiveTree::IsFree(const TarEntry& entry, NameId name) {
  if (!parts_.IsDirectory(name)) return true;
  if (name != kRootName && parts_.ContentOf(name).Children() == 0) return true;
  Warn(entry, "is not a directory, but one that is not empty is there already");
  return false;
}

void ArchiveTree::Replace(NameId name, const TreeContent& content) {
  TreeContent& old = parts_.ContentOf(name);
  if (old.links == 1) {
    old = content;
  } else {
    --old.links;
    parts_.names[name].content = AddContent(content);
  }
  parts_.names[name].first = true;
}

NameId ArchiveTree::AddName(const Target& target, ContentId content, bool first) {
  const NameId name = parts_.names.Add(target.directory, target.name);
  parts_.names[name].content = content;
  parts_.names[name].first = first;
  TreeContent& directory = parts_.ContentOf(target.directory);
  directory.SetChildren(directory.Children() + 1);
  return name;
}

ContentId ArchiveTree::AddContent(const TreeContent& content) {
  parts_.contents.Append(content);
  return ContentId{static_cast<uint32_t>(parts_.contents.size() - 1)};
}

Result<TreeContent> ArchiveTree::MakeContent(const TarEntry& entry) {
  TreeContent content(entry.type);
  content.place = entry.data_offset / format::kTarBlockBytes;
  content.uid = entry.uid;
  content.gid = entry.gid;
  content.mode = static_cast<uint16_t>(entry.mode & 07777);
  uint64_t headers = (entry.data_offset - entry.header_offset) / format::kTarBlockBytes;
  content.place |= std::min(headers, format::kHeaderBlocksInExtra) << format::kPlaceBlockBits;
  if (headers >= format::kHeaderBlocksInExtra) RareFieldsOf(content).header_blocks = headers;
  SetTime(content, entry.mtime);
  content.attributes = ORCIO_TRY(KeepAttributes(entry));
  if (content.attributes != 0) content.flags |= format::kHasXattrs;
  if (!entry.complete) content.flags |= format::kIncomplete;
  switch (entry.type) {
    case EntryType::kFile:
      KeepFile(entry, content);
      break;
    case EntryType::kSymlink:
      content.SetTarget(parts_.texts.Add(entry.link_target), entry.link_target.size());
      break;
    case EntryType::kCharacterDevice:
    case EntryType::kBlockDevice:
      content.SetDevice(entry.device_major, entry.device_minor);
      break;
    default:
      break;
  }
  return content;
}

void ArchiveTree::KeepFile(const TarEntry& entry, TreeContent& content) {
  content.SetFileBytes(entry.size);
  if (entry.digest) {
    parts_.digests.Append(*entry.digest);
    content.digest = static_cast<uint32_t>(parts_.digests.size());
  } else {
    content.flags |= format::kNoDigest;
  }
  if (IsWholeContent(entry)) return;
  content.flags |= format::kSparse;
  RareFields& rare = RareFieldsOf(content);
  rare.first_extent = parts_.extents.size();
  for (const Extent& extent : entry.extents) {
    if (extent.length != 0) parts_.extents.Append(extent);
  }
  rare.extent_count = parts_.extents.size() - rare.first_extent;
}

void ArchiveTree::SetTime(TreeContent& content, Timestamp mtime) {
  if (__builtin_mul_overflow(mtime.seconds, kNanosecondsASecond, &content.mtime_ns) ||
      __builtin_add_overflow(content.mtime_ns, mtime.nanoseconds, &content.mtime_ns) ||
      content.mtime_ns == format::kMtimeInExtra) {
    content.mtime_ns = format::kMtimeInExtra;
    RareFieldsOf(content).mtime = mtime;
  }
}

Result<uint32_t> ArchiveTree::KeepAttributes(const TarEntry& entry) {
  if (entry.attributes.empty()) return 0;
  const std::string set = Serialise(entry.attributes);
  if (set.size() > kMaxAttributeBytes - parts_.attribute_sets.total_bytes()) {
    return Fail(ErrorKind::kLimit,
                "{}: the archive has more extended attributes than a sidecar holds",
                Shortened(entry.path));
  }
  return parts_.attribute_sets.Intern(set) + 1;
}

RareFields& ArchiveTree::RareFieldsOf(TreeContent& content) {
  if (content.rare_fields == 0) {
    parts_.rare_fields.Append({});
    content.rare_fields = static_cast<uint32_t>(parts_.rare_fields.size());
  }
  return parts_.rare_fields[content.rare_fields - 1];
}

void ArchiveTree::Warn(const TarEntry& entry, std::string_view what) {
  ++parts_.warning_count;
  if (parts_.warnings.size() < kMaxWarnings)
    parts_.warnings.push_back(fmt::format("{}: {}; left out", Shortened(entry.path), what));
}

void ArchiveTree::ForgetDigests(uint64_t tar_begin, uint64_t tar_end) {
  constexpr uint64_t kOffsetMask = (uint64_t{1} << format::kPlaceBlockBits) - 1;
  for (uint32_t i = 0; i < parts_.contents.size(); ++i) {
    TreeContent& content = parts_.contents[i];
    // A sparse file takes less of the tar than its size: better one digest too few.
    const uint64_t begin = (content.place & kOffsetMask) * format::kTarBlockBytes;
    if (content.digest == 0 || begin >= tar_end || begin + content.FileBytes() <= tar_begin)
      continue;
    content.digest = 0;
    content.flags |= format::kNoDigest;
  }
}

ArrangedTree ArchiveTree::Arrange() && {
  return ArrangedTree(std::move(parts_));
}

}  // namespace orcio::inline index
