#include "index/sidecar/write/archive_tree.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "index/entry/tar_path.h"

namespace orcio {
namespace {

namespace format = sidecar_format;

constexpr uint32_t kRootName = 0;

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
  uint64_t end = 0;
  for (const Extent& extent : entry.extents) {
    auto extent_end = CheckedAdd(extent.file_offset, extent.length);
    if (extent.file_offset < end || !extent_end || *extent_end > entry.size ||
        !CheckedAdd(extent.tar_offset, extent.length)) {
      return Fail(ErrorKind::kInvalid, "{}: entry at tar offset {} has impossible extents",
                  Shortened(entry.path), entry.header_offset);
    }
    end = *extent_end;
  }
  return {};
}

// Why no tree can have such an entry; empty where one can.
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
    : memory_(memory),
      max_nodes_(max_nodes),
      names_(memory),
      contents_(memory),
      oddities_(memory),
      extents_(memory),
      digests_(memory),
      texts_(memory),
      attribute_sets_(memory),
      directories_(memory) {
  contents_.Append({.mode = 0755,
                    .type = static_cast<uint8_t>(EntryType::kDirectory),
                    .flags = format::kImplied});
}

Result<void> ArchiveTree::Add(TarEntry&& entry) {
  memory_.Trim();
  ORCIO_TRY(CheckNumbers(entry));
  if (entry_count_ >= kMaxNodes) return FullOf(entry);
  if (!entry.complete) any_incomplete_ = true;
  if (++entry_count_ == 1) SetTime(contents_[0], entry.mtime);
  std::string_view path = InsideTree(entry.path);
  if (auto why = WhyImpossible(entry, path); !why.empty()) {
    Warn(entry, why);
    return {};
  }
  size_t depth = CountComponents(path);
  if (contents_.size() + depth > kMaxNodes || !names_.HasRoom(depth, path.size(), max_nodes_))
    return FullOf(entry);
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
  if (plain && parent == last_directory_path_ && IsDirectory(last_directory_))
    return Target{last_directory_, last};

  const bool through_last = entry.type == EntryType::kDirectory && EndsInDot(path);
  Target target{kRootName, NextComponent(path)};
  Symlinks symlinks;
  for (auto next = NextComponent(path); !next.empty() || (through_last && !target.name.empty());
       next = NextComponent(path)) {
    auto found = names_.Find(target.directory, target.name);
    if (!found || IsDirectory(*found)) {
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

uint32_t ArchiveTree::AddImplied(const Target& target, Timestamp mtime) {
  TreeContent content{
      .mode = 0755, .type = static_cast<uint8_t>(EntryType::kDirectory), .flags = format::kImplied};
  SetTime(content, mtime);
  return AddName(target, AddContent(content), true);
}

std::optional<uint32_t> ArchiveTree::Follow(uint32_t directory, uint32_t name,
                                            Symlinks& symlinks) const {
  std::vector<std::string_view> left;  // to be walked, the innermost symlink's last
  for (uint32_t at = name;;) {
    if (IsDirectory(at)) {
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
    const auto found = names_.Find(directory, next);
    if (!found) return std::nullopt;
    at = *found;
  }
}

std::string_view ArchiveTree::TargetToFollow(uint32_t name) const {
  const TreeContent& content = contents_[names_[name].content];
  if (content.type != static_cast<uint8_t>(EntryType::kSymlink)) return {};
  const std::string_view target = LinkTarget(content);
  if (target.size() > kMaxTargetBytes || target.starts_with('/')) return {};
  return InsideTree(target).size() == target.size() ? target : std::string_view();
}

std::optional<uint32_t> ArchiveTree::FindPath(std::string_view path) const {
  path = InsideTree(path);
  uint32_t at = kRootName;
  uint32_t above = kRootName;
  Symlinks symlinks;
  for (auto name = NextComponent(path); !name.empty(); name = NextComponent(path)) {
    if (!IsDirectory(at)) {
      const auto led_to = Follow(above, at, symlinks);
      if (!led_to) return std::nullopt;
      at = *led_to;
    }
    const auto found = names_.Find(at, name);
    if (!found) return std::nullopt;
    above = std::exchange(at, *found);
  }
  return at;
}

void ArchiveTree::PutHardLink(const TarEntry& entry, const Target& target) {
  auto linked = FindPath(entry.link_target);
  auto name = FindTarget(target);
  if (linked && linked == name) return;  // a directory, too
  if (!linked || IsDirectory(*linked)) {
    Warn(entry, linked ? "is a hard link to a directory"
                       : "is a hard link to something that is not there");
    return;
  }
  if (name && !IsFree(entry, *name)) return;
  uint32_t content = names_[*linked].content;
  if (name && names_[*name].content == content) return;
  ++contents_[content].links;
  if (name) {
    --ContentOf(*name).links;
    names_[*name].content = content;
    names_[*name].first = false;
  } else {
    AddName(target, content, false);
  }
}

Result<void> ArchiveTree::Put(const TarEntry& entry, const Target& target) {
  auto name = FindTarget(target);
  bool merge = name && entry.type == EntryType::kDirectory && IsDirectory(*name);
  if (name && !merge && !IsFree(entry, *name)) return {};
  TreeContent content = ORCIO_TRY(MakeContent(entry));
  if (!name) {
    AddName(target, AddContent(content), true);
  } else if (merge) {
    content.size = ContentOf(*name).size;
    ContentOf(*name) = content;
  } else {
    Replace(*name, content);
  }
  return {};
}

std::optional<uint32_t> ArchiveTree::FindTarget(const Target& target) const {
  if (target.name.empty()) return target.directory;
  return names_.Find(target.directory, target.name);
}

bool ArchiveTree::IsFree(const TarEntry& entry, uint32_t name) {
  if (!IsDirectory(name)) return true;
  if (name != kRootName && ContentOf(name).size == 0) return true;
  Warn(entry, "is not a directory, but one that is not empty is there already");
  return false;
}

void ArchiveTree::Replace(uint32_t name, const TreeContent& content) {
  TreeContent& old = ContentOf(name);
  if (old.links == 1) {
    old = content;
  } else {
    --old.links;
    names_[name].content = AddContent(content);
  }
  names_[name].first = true;
}

uint32_t ArchiveTree::AddName(const Target& target, uint32_t content, bool first) {
  uint32_t name = names_.Add(target.directory, target.name);
  names_[name].content = content;
  names_[name].first = first;
  ++ContentOf(target.directory).size;
  return name;
}

uint32_t ArchiveTree::AddContent(const TreeContent& content) {
  contents_.Append(content);
  return static_cast<uint32_t>(contents_.size() - 1);
}

Result<TreeContent> ArchiveTree::MakeContent(const TarEntry& entry) {
  TreeContent content{.place = entry.data_offset / format::kTarBlockBytes,
                      .uid = entry.uid,
                      .gid = entry.gid,
                      .mode = static_cast<uint16_t>(entry.mode & 07777),
                      .type = static_cast<uint8_t>(entry.type)};
  uint64_t headers = (entry.data_offset - entry.header_offset) / format::kTarBlockBytes;
  content.place |= std::min(headers, format::kHeaderBlocksInExtra) << format::kPlaceBlockBits;
  if (headers >= format::kHeaderBlocksInExtra) OdditiesOf(content).header_blocks = headers;
  SetTime(content, entry.mtime);
  content.attributes = ORCIO_TRY(KeepAttributes(entry));
  if (content.attributes != 0) content.flags |= format::kHasXattrs;
  if (!entry.complete) content.flags |= format::kIncomplete;
  switch (entry.type) {
    case EntryType::kFile:
      KeepFile(entry, content);
      break;
    case EntryType::kSymlink:
      content.size = texts_.Add(entry.link_target) << 16 | entry.link_target.size();
      break;
    case EntryType::kCharacterDevice:
    case EntryType::kBlockDevice:
      content.size = uint64_t{entry.device_major} << 32 | entry.device_minor;
      break;
    default:
      break;
  }
  return content;
}

void ArchiveTree::KeepFile(const TarEntry& entry, TreeContent& content) {
  content.size = entry.size;
  if (entry.digest) {
    digests_.Append(*entry.digest);
    content.digest = static_cast<uint32_t>(digests_.size());
  } else {
    content.flags |= format::kNoDigest;
  }
  if (IsWholeContent(entry)) return;
  content.flags |= format::kSparse;
  TreeOddities& oddities = OdditiesOf(content);
  oddities.first_extent = extents_.size();
  for (const Extent& extent : entry.extents) {
    if (extent.length != 0) extents_.Append(extent);
  }
  oddities.extent_count = extents_.size() - oddities.first_extent;
}

void ArchiveTree::SetTime(TreeContent& content, Timestamp mtime) {
  if (__builtin_mul_overflow(mtime.seconds, kNanosecondsASecond, &content.mtime_ns) ||
      __builtin_add_overflow(content.mtime_ns, mtime.nanoseconds, &content.mtime_ns) ||
      content.mtime_ns == format::kMtimeInExtra) {
    content.mtime_ns = format::kMtimeInExtra;
    OdditiesOf(content).mtime = mtime;
  }
}

Result<uint32_t> ArchiveTree::KeepAttributes(const TarEntry& entry) {
  if (entry.attributes.empty()) return 0;
  const std::string set = Serialise(entry.attributes);
  if (set.size() > kMaxAttributeBytes - attribute_sets_.total_bytes()) {
    return Fail(ErrorKind::kLimit,
                "{}: the archive has more extended attributes than a sidecar holds",
                Shortened(entry.path));
  }
  return attribute_sets_.Intern(set) + 1;
}

TreeOddities& ArchiveTree::OdditiesOf(TreeContent& content) {
  if (content.oddities == 0) {
    oddities_.Append({});
    content.oddities = static_cast<uint32_t>(oddities_.size());
  }
  return oddities_[content.oddities - 1];
}

const TreeOddities* ArchiveTree::Oddities(const TreeContent& content) const {
  return content.oddities == 0 ? nullptr : &oddities_[content.oddities - 1];
}

const Sha256Digest* ArchiveTree::Digest(const TreeContent& content) const {
  return content.digest == 0 ? nullptr : &digests_[content.digest - 1];
}

bool ArchiveTree::IsDirectory(uint32_t name) const {
  return contents_[names_[name].content].type == static_cast<uint8_t>(EntryType::kDirectory);
}

void ArchiveTree::Warn(const TarEntry& entry, std::string_view what) {
  ++warning_count_;
  if (warnings_.size() < kMaxWarnings)
    warnings_.push_back(fmt::format("{}: {}; left out", Shortened(entry.path), what));
}

void ArchiveTree::ForgetDigests(uint64_t tar_begin, uint64_t tar_end) {
  constexpr uint64_t kOffsetMask = (uint64_t{1} << format::kPlaceBlockBits) - 1;
  for (uint32_t i = 0; i < contents_.size(); ++i) {
    TreeContent& content = contents_[i];
    // A sparse file takes less of the tar than its size: better one digest too few.
    const uint64_t begin = (content.place & kOffsetMask) * format::kTarBlockBytes;
    if (content.digest == 0 || begin >= tar_end || begin + content.size <= tar_begin) continue;
    content.digest = 0;
    content.flags |= format::kNoDigest;
  }
}

void ArchiveTree::Arrange() {
  NumberNodes();
  ChoosePrimaries();
}

// Breadth first, the names of each directory in the order of their bytes.
void ArchiveTree::NumberNodes() {
  order_ = ScratchArray<uint32_t>(memory_, names_.size());
  order_[0] = kRootName;
  uint32_t* end = order_.begin() + 1;
  for (uint32_t node = 0; node < end - order_.begin(); ++node) {
    memory_.Trim();
    const uint32_t name = order_[node];
    if (!IsDirectory(name)) continue;
    uint32_t* const first = end;
    end = names_.CopyChildren(name, end);
    std::sort(first, end, [&](uint32_t a, uint32_t b) {
      memory_.Trim();
      return names_.Text(a) < names_.Text(b);
    });
    const auto subdirectories = std::count_if(first, end, [&](uint32_t child) {
      memory_.Trim();
      return IsDirectory(child);
    });
    directories_.Append({.node = node,
                         .first_child = static_cast<uint32_t>(first - order_.begin()),
                         .child_count = static_cast<uint32_t>(end - first),
                         .links = static_cast<uint32_t>(2 + subdirectories)});
  }
}

// The name first archived, or the lowest node where that name came to stand for something else.
void ArchiveTree::ChoosePrimaries() {
  constexpr uint32_t kUnset = 0;  // no content but the root's has node 0
  for (uint32_t node = 0; node < order_.size(); ++node) {
    memory_.Trim();
    const TreeName& name = names_[order_[node]];
    TreeContent& content = contents_[name.content];
    if (name.first || content.primary == kUnset) content.primary = node;
  }
}

}  // namespace orcio
