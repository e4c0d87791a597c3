#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fusefs/archives/mounted_archive.h"

namespace orcio::inline fusefs {

// One service's directory in the mounted tree.
struct ServiceDirectory {
  std::string name;
  uint32_t number = 0;  // its inode number
  // Of its symlink to the newest. Another target is another number: clients of an NFS server cache
  // targets.
  uint32_t latest_number = 0;
  std::map<std::string, std::shared_ptr<MountedArchive>, std::less<>> by_date;
  std::vector<std::shared_ptr<MountedArchive>> by_number;  // ascending
  std::shared_ptr<MountedArchive> newest;                  // where `latest` leads; never null
  // Of its time of change: another set of names has another, at every mount the same.
  uint32_t nanoseconds = 0;
};

// The upper two levels of the mounted tree, as the repository was at one moment. Immutable.
class Listing {
 public:
  // `archives` as Repository::List gives them. What `before`, if any, had and is unchanged is taken
  // over as it is, open or not, and keeps its number. What has been replaced under its name gets
  // another number: the kernel, and files that are open, go on with what they know of the old one.
  // Which archive is a service's newest goes by `now_seconds`, see LatestFirst.
  Listing(std::vector<ArchiveFile> archives, const Listing* before, const ArchivePolicy& policy,
          int64_t now_seconds);

  // Null if there is none.
  [[nodiscard]] const ServiceDirectory* Service(std::string_view name) const;
  [[nodiscard]] std::shared_ptr<MountedArchive> ArchiveAt(std::string_view service,
                                                          std::string_view date) const;
  [[nodiscard]] const ServiceDirectory* ServiceNumbered(uint32_t number) const;
  [[nodiscard]] const ServiceDirectory* ServiceOfLatest(uint32_t number) const;
  [[nodiscard]] std::shared_ptr<MountedArchive> ArchiveNumbered(uint32_t number) const;
  // What is now under the name of an archive that had this number before, not too long ago.
  [[nodiscard]] std::shared_ptr<MountedArchive> ReplacementOf(uint32_t number) const;

  // By number, ascending.
  [[nodiscard]] const std::vector<const ServiceDirectory*>& services() const { return services_; }
  // Seconds since the epoch of the newest archive of all; 0 if there is none.
  [[nodiscard]] int64_t newest_seconds() const { return newest_seconds_; }
  // Whether another archive may be a service's newest by this clock: one of the future is so no
  // longer, or the clock went back.
  [[nodiscard]] bool IsOutdatedAt(int64_t now_seconds) const;
  // As ServiceDirectory::nanoseconds, of the services' names.
  [[nodiscard]] uint32_t nanoseconds() const { return nanoseconds_; }

 private:
  class Numbers;

  // The archive, if it is still the one that `file` was listed as.
  [[nodiscard]] std::shared_ptr<MountedArchive> Unchanged(const ArchiveFile& file) const;
  void Add(std::shared_ptr<MountedArchive> archive);
  void KeepReplaced(const Listing& before);
  void NumberServices(const Listing* before);
  void TellTimesApart();

  std::map<std::string, ServiceDirectory, std::less<>> by_name_;
  std::vector<const ServiceDirectory*> services_;
  std::unordered_map<uint32_t, const ServiceDirectory*> by_number_;
  std::unordered_map<uint32_t, const ServiceDirectory*> by_latest_number_;
  std::unordered_map<uint32_t, std::shared_ptr<MountedArchive>> archives_;
  // By former number, the most recent ones last.
  std::vector<std::pair<uint32_t, std::shared_ptr<MountedArchive>>> replaced_;
  int64_t newest_seconds_ = 0;
  const int64_t now_seconds_;
  std::optional<int64_t> first_in_future_;  // seconds since the epoch
  uint32_t nanoseconds_ = 0;
};

}  // namespace orcio::inline fusefs
