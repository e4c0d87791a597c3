#include "fusefs/tree/upper_directories.h"

#include "fusefs/tree/mounted_tree.h"

namespace orcio::inline fusefs {
namespace {

// Positions: ".", "..", then by number, so that they do not move when an archive comes or goes;
// "latest" comes after the highest number.
constexpr uint64_t kFirstPosition = 2;
constexpr uint64_t kLatestPosition = kFirstPosition + (uint64_t{1} << 32);

}  // namespace

Namespace::Attributes UpperDirectories::Directory(Inode inode, Timestamp mtime,
                                                  size_t links) const {
  Attributes attributes;
  attributes.inode = inode;
  attributes.mode = 0755;
  attributes.uid = uid_;
  attributes.gid = gid_;
  attributes.links = static_cast<uint32_t>(links);
  attributes.mtime = mtime;
  return attributes;
}

Namespace::Attributes UpperDirectories::OfRoot(const Listing& listing) const {
  return Directory(Namespace::kRoot, {listing.newest_seconds(), listing.nanoseconds()},
                   2 + listing.services().size());
}

Namespace::Attributes UpperDirectories::OfService(const ServiceDirectory& service) const {
  return Directory(service.number, {service.newest->file().name.seconds, service.nanoseconds},
                   2 + service.by_date.size());
}

Namespace::Attributes UpperDirectories::OfLatest(const ServiceDirectory& service) const {
  Attributes attributes =
      Directory(service.latest_number, {service.newest->file().name.seconds, 0}, 1);
  attributes.type = EntryType::kSymlink;
  attributes.mode = 0777;
  attributes.size = attributes.data_bytes = service.newest->file().date.size();
  return attributes;
}

void UpperDirectories::ListRoot(const Listing& listing, uint64_t from, const Add& add) const {
  Attributes entry = Directory(Namespace::kRoot, {}, 2);
  if (from < 1 && !add(".", entry, 1)) return;
  if (from < 2 && !add("..", entry, 2)) return;
  for (const ServiceDirectory* service : listing.services()) {
    const uint64_t next = kFirstPosition + service->number;
    if (next <= from) continue;
    entry.inode = service->number;
    if (!add(service->name, entry, next)) return;
  }
}

void UpperDirectories::ListService(const ServiceDirectory& service, uint64_t from,
                                   const Add& add) const {
  Attributes entry = Directory(service.number, {}, 2);
  if (from < 1 && !add(".", entry, 1)) return;
  entry.inode = Namespace::kRoot;
  if (from < 2 && !add("..", entry, 2)) return;
  for (const auto& archive : service.by_number) {
    const uint64_t next = kFirstPosition + archive->number();
    if (next <= from) continue;
    entry.inode = MountedTree(archive).InodeOf(kRootNode);
    if (!add(archive->file().date, entry, next)) return;
  }
  if (from < kLatestPosition) add(kLatest, OfLatest(service), kLatestPosition);
}

}  // namespace orcio::inline fusefs
