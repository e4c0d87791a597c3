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

// The first goes no earlier than the second.
using NoEarlier = std::vector<std::pair<size_t, size_t>>;

void Raise(std::vector<size_t>& places, const NoEarlier& pairs) {
  for (bool raised = true; raised;) {
    raised = false;
    for (const auto& [later, earlier] : pairs) {
      if (places[later] >= places[earlier]) continue;
      places[later] = places[earlier];
      raised = true;
    }
  }
}

void Lower(std::vector<size_t>& places, const NoEarlier& pairs) {
  for (bool lowered = true; lowered;) {
    lowered = false;
    for (const auto& [later, earlier] : pairs) {
      if (places[earlier] <= places[later]) continue;
      places[earlier] = places[later];
      lowered = true;
    }
  }
}

class Ordering {
 public:
  explicit Ordering(std::vector<FoundUnit> found)
      : found_(std::move(found)), after_(found_.size()), joined_(found_.size()) {
    for (size_t i = 0; i < found_.size(); ++i) {
      places_.emplace(found_[i].name, i);
      if (!found_[i].state.id.empty()) places_.emplace(found_[i].state.id, i);
    }
    for (size_t i = 0; i < found_.size(); ++i) {
      if (!Runs(i)) continue;
      joined_[i] = JoinedThrough(i);
      after_[i] = PlacesOf(found_[i].state.after);
      std::erase_if(after_[i], [&](size_t other) { return other == i || !Runs(other); });
    }
  }

  std::vector<FoundUnit> Take() {
    const auto order = Sorted(after_, KeptTogether());
    std::vector<size_t> places(found_.size());
    for (size_t i = 0; i < order.size(); ++i) {
      if (found_[order[i]].listed) places[order[i]] = i;
    }
    Raise(places, Stops());
    for (size_t i = 0; i < found_.size(); ++i) found_[i].stops_with = places[i];
    Lower(places, Starts());
    for (size_t i = 0; i < found_.size(); ++i) found_[i].starts_with = places[i];
    std::vector<FoundUnit> sorted;
    for (const size_t unit : order) sorted.push_back(std::move(found_[unit]));
    return sorted;
  }

 private:
  [[nodiscard]] bool Runs(size_t unit) const { return found_[unit].state.running(); }
  [[nodiscard]] bool Triggers(size_t unit) const { return IsTrigger(found_[unit].name); }
  // Placed by what it stops with and comes after; what starts others, by the former alone.
  [[nodiscard]] bool Joins(size_t unit) const { return !found_[unit].listed && !Triggers(unit); }

  [[nodiscard]] Places PlacesOf(const std::vector<std::string>& names) const {
    Places places;
    for (const auto& name : names) {
      if (const auto place = places_.find(name); place != places_.end())
        places.insert(place->second);
    }
    return places;
  }

  // Those that stop with a unit, or start it, or do so with one of these; not itself.
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
    joined.erase(joined.begin());
    return joined;
  }

  // What joined a unit goes down with it, and what has to be down before that has to be so before
  // both: it comes after both, whatever the list's order is.
  [[nodiscard]] std::vector<Places> KeptTogether() const {
    std::vector<Places> kept(after_.size());
    const Waiting waiting(after_);
    for (size_t i = 0; i < found_.size(); ++i) {
      for (const size_t joins : joined_[i]) {
        if (!Joins(joins)) continue;
        kept[joins].insert(i);
        for (const size_t follower : waiting.followers[joins]) kept[follower].insert(i);
      }
      for (const size_t before : after_[i]) kept[before].erase(i);
      kept[i].erase(i);
    }
    return kept;
  }

  // What stops with a unit, or would start it again, is down no later than that; and what joined,
  // no later than what it comes after.
  [[nodiscard]] NoEarlier Stops() const {
    NoEarlier pairs;
    for (size_t i = 0; i < found_.size(); ++i) {
      for (const size_t joins : joined_[i]) {
        if (Joins(joins) || Triggers(joins)) pairs.emplace_back(joins, i);
      }
      for (const size_t before : after_[i]) {
        if (Joins(i) && !Triggers(before)) pairs.emplace_back(i, before);
      }
    }
    return pairs;
  }

  // What joined starts no later than what comes after it: systemd starts what it depends on with
  // it, if it must. And systemd starts no socket whose service runs: what depends on that would
  // have started it.
  [[nodiscard]] NoEarlier Starts() const {
    NoEarlier pairs;
    for (size_t i = 0; i < found_.size(); ++i) {
      for (const size_t before : after_[i]) {
        if (Joins(before) && !Triggers(i)) pairs.emplace_back(i, before);
      }
      if (!Runs(i)) continue;
      for (const size_t trigger : PlacesOf(found_[i].state.triggers)) {
        pairs.emplace_back(i, trigger);
        for (const size_t joins : joined_[i]) {
          if (Runs(joins)) pairs.emplace_back(joins, trigger);
        }
      }
    }
    return pairs;
  }

  std::vector<FoundUnit> found_;
  std::map<std::string, size_t> places_;  // by each name that is known
  // Of each that runs: those that run and that it comes after; and what joined through it.
  std::vector<Places> after_;
  std::vector<std::vector<size_t>> joined_;
};

}  // namespace

std::vector<FoundUnit> InOrder(std::vector<FoundUnit> found) {
  return Ordering(std::move(found)).Take();
}

}  // namespace orcio::inline archiver
