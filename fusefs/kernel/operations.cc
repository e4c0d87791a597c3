#include "fusefs/kernel/operations.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "fusefs/kernel/kernel_attributes.h"
#include "fusefs/kernel/request.h"

namespace orcio::inline fusefs {
namespace {

using NodeAttributes = Namespace::Attributes;

// FUSE_NAME_MAX of kernels before 6.14: they fail a whole directory for one longer name in it.
constexpr size_t kMaxNameBytes = 1024;

const Namespace::File& FileOf(const fuse_file_info& info) {
  return *std::bit_cast<const Namespace::File*>(info.fh);
}

void Init(void* data, fuse_conn_info* connection) {
  auto& context = *static_cast<MountContext*>(data);
  const auto want = [&](unsigned capability) {
    connection->want |= connection->capable & capability;
  };
  // Not FUSE_CAP_CACHE_SYMLINKS: where `latest` leads is not the same for all who ask.
  want(FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS);
  if ((connection->capable & FUSE_CAP_PARALLEL_DIROPS) != 0) context.parallel_directories.Want();
  want(FUSE_CAP_READDIRPLUS);
  // By which the kernel asks for attributes with a directory's first entries alone, and looks the
  // others up one by one.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS_AUTO);
  // For the times of change of directories that may have been listed, see OpenDirectory.
  want(FUSE_CAP_AUTO_INVAL_DATA);
  context.no_opendir = (connection->capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0 &&
                       (connection->capable & FUSE_CAP_AUTO_INVAL_DATA) != 0;
  // For NFS servers, which hold on to inode numbers: they are looked up as "." of themselves.
  want(FUSE_CAP_EXPORT_SUPPORT);
  // Makes the kernel check ACLs, and modes with them, so not if it should check neither.
  if (context.default_permissions && !context.shown.umask) want(FUSE_CAP_POSIX_ACL);
  // Read-ahead requests under way at once; the kernel's own 12 leave cores idle.
  connection->max_background = 64;
  connection->congestion_threshold = 48;
}

void Lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Guarded(req, [&](Request& request) {
    const double timeout = IsAboveArchives(parent) ? kShortly : kForever;
    const auto found = request.context().tree.Lookup(parent, name, request.Interrupted());
    if (!found) return request.Fail(found.error());
    if (*found) return request.Entry(ToEntry(**found, request.context().shown, timeout));
    fuse_entry_param nothing{};
    // Not for a moment above the archives: `latest` may point there the next.
    nothing.entry_timeout = IsAboveArchives(parent) ? 0 : kForever;
    request.Entry(nothing);
  });
}

void GetAttributes(fuse_req_t req, fuse_ino_t inode, fuse_file_info* /*info*/) {
  Guarded(req, [&](Request& request) {
    const auto node = request.context().tree.Stat(inode, request.Interrupted());
    if (!node) return request.Fail(node.error());
    request.Attributes(ToStat(*node, request.context().shown), TimeoutOf(*node));
  });
}

void ReadLink(fuse_req_t req, fuse_ino_t inode) {
  Guarded(req, [&](Request& request) {
    const auto target =
        request.context().tree.ReadLink(inode, request.Interrupted(), request.caller());
    if (!target) return request.Fail(target.error());
    request.Link(*target);
  });
}

void Open(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  Guarded(req, [&](Request& request) {
    if ((info->flags & O_ACCMODE) != O_RDONLY || (info->flags & O_TRUNC) != 0)
      return request.Fail(EROFS);
    MountContext& context = request.context();
    auto file = context.tree.OpenFile(inode, request.Interrupted(), request.caller());
    if (!file) return request.Fail(file.error());
    const Namespace::File* const opened = context.open_files.Add(std::move(*file));
    info->fh = std::bit_cast<uint64_t>(opened);
    info->keep_cache = 1;
    info->noflush = 1;
    if (!request.Opened(*info)) context.open_files.Remove(opened);
  });
}

void Release(fuse_req_t req, fuse_ino_t /*inode*/, fuse_file_info* info) {
  Guarded(req, [&](Request& request) {
    request.context().open_files.Remove(&FileOf(*info));
    request.Done();
  });
}

void Read(fuse_req_t req, fuse_ino_t /*inode*/, size_t size, off_t offset, fuse_file_info* info) {
  Guarded(req, [&](Request& request) {
    const auto slices =
        FileOf(*info).Read(static_cast<uint64_t>(offset), size, request.Interrupted());
    if (!slices) return request.Fail(slices.error());
    request.Content(*slices);
  });
}

void Seek(fuse_req_t req, fuse_ino_t /*inode*/, off_t offset, int whence, fuse_file_info* info) {
  Guarded(req, [&](Request& request) {
    if (whence != SEEK_DATA && whence != SEEK_HOLE) return request.Fail(EINVAL);
    if (offset < 0) return request.Fail(ENXIO);
    const auto from = static_cast<uint64_t>(offset);
    const auto& file = FileOf(*info);
    const auto found = whence == SEEK_DATA ? file.SeekData(from) : file.SeekHole(from);
    if (!found) return request.Fail(ENXIO);
    request.Position(*found);
  });
}

void OpenDirectory(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  Guarded(req, [&](Request& request) {
    // The kernel does without this from now on, and keeps what it has listed from one opendir(3)
    // to the next: for ever in archives, above them until the time of change is another.
    if (request.context().no_opendir) return request.Fail(ENOSYS);
    info->cache_readdir = info->keep_cache = IsAboveArchives(inode) ? 0 : 1;
    (void)request.Opened(*info);
  });
}

void ReleaseDirectory(fuse_req_t req, fuse_ino_t /*inode*/, fuse_file_info* /*info*/) {
  Guarded(req, [](Request& request) { request.Done(); });
}

// Fills a buffer of the kernel's with entries, each with its attributes if `plus` is set.
void ListInto(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, bool plus) {
  Guarded(req, [&](Request& request) {
    // Not a vector: it would write zeros first, in two calls of three for nothing.
    const auto buffer = std::make_unique_for_overwrite<char[]>(size);
    size_t used = 0;
    // Attributes of archives would not be kept for long, and mean opening each of them.
    const bool attributes = plus && !IsAboveArchives(inode);
    const ShownOwner& shown = request.context().shown;
    const auto add = [&](std::string_view name, const NodeAttributes& node, uint64_t next) {
      if (name.size() > kMaxNameBytes) return true;
      const std::string text(name);
      fuse_entry_param entry{};  // with ino 0: the kernel learns no more than inode and type
      if (attributes && name != "." && name != "..") entry = ToEntry(node, shown, kForever);
      entry.attr.st_ino = node.inode;
      entry.attr.st_mode |= TypeBits(node.type);
      char* const at = buffer.get() + used;
      const auto position = static_cast<off_t>(next);
      const size_t left = size - used;
      const size_t needed =
          plus ? fuse_add_direntry_plus(req, at, left, text.c_str(), &entry, position)
               : fuse_add_direntry(req, at, left, text.c_str(), &entry.attr, position);
      if (needed > left) return false;
      used += needed;
      return true;
    };
    const auto& tree = request.context().tree;
    const auto listed =
        tree.List(inode, static_cast<uint64_t>(offset), attributes, add, request.Interrupted());
    // Entries that came before the damage are good; the error comes with the next call.
    if (!listed && used == 0) return request.Fail(listed.error());
    request.Bytes(std::span(buffer.get(), used));
  });
}

void ReadDirectory(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset,
                   fuse_file_info* /*info*/) {
  ListInto(req, inode, size, offset, false);
}

void ReadDirectoryPlus(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset,
                       fuse_file_info* /*info*/) {
  ListInto(req, inode, size, offset, true);
}

void StatFileSystem(fuse_req_t req, fuse_ino_t /*inode*/) {
  Guarded(req, [&](Request& request) {
    struct statvfs status {};
    if (::statvfs(request.context().repository.c_str(), &status) != 0) return request.Fail(errno);
    status.f_flag |= ST_RDONLY;
    request.FileSystem(status);
  });
}

// Answers getxattr(2) and listxattr(2): a size of 0 asks how much there is.
void AnswerSized(Request& request, std::string_view value, size_t size) {
  if (size == 0) return request.AttributeBytes(value.size());
  if (value.size() > size) return request.Fail(ERANGE);
  request.Bytes(value);
}

// Those that are to be seen.
Result<std::vector<ExtendedAttribute>> ShownAttributes(const Request& request, fuse_ino_t inode) {
  const MountContext& context = request.context();
  auto attributes = ORCIO_TRY(context.tree.ExtendedAttributes(inode, request.Interrupted()));
  if (context.shown.umask) {
    std::erase_if(attributes, [](const auto& attribute) {
      return attribute.name.starts_with("system.posix_acl_");
    });
  }
  return attributes;
}

void GetExtendedAttribute(fuse_req_t req, fuse_ino_t inode, const char* name, size_t size) {
  Guarded(req, [&](Request& request) {
    if (inode == Namespace::kRoot && std::string_view(name) == kCountersAttribute)
      return AnswerSized(request, ToText(request.context().Counters()), size);
    const auto attributes = ShownAttributes(request, inode);
    if (!attributes) return request.Fail(attributes.error());
    const auto found = std::find_if(attributes->begin(), attributes->end(),
                                    [&](const auto& attribute) { return attribute.name == name; });
    if (found == attributes->end()) return request.Fail(ENODATA);
    AnswerSized(request, found->value, size);
  });
}

void ListExtendedAttributes(fuse_req_t req, fuse_ino_t inode, size_t size) {
  Guarded(req, [&](Request& request) {
    const auto attributes = ShownAttributes(request, inode);
    if (!attributes) return request.Fail(attributes.error());
    std::string names;
    for (const auto& attribute : *attributes) names.append(attribute.name).push_back('\0');
    AnswerSized(request, names, size);
  });
}

// Nothing is kept for each inode.
void Forget(fuse_req_t req, fuse_ino_t /*inode*/, uint64_t /*lookups*/) {
  fuse_reply_none(req);
}
void ForgetMany(fuse_req_t req, size_t /*count*/, fuse_forget_data* /*forgets*/) {
  fuse_reply_none(req);
}

template <class... Arguments>
void Refuse(fuse_req_t req, Arguments... /*arguments*/) {
  fuse_reply_err(req, EROFS);
}

void RefuseAllChanges(fuse_lowlevel_ops& operations) {
  operations.setattr = Refuse;
  operations.mknod = Refuse;
  operations.mkdir = Refuse;
  operations.unlink = Refuse;
  operations.rmdir = Refuse;
  operations.symlink = Refuse;
  operations.rename = Refuse;
  operations.link = Refuse;
  operations.create = Refuse;
  operations.write = Refuse;
  operations.setxattr = Refuse;
  operations.removexattr = Refuse;
  operations.fallocate = Refuse;
  operations.copy_file_range = Refuse;
}

}  // namespace

fuse_lowlevel_ops Operations() {
  fuse_lowlevel_ops operations{};
  operations.init = Init;
  operations.lookup = Lookup;
  operations.forget = Forget;
  operations.forget_multi = ForgetMany;
  operations.getattr = GetAttributes;
  operations.readlink = ReadLink;
  operations.open = Open;
  operations.release = Release;
  operations.read = Read;
  operations.lseek = Seek;
  operations.opendir = OpenDirectory;
  operations.releasedir = ReleaseDirectory;
  operations.readdir = ReadDirectory;
  operations.readdirplus = ReadDirectoryPlus;
  operations.statfs = StatFileSystem;
  operations.getxattr = GetExtendedAttribute;
  operations.listxattr = ListExtendedAttributes;
  RefuseAllChanges(operations);
  return operations;
}

}  // namespace orcio::inline fusefs
