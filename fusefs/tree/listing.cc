#include "fusefs/tree/listing.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/sha256.h"
#include "index/repository/latest_first.h"

namespace orcio::inline fusefs {
namespace {

constexpr uint32_t kRootNumber = 1;
// Whoever stands in one that was replaced before so many others has to change into it anew.
constexpr ptrdiff_t kMostReplaced = 256;

template <class Map>
auto FindOrNull(const Map& map, uint32_t number) {
  const auto found = map.find(number);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

uint32_t NumberFrom(std::string_view text) {
  return LoadLittleEndian<uint32_t>(Sha256::Of(AsBytes(text)).data());
}

// What an archive's number follows from: another content under the name is to have another one.
std::string NumberedBy(const ArchiveFile& file) {
  return fmt::format("{}/{}/{}/{}", file.name.service, file.date, file.status.size,
                     file.status.mtime_ns);
}

uint32_t NanosecondsOf(std::string_view names) {
  return NumberFrom(names) % 1'000'000'000;
}

}  // namespace

// Gives out numbers that follow from names, 1 to 2^31. If two names come to the same, the later
// one gets the next that is free.
class Listing::Numbers {
 public:
  void Reserve(uint32_t number) { taken_.insert(number); }

  uint32_t Take(std::string_view name) {
    uint32_t number = NumberFrom(name) % kNumbers + 1;
    while (!taken_.insert(number).second) number = number % kNumbers + 1;
    return number;
  }

 private:
  static constexpr uint32_t kNumbers = uint32_t{1} << 31;
  std::set<uint32_t> taken_;
};

Listing::Listing(std::vector<ArchiveFile> archives, const Listing* before,
                 const ArchivePolicy& policy, int64_t now_seconds)
    : now_seconds_(now_seconds) {
  Numbers numbers;
  if (before != nullptr) {
    for (const auto& [number, archive] : before->archives_) numbers.Reserve(number);
    for (const auto& [number, archive] : before->replaced_) numbers.Reserve(number);
  }
  for (ArchiveFile& file : archives) {
    auto archive = before == nullptr ? nullptr : before->Unchanged(file);
    if (archive == nullptr) {
      const uint32_t number = numbers.Take(NumberedBy(file));
      archive = std::make_shared<MountedArchive>(std::move(file), number, policy);
    }
    Add(std::move(archive));
  }
  if (before != nullptr) KeepReplaced(*before);
  NumberServices(before);
  TellTimesApart();
}

std::shared_ptr<MountedArchive> Listing::Unchanged(const ArchiveFile& file) const {
  auto archive = ArchiveAt(file.name.service, file.date);
  const bool unchanged = archive != nullptr && archive->file().path == file.path &&
                         IsSameFile(archive->file().status, file.status);
  return unchanged ? archive : nullptr;
}

void Listing::KeepReplaced(const Listing& before) {
  const auto keep = [this](uint32_t number, const MountedArchive& was) {
    auto now = ArchiveAt(was.file().name.service, was.file().date);
    if (now != nullptr && now->number() != number) replaced_.emplace_back(number, std::move(now));
  };
  for (const auto& [number, archive] : before.replaced_) keep(number, *archive);
  for (const auto& [number, archive] : before.archives_) keep(number, *archive);
  if (std::ssize(replaced_) > kMostReplaced)
    replaced_.erase(replaced_.begin(), replaced_.end() - kMostReplaced);
}

// The kernel keeps what it has listed for as long as a directory's time of change stays the same.
void Listing::TellTimesApart() {
  for (auto& [name, service] : by_name_) {
    std::string names;
    for (const auto& [date, archive] : service.by_date)
      names += fmt::format("{}/{}/", date, archive->number());
    service.nanoseconds = NanosecondsOf(names);
  }
  std::string names;
  for (const auto& [name, service] : by_name_) names += fmt::format("{}/{}/", name, service.number);
  nanoseconds_ = NanosecondsOf(names);
}

void Listing::Add(std::shared_ptr<MountedArchive> archive) {
  const ArchiveFile& file = archive->file();
  ServiceDirectory& service = by_name_[file.name.service];
  service.name = file.name.service;
  newest_seconds_ = std::max(newest_seconds_, file.name.seconds);
  archives_.emplace(archive->number(), archive);
  service.by_date.emplace(file.date, archive);
  service.by_number.push_back(archive);
  // They come oldest first, and those that are dated in the future last.
  const bool in_future = IsInFuture(file.name.seconds, now_seconds_);
  if (in_future)
    first_in_future_ = std::min(first_in_future_.value_or(file.name.seconds), file.name.seconds);
  if (service.newest == nullptr || !in_future ||
      IsInFuture(service.newest->file().name.seconds, now_seconds_))
    service.newest = std::move(archive);
}

bool Listing::IsOutdatedAt(int64_t now_seconds) const {
  return now_seconds < now_seconds_ ||
         (first_in_future_ && !IsInFuture(*first_in_future_, now_seconds));
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

std::shared_ptr<MountedArchive> Listing::ArchiveAt(std::string_view service,
                                                   std::string_view date) const {
  const ServiceDirectory* const directory = Service(service);
  if (directory == nullptr) return nullptr;
  const auto found = directory->by_date.find(date);
  return found == directory->by_date.end() ? nullptr : found->second;
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

std::shared_ptr<MountedArchive> Listing::ReplacementOf(uint32_t number) const {
  const auto found = std::find_if(replaced_.begin(), replaced_.end(),
                                  [&](const auto& replaced) { return replaced.first == number; });
  return found == replaced_.end() ? nullptr : found->second;
}

}  // namespace orcio::inline fusefs
