#include "fusefs/listing.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "index/bytes.h"
#include "index/sha256.h"

namespace orcio {
namespace {

constexpr uint32_t kRootNumber = 1;

bool IsSameFile(const ArchiveFile& a, const ArchiveFile& b) {
  const auto identity = [](const ArchiveFile& file) {
    const FileStatus& status = file.status;
    return std::tie(file.path, status.size, status.mtime_ns, status.device, status.inode);
  };
  return identity(a) == identity(b);
}

template <class Map>
auto FindOrNull(const Map& map, uint32_t number) {
  const auto found = map.find(number);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

}  // namespace

// Gives out numbers that follow from names, 1 to 2^31. Where two names come to the same, the later
// one gets the next that is free.
class Listing::Numbers {
 public:
  void Reserve(uint32_t number) { taken_.insert(number); }

  uint32_t Take(std::string_view name) {
    const Sha256Digest digest = Sha256::Of(AsBytes(name));
    uint32_t number = LoadLittleEndian<uint32_t>(digest.data()) % kNumbers + 1;
    while (!taken_.insert(number).second) number = number % kNumbers + 1;
    return number;
  }

 private:
  static constexpr uint32_t kNumbers = uint32_t{1} << 31;
  std::set<uint32_t> taken_;
};

Listing::Listing(std::vector<ArchiveFile> archives, const Listing* before,
                 const ArchivePolicy& policy) {
  const auto number_before = [&](const ArchiveFile& file) -> uint32_t {
    const auto* service = before == nullptr ? nullptr : before->Service(file.name.service);
    if (service == nullptr) return 0;
    const auto found = service->by_date.find(file.date);
    return found == service->by_date.end() ? 0 : found->second->number();
  };
  Numbers numbers;
  for (const ArchiveFile& file : archives) {
    if (const uint32_t number = number_before(file); number != 0) numbers.Reserve(number);
  }
  for (ArchiveFile& file : archives) {
    uint32_t number = number_before(file);
    if (number == 0) number = numbers.Take(file.name.service + "/" + file.date);
    Add(std::move(file), number, before, policy);
  }
  NumberServices(before);
}

void Listing::Add(ArchiveFile file, uint32_t number, const Listing* before,
                  const ArchivePolicy& policy) {
  ServiceDirectory& service = by_name_[file.name.service];
  service.name = file.name.service;
  newest_seconds_ = std::max(newest_seconds_, file.name.seconds);
  std::shared_ptr<MountedArchive> archive;
  if (before != nullptr) archive = before->ArchiveNumbered(number);
  if (archive == nullptr || !IsSameFile(archive->file(), file))
    archive = std::make_shared<MountedArchive>(std::move(file), number, policy);
  archives_.emplace(number, archive);
  service.by_date.emplace(archive->file().date, archive);
  service.by_number.push_back(archive);
  service.newest = std::move(archive);  // they come oldest first
}

void Listing::NumberServices(const Listing* before) {
  Numbers numbers;
  numbers.Reserve(kRootNumber);
  if (before != nullptr) {
    for (const ServiceDirectory* service : before->services()) {
      if (by_name_.find(service->name) == by_name_.end()) continue;
      by_name_[service->name].number = service->number;
      numbers.Reserve(service->number);
    }
  }
  for (auto& [name, service] : by_name_) {
    if (service.number == 0) service.number = numbers.Take(name);
    std::sort(service.by_number.begin(), service.by_number.end(),
              [](const auto& a, const auto& b) { return a->number() < b->number(); });
    by_number_.emplace(service.number, &service);
    services_.push_back(&service);
  }
  for (auto& [name, service] : by_name_) {
    service.latest_number = numbers.Take(name + "/latest/" + service.newest->file().date);
    by_latest_number_.emplace(service.latest_number, &service);
  }
  std::sort(services_.begin(), services_.end(),
            [](const auto* a, const auto* b) { return a->number < b->number; });
}

const ServiceDirectory* Listing::Service(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second;
}

const ServiceDirectory* Listing::ServiceNumbered(uint32_t number) const {
  return FindOrNull(by_number_, number);
}

const ServiceDirectory* Listing::ServiceOfLatest(uint32_t number) const {
  return FindOrNull(by_latest_number_, number);
}

std::shared_ptr<MountedArchive> Listing::ArchiveNumbered(uint32_t number) const {
  return FindOrNull(archives_, number);
}

}  // namespace orcio
