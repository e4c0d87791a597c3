#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "fusefs/mounted_archive.h"

namespace orcio {

// One service's directory in the mounted tree.
struct ServiceDirectory {
  std::string name;
  uint32_t number = 0;  // its inode number
  // Of its symlink to the newest. Another target is another number, for the kernel caches targets.
  uint32_t latest_number = 0;
  std::map<std::string, std::shared_ptr<MountedArchive>, std::less<>> by_date;
  std::vector<std::shared_ptr<MountedArchive>> by_number;  // ascending
  std::shared_ptr<MountedArchive> newest;                  // never null
};

// The upper two levels of the mounted tree, as the repository was at one moment. Immutable.
class Listing {
 public:
  // `archives` as Repository::List gives them. What `before`, if any, had and is unchanged is taken
  // over as it is, open or not, and keeps its number.
  Listing(std::vector<ArchiveFile> archives, const Listing* before, const ArchivePolicy& policy);

  // Null where there is none.
  [[nodiscard]] const ServiceDirectory* Service(std::string_view name) const;
  [[nodiscard]] const ServiceDirectory* ServiceNumbered(uint32_t number) const;
  [[nodiscard]] const ServiceDirectory* ServiceOfLatest(uint32_t number) const;
  [[nodiscard]] std::shared_ptr<MountedArchive> ArchiveNumbered(uint32_t number) const;

  // By number, ascending.
  [[nodiscard]] const std::vector<const ServiceDirectory*>& services() const { return services_; }
  // Seconds since the epoch of the newest archive of all; 0 where there is none.
  [[nodiscard]] int64_t newest_seconds() const { return newest_seconds_; }

 private:
  class Numbers;

  void Add(ArchiveFile file, uint32_t number, const Listing* before, const ArchivePolicy& policy);
  void NumberServices(const Listing* before);

  std::map<std::string, ServiceDirectory, std::less<>> by_name_;
  std::vector<const ServiceDirectory*> services_;
  std::unordered_map<uint32_t, const ServiceDirectory*> by_number_;
  std::unordered_map<uint32_t, const ServiceDirectory*> by_latest_number_;
  std::unordered_map<uint32_t, std::shared_ptr<MountedArchive>> archives_;
  int64_t newest_seconds_ = 0;
};

}  // namespace orcio
