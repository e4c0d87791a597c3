#include "archiver/control/systemd_parts.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "archiver/control/systemd_units.h"
#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {
namespace {

std::vector<UnitPart> InOrderOfStart(const std::vector<UnitPart>& running) {
  auto parts = running;
  std::stable_sort(parts.begin(), parts.end(), [](const UnitPart& a, const UnitPart& b) {
    return std::pair(a.starts_with, !IsTrigger(a.unit)) <
           std::pair(b.starts_with, !IsTrigger(b.unit));
  });
  return parts;
}

// For the guard.
std::string Asked(const std::vector<std::string>& units) {
  return "within 60 systemctl --no-block start -- " + ShellCommand(units);
}

}  // namespace

std::vector<std::string> UnitNames(const std::vector<UnitPart>& parts) {
  std::vector<std::string> names;
  for (const auto& part : parts) names.push_back(part.unit);
  return names;
}

std::vector<std::vector<UnitPart>> StartGroups(const std::vector<UnitPart>& running) {
  std::vector<std::vector<UnitPart>> groups;
  for (auto& part : InOrderOfStart(running)) {
    if (groups.empty() || groups.back().back().starts_with != part.starts_with)
      groups.emplace_back();
    groups.back().push_back(std::move(part));
  }
  return groups;
}

std::vector<std::vector<std::string>> StopGroups(const std::vector<UnitPart>& running) {
  std::vector<UnitPart> parts{running.rbegin(), running.rend()};
  std::stable_sort(parts.begin(), parts.end(), [](const UnitPart& a, const UnitPart& b) {
    return std::pair(b.stops_with, !IsTrigger(a.unit)) <
           std::pair(a.stops_with, !IsTrigger(b.unit));
  });
  std::vector<std::vector<std::string>> groups;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i == 0 || parts[i - 1].stops_with != parts[i].stops_with) groups.emplace_back();
    groups.back().push_back(parts[i].unit);
  }
  return groups;
}

// By its name alone: one that is listed and starts by itself.
std::string MemoryOf(const std::vector<UnitPart>& running) {
  auto json = nlohmann::json::array();
  size_t number = 0;
  for (const auto& group : StartGroups(running)) {
    for (const auto& part : group) {
      if (group.size() == 1 && !part.activating && !part.joined) {
        json.push_back(part.unit);
      } else {
        json.push_back({{"unit", part.unit},
                        {"activating", part.activating},
                        {"joined", part.joined},
                        {"group", number}});
      }
    }
    ++number;
  }
  return json.dump();
}

Result<std::vector<UnitPart>> RecallUnits(const std::string& memory) {
  std::vector<UnitPart> running;
  try {
    const auto json = nlohmann::json::parse(memory);
    size_t next = 0;
    for (const auto& noted : json.get_ref<const nlohmann::json::array_t&>()) {
      UnitPart part;
      part.unit = (noted.is_object() ? noted.at("unit") : noted).get<std::string>();
      if (noted.is_object()) part.activating = noted.at("activating").get<bool>();
      if (noted.is_object()) part.joined = noted.value("joined", false);
      if (noted.is_object()) next = noted.value("group", next);
      part.starts_with = part.stops_with = next;
      next = part.starts_with + 1;
      running.push_back(std::move(part));
    }
  } catch (const nlohmann::json::exception& exception) {
    return Fail(ErrorKind::kDamaged, "{}", exception.what());
  }
  return running;
}

// systemd queues a start behind a stop that is still under way, and drops a queued stop for it.
// What was activating is started once, however it ends. So is what joined, by the first command of
// all, as systemd starts no socket whose service runs; twice if that fails, as it does for a unit
// that is there no more.
std::string StartScriptOf(const std::vector<UnitPart>& running) {
  std::vector<std::string> units;
  std::vector<std::string> once;
  std::vector<std::string> all;
  const auto parts = InOrderOfStart(running);
  for (const auto& part : parts) {
    if (!part.joined) (part.activating ? once : units).push_back(part.unit);
    if (part.joined || !part.activating) all.push_back(part.unit);
  }
  std::string begin;
  std::string activate;
  if (all.size() > units.size())
    begin = "  [ \"$begun\" = xx ] || { begun=x$begun; " + Asked(all) + " && begun=xx; }\n";
  if (!once.empty())
    activate = "  [ -n \"$activated\" ] || { " + Asked(once) + " && activated=1; } || up=no\n";
  return "activated=\n"
         "begun=\n"
         "start_all() {\n"
         "  down=\n"
         "  for unit in " +
         ShellCommand(units) +
         "; do\n"
         "    state=$(within 60 systemctl is-active -- \"$unit\" 2>/dev/null)\n"
         "    case $state in active | reloading) continue ;; esac\n"
         "    up=no\n"
         "    [ \"$state\" = activating ] || down=1\n"
         "  done\n" +
         begin + "  [ -z \"$down\" ] || " + Asked(units) + "\n" + activate +
         "}\n"
         "finish_stop() { " +
         Asked(UnitNames(parts)) + "; }\n";
}

}  // namespace orcio::inline archiver
