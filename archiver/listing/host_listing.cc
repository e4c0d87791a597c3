#include "archiver/listing/host_listing.h"

namespace orcio::inline archiver {

bool IsUnchanged(const HostFile& before, const HostFile& now) {
  return before.type == now.type && before.mode == now.mode && before.uid == now.uid &&
         before.gid == now.gid && before.links == now.links && before.size == now.size &&
         before.inode == now.inode && before.mtime_ns == now.mtime_ns &&
         before.ctime_ns == now.ctime_ns;
}

int64_t WholeSeconds(int64_t nanoseconds) {
  return nanoseconds / kNanosecondsASecond - (nanoseconds % kNanosecondsASecond < 0 ? 1 : 0);
}

bool IsSteady(const HostFile& file, int64_t before) {
  return WholeSeconds(file.ctime_ns) < before;
}

uint32_t HostListing::Add(std::string_view path, const HostFile& file) {
  const uint32_t number = paths_.Intern(path);
  files_.Append(file);
  numbers_.Append(number);
  while (by_path_.size() <= number) by_path_.Append(0);
  by_path_[number] = size();
  return size() - 1;
}

std::optional<uint32_t> HostListing::Find(uint32_t path_number) const {
  if (path_number >= by_path_.size() || by_path_[path_number] == 0) return std::nullopt;
  return by_path_[path_number] - 1;
}

std::optional<uint32_t> HostListing::Find(std::string_view path) const {
  const auto number = paths_.Find(path);
  return number ? Find(*number) : std::nullopt;
}

std::optional<uint32_t> HostListing::Parent(uint32_t index) const {
  const auto path = Path(index);
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::nullopt : Find(path.substr(0, slash));
}

}  // namespace orcio::inline archiver
