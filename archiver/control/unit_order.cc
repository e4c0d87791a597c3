#include "archiver/control/unit_order.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace orcio::inline archiver {
namespace {

using Places = std::set<size_t>;  // among the units

// What each one comes after: how many of those are still to come, and who waits for each.
struct Waiting {
  explicit Waiting(const std::vector<Places>& after) : left(after.size()), followers(after.size()) {
    for (size_t i = 0; i < after.size(); ++i) {
      left[i] = after[i].size();
      for (const size_t before : after[i]) followers[before].push_back(i);
    }
  }

  void Place(size_t unit) {
    for (const size_t follower : followers[unit]) --left[follower];
  }

  std::vector<size_t> left;
  std::vector<std::vector<size_t>> followers;
};

// The least first where nothing else is said. In a circle, what should be gives way, and then, as
// systemd breaks it somewhere, the least goes first.
std::vector<size_t> Sorted(const std::vector<Places>& after, const std::vector<Places>& should) {
  Waiting must_wait(after);
  Waiting should_wait(should);
  Places open;
  for (size_t i = 0; i < after.size(); ++i) open.insert(open.end(), i);
  std::vector<size_t> sorted;
  while (!open.empty()) {
    const auto may = [&](size_t unit) { return must_wait.left[unit] == 0; };
    const auto best = [&](size_t unit) { return may(unit) && should_wait.left[unit] == 0; };
    auto next = std::find_if(open.begin(), open.end(), best);
    if (next == open.end()) next = std::find_if(open.begin(), open.end(), may);
    if (next == open.end()) next = open.begin();
    sorted.push_back(*next);
    must_wait.Place(*next);
    should_wait.Place(*next);
    open.erase(next);
  }
  return sorted;
}

class Ordering {
 public:
  explicit Ordering(std::vector<FoundUnit> found) : found_(std::move(found)) { NoteNames(); }

  std::vector<FoundUnit> Take() {
    Sort();
    for (size_t i = 0; i < found_.size(); ++i) {
      if (found_[i].listed) PlaceJoined(i);
    }
    for (size_t i = 0; i < found_.size(); ++i) PlaceAfter(i);
    for (auto& unit : found_) unit.starts_with = unit.stops_with;
    for (size_t i = found_.size(); i-- > 0;) PlaceBefore(i);
    for (size_t i = 0; i < found_.size(); ++i) PlaceTriggers(i);
    return std::move(found_);
  }

 private:
  void NoteNames() {
    places_.clear();
    for (size_t i = 0; i < found_.size(); ++i) {
      places_.emplace(found_[i].name, i);
      if (!found_[i].state.id.empty()) places_.emplace(found_[i].state.id, i);
    }
  }

  [[nodiscard]] Places PlacesOf(const std::vector<std::string>& names) const {
    Places places;
    for (const auto& name : names) {
      if (const auto place = places_.find(name); place != places_.end())
        places.insert(place->second);
    }
    return places;
  }

  // Those that stop with a unit, or start it, or do so with one of these; itself, too.
  [[nodiscard]] std::vector<size_t> JoinedThrough(size_t unit) const {
    std::vector<size_t> joined{unit};
    Places seen{unit};
    for (size_t next = 0; next < joined.size(); ++next) {
      const auto& state = found_[joined[next]].state;
      for (const auto* names : {&state.stop_with_it, &state.triggers}) {
        for (const size_t place : PlacesOf(*names)) {
          if (seen.insert(place).second) joined.push_back(place);
        }
      }
    }
    return joined;
  }

  // Of those that run.
  [[nodiscard]] Places After(size_t unit) const {
    if (!found_[unit].state.running()) return {};
    auto after = PlacesOf(found_[unit].state.after);
    std::erase_if(after,
                  [&](size_t other) { return other == unit || !found_[other].state.running(); });
    return after;
  }

  void Sort() {
    std::vector<Places> after(found_.size());
    for (size_t i = 0; i < found_.size(); ++i) after[i] = After(i);
    std::vector<FoundUnit> sorted;
    for (const size_t place : Sorted(after, KeptTogether(after)))
      sorted.push_back(std::move(found_[place]));
    found_ = std::move(sorted);
    NoteNames();
  }

  // What joined a listed unit goes down with it, and what has to be down before that has to be so
  // before both: it comes after both, whatever the list's order is.
  [[nodiscard]] std::vector<Places> KeptTogether(const std::vector<Places>& after) const {
    std::vector<Places> kept(after.size());
    const Waiting followers(after);
    for (size_t i = 0; i < found_.size(); ++i) {
      if (!found_[i].listed || !found_[i].state.running()) continue;
      for (const size_t joins : JoinedThrough(i)) {
        if (found_[joins].listed || IsTrigger(found_[joins].name)) continue;
        kept[joins].insert(i);
        for (const size_t follower : followers.followers[joins]) kept[follower].insert(i);
      }
      for (const size_t before : after[i]) kept[before].erase(i);
      kept[i].erase(i);
    }
    return kept;
  }

  void PlaceJoined(size_t listed) {
    auto& stops_with = found_[listed].stops_with;
    stops_with = std::max(stops_with, listed);
    if (!found_[listed].state.running()) return;
    for (const size_t joins : JoinedThrough(listed)) {
      auto& unit = found_[joins];
      if (!unit.listed || IsTrigger(unit.name)) unit.stops_with = std::max(unit.stops_with, listed);
    }
  }

  // Those that it comes after are placed.
  void PlaceAfter(size_t joined) {
    auto& unit = found_[joined];
    if (unit.listed || IsTrigger(unit.name)) return;
    for (const size_t before : After(joined)) {
      if (!IsTrigger(found_[before].name))
        unit.stops_with = std::max(unit.stops_with, found_[before].stops_with);
    }
  }

  // What joined one that has to come later than what comes after it: systemd starts that one with
  // it, if it must.
  void PlaceBefore(size_t unit) {
    if (IsTrigger(found_[unit].name)) return;
    for (const size_t before : After(unit)) {
      auto& joined = found_[before];
      if (!joined.listed && !IsTrigger(joined.name))
        joined.starts_with = std::min(joined.starts_with, found_[unit].starts_with);
    }
  }

  // systemd starts no socket whose service runs: what depends on that would have started it.
  void PlaceTriggers(size_t unit) {
    if (found_[unit].state.triggers.empty() || !found_[unit].state.running()) return;
    size_t first = found_[unit].starts_with;
    for (const size_t joins : JoinedThrough(unit))
      first = std::min(first, found_[joins].starts_with);
    for (const size_t trigger : PlacesOf(found_[unit].state.triggers)) {
      auto& starts_with = found_[trigger].starts_with;
      starts_with = std::min(starts_with, first);
    }
  }

  std::vector<FoundUnit> found_;
  std::map<std::string, size_t> places_;  // by each name that is known
};

}  // namespace

std::vector<FoundUnit> InOrder(std::vector<FoundUnit> found) {
  return Ordering(std::move(found)).Take();
}

}  // namespace orcio::inline archiver
