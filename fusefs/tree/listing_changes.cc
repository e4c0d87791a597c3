#include "fusefs/tree/listing_changes.h"

#include "fusefs/tree/mounted_tree.h"
#include "fusefs/tree/upper_directories.h"

namespace orcio::inline fusefs {
namespace {

using Changes = Namespace::Changes;

// What was in the service's directory and is not there any more, or is something else.
void AddLost(const ServiceDirectory& before, const ServiceDirectory* after, Changes& changes) {
  for (const auto& [date, archive] : before.by_date) {
    if (after != nullptr) {
      const auto found = after->by_date.find(date);
      // What has not changed is taken over from one listing to the next.
      if (found != after->by_date.end() && found->second == archive) continue;
    }
    changes.names.push_back({before.number, date});
    changes.inodes.push_back(MountedTree(archive).InodeOf(kRootNode));
  }
  if (after == nullptr || after->latest_number != before.latest_number)
    changes.names.push_back({before.number, std::string(UpperDirectories::kLatest)});
}

void AddNew(const ServiceDirectory& before, const ServiceDirectory& after, Changes& changes) {
  for (const auto& [date, archive] : after.by_date) {
    if (before.by_date.find(date) == before.by_date.end())
      changes.names.push_back({after.number, date});
  }
}

}  // namespace

Changes Compare(const Listing& before, const Listing& after) {
  Changes changes;
  for (const ServiceDirectory* service : before.services()) {
    const ServiceDirectory* const now = after.Service(service->name);
    const size_t names = changes.names.size();
    if (now == nullptr) changes.names.push_back({Namespace::kRoot, service->name});
    AddLost(*service, now, changes);
    if (now != nullptr) AddNew(*service, *now, changes);
    if (changes.names.size() != names) changes.inodes.push_back(service->number);
  }
  for (const ServiceDirectory* service : after.services()) {
    // Of what is in it nobody can know.
    if (before.Service(service->name) == nullptr)
      changes.names.push_back({Namespace::kRoot, service->name});
  }
  if (!changes.names.empty()) changes.inodes.push_back(Namespace::kRoot);
  return changes;
}

}  // namespace orcio::inline fusefs
