#include "fusefs/kernel/kernel_attributes.h"

#include <sys/sysmacros.h>

namespace orcio::inline fusefs {
namespace {

// A file that nobody could execute is not made executable by a umask that lets everybody.
uint32_t ModeOf(const Namespace::Attributes& node, const ShownOwner& shown) {
  if (!shown.umask || node.type == EntryType::kSymlink) return node.mode;
  constexpr uint32_t kExecute = 0111;
  const bool executable = node.type == EntryType::kDirectory || (node.mode & kExecute) != 0;
  return 0777 & ~*shown.umask & ~(executable ? 0 : kExecute);
}

}  // namespace

struct stat ToStat(const Namespace::Attributes& node, const ShownOwner& shown) {
  struct stat status {};
  status.st_ino = node.inode;
  status.st_mode = TypeBits(node.type) | ModeOf(node, shown);
  status.st_nlink = node.links;
  status.st_uid = shown.uid.value_or(node.uid);
  status.st_gid = shown.gid.value_or(node.gid);
  status.st_rdev = makedev(node.device_major, node.device_minor);
  status.st_size = static_cast<off_t>(node.size);
  status.st_blocks = static_cast<blkcnt_t>(node.data_bytes / 512 + (node.data_bytes % 512 != 0));
  status.st_mtim.tv_sec = node.mtime.seconds;
  status.st_mtim.tv_nsec = node.mtime.nanoseconds;
  status.st_atim = status.st_ctim = status.st_mtim;
  if (shown.root_is_private && node.inode == Namespace::kRoot) {
    status.st_mode = TypeBits(node.type) | 0700;
    status.st_uid = node.uid;
    status.st_gid = node.gid;
  }
  return status;
}

double TimeoutOf(const Namespace::Attributes& node) {
  return node.settled ? kForever : kShortly;
}

fuse_entry_param ToEntry(const Namespace::Attributes& node, const ShownOwner& shown,
                         double name_timeout) {
  fuse_entry_param entry{};
  entry.ino = node.inode;
  entry.generation = node.generation;
  entry.attr = ToStat(node, shown);
  entry.attr_timeout = TimeoutOf(node);
  entry.entry_timeout = name_timeout;
  return entry;
}

}  // namespace orcio::inline fusefs
