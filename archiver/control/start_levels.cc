#include "archiver/control/start_levels.h"

#include <algorithm>
#include <map>

namespace orcio::inline archiver {
namespace {

// By service: the level at which each starts. Circles, which compose would not make, end at the
// number of services.
std::map<std::string, size_t> LevelsByDependency(const Containers& containers) {
  std::map<std::string, size_t> level;
  for (const auto& container : containers) level[container.service] = 0;
  for (size_t round = 0; round < level.size(); ++round) {
    for (const auto& container : containers) {
      for (const auto& dependency : *container.depends_on) {
        const auto other = level.find(dependency.service);
        if (other == level.end()) continue;
        auto& own = level[container.service];
        own = std::min(std::max(own, other->second + 1), level.size());
      }
    }
  }
  return level;
}

std::map<std::string, size_t> LevelsByCreation(Containers containers) {
  std::sort(containers.begin(), containers.end(),
            [](const auto& a, const auto& b) { return a.created < b.created; });
  std::map<std::string, size_t> level;
  for (const auto& container : containers) level.emplace(container.service, level.size());
  return level;
}

}  // namespace

std::vector<Containers> StartLevels(const Containers& containers) {
  const bool labelled =
      std::all_of(containers.begin(), containers.end(),
                  [](const auto& container) { return container.depends_on.has_value(); });
  const auto level = labelled ? LevelsByDependency(containers) : LevelsByCreation(containers);
  std::map<size_t, Containers> sorted;
  for (const auto& container : containers) {
    sorted[level.at(container.service)].push_back(container);
  }
  std::vector<Containers> levels;
  for (auto& [unused, members] : sorted) {
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    levels.push_back(std::move(members));
  }
  return levels;
}

}  // namespace orcio::inline archiver
