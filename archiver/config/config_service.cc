#include "archiver/config/config_service.h"

#include <algorithm>
#include <array>

#include "archiver/config/config_told.h"
#include "archiver/config/service_names.h"
#include "base/text/suggestion.h"
#include "index/repository/archive_name.h"

namespace orcio::inline archiver {
namespace {

constexpr std::chrono::seconds kDefaultGuard{30};
constexpr double kDefaultMinRatio = 0.1;

// In the order of ControlKind.
constexpr std::array kControls = {NameOf(ControlKind::kCompose), NameOf(ControlKind::kSystemd),
                                  NameOf(ControlKind::kCommands), NameOf(ControlKind::kNone)};

// In the order of Mode; then what later versions have.
constexpr std::array<std::string_view, 5> kModes = {NameOf(Mode::kStop), NameOf(Mode::kPrecopy),
                                                    NameOf(Mode::kPause), NameOf(Mode::kLive),
                                                    "snapshot"};

// In the order of Wire.
constexpr std::array kWires = {NameOf(Wire::kAuto), NameOf(Wire::kNone), NameOf(Wire::kGzip),
                               NameOf(Wire::kZstd)};

// Keys that mean something to some kinds of control only.
struct ControlKey {
  std::string_view key;
  std::vector<ControlKind> controls;
};

std::vector<ControlKey> ControlKeys() {
  using enum ControlKind;
  return {{"project", {kCompose}},
          {"ignore_mounts", {kCompose, kSystemd, kCommands}},
          {"units", {kSystemd}},
          {"stop", {kCommands}},
          {"start", {kCommands}},
          {"status", {kCommands}},
          {"stop_timeout", {kCompose, kSystemd, kCommands}},
          {"start_timeout", {kCompose, kSystemd, kCommands}},
          {"max_downtime", {kCompose, kSystemd, kCommands}},
          {"stall_timeout", {kCompose, kSystemd, kCommands}},
          {"guard", {kCompose, kSystemd, kCommands}}};
}

Result<void> CheckControlKeys(const NamedValue& named, ControlKind control) {
  const YamlNode& map = named.value.node;
  for (const auto& [key, controls] : ControlKeys()) {
    const YamlNode::Entry* entry = FindEntry(map, key);
    if (entry == nullptr) continue;
    if (std::find(controls.begin(), controls.end(), control) != controls.end()) continue;
    const bool stated = FindEntry(map, "control") != nullptr;
    return FailAt(entry->at, "{}.{}: means nothing with `control: {}`{}; {}", named.value.name, key,
                  NameOf(control), stated ? "" : ", the default",
                  control == ControlKind::kNone
                      ? "remove it"
                      : fmt::format("remove it, or write `control: {}`", NameOf(controls.front())));
  }
  return {};
}

Result<void> CheckNeeded(const NamedValue& named, ControlKind control) {
  const YamlNode& map = named.value.node;
  std::vector<std::string_view> needed;
  if (control == ControlKind::kSystemd) needed = {"units"};
  if (control == ControlKind::kCommands) needed = {"stop", "start"};
  for (const auto key : needed) {
    if (FindEntry(map, key) != nullptr) continue;
    return FailAt(FindEntry(map, "control")->value->at, "{}: `control: {}` needs `{}:` too",
                  named.value.name, NameOf(control), key);
  }
  return {};
}

Result<void> CheckMode(const NamedValue& named, const ServiceConfig& service) {
  const YamlNode& map = named.value.node;
  if (service.mode == Mode::kPause && service.control != ControlKind::kCompose) {
    return FailAt(FindEntry(map, "mode")->value->at,
                  "{}.mode: only containers can be paused: pause needs `control: compose`, not {}; "
                  "write `mode: stop`, or remove the key",
                  named.value.name, NameOf(service.control));
  }
  if (service.mode != Mode::kLive) return {};
  for (const std::string_view key : {"max_downtime", "stall_timeout", "guard"}) {
    const YamlNode::Entry* entry = FindEntry(map, key);
    if (entry == nullptr) continue;
    return FailAt(entry->at,
                  "{}.{}: means nothing with `mode: live`, which stops nothing; remove it",
                  named.value.name, key);
  }
  return {};
}

// Compose's own rule for project names.
bool IsProjectName(std::string_view name) {
  const auto fits = [](char c, std::string_view more) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.find(c) != more.npos;
  };
  return !name.empty() && fits(name.front(), "") &&
         std::all_of(name.begin(), name.end(), [&](char c) { return fits(c, "_-"); });
}

Result<std::string> ReadProject(const ConfigValue& value) {
  auto project = ORCIO_TRY(ReadText(value));
  if (!IsProjectName(project)) {
    return FailValue(value,
                     "{} is no compose project; they are named with a-z, 0-9, _ and -, a letter or "
                     "digit first (`docker compose ls` lists them)",
                     Quoted(project));
  }
  return project;
}

// See systemd.unit(5). As systemctl does, a name without a unit's suffix is that of a service.
Result<std::string> ReadUnit(const ConfigValue& value) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\@-";
  constexpr std::array<std::string_view, 10> kSuffixes = {
      ".service", ".socket",    ".timer", ".path",  ".target",
      ".mount",   ".automount", ".swap",  ".slice", ".scope"};
  constexpr size_t kMaxUnit = 255;
  auto unit = ORCIO_TRY(ReadText(value));
  const auto has = [&](std::string_view suffix) { return unit.ends_with(suffix); };
  const auto suffix = std::find_if(kSuffixes.begin(), kSuffixes.end(), has);
  if (suffix == kSuffixes.end()) unit += ".service";
  const size_t stem = unit.rfind('.');
  if (stem == 0 || unit.size() > kMaxUnit || unit.front() == '-' ||
      unit.find_first_not_of(kAllowed) != std::string::npos) {
    return FailValue(value, "{} is no systemd unit; write e.g. named.service",
                     Quoted(value.node.text));
  }
  return unit;
}

Result<std::vector<std::string>> ReadUnits(const ConfigValue& value) {
  std::vector<std::string> units;
  for (const auto& item : ORCIO_TRY(ReadItems(value))) {
    auto unit = ORCIO_TRY(ReadUnit(item));
    if (std::find(units.begin(), units.end(), unit) != units.end()) {
      return FailValue(item, "{} is listed already", Quoted(unit));
    }
    units.push_back(std::move(unit));
  }
  if (units.empty()) return FailValue(value, "names no unit");
  return units;
}

bool LiesIn(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

Result<std::vector<std::string>> ReadPaths(const ConfigValue& value) {
  std::vector<std::string> paths;
  for (const auto& item : ORCIO_TRY(ReadItems(value))) {
    auto path = ORCIO_TRY(ReadAbsolutePath(item));
    for (const auto& other : paths) {
      if (LiesIn(path, other) || LiesIn(other, path)) {
        return FailValue(item, "{} and {} overlap and would be archived twice; keep the outer one",
                         Quoted(path), Quoted(other));
      }
    }
    paths.push_back(std::move(path));
  }
  if (paths.empty()) {
    return FailValue(value, "names no path; remove the key for the default, /srv/SERVICE");
  }
  return paths;
}

Result<std::string> ReadPattern(const ConfigValue& value) {
  auto pattern = ORCIO_TRY(ReadText(value));
  if (pattern.front() == '/') {
    return FailValue(value,
                     "{} must be relative to the service's paths; for /srv/wiki/cache write cache",
                     Quoted(pattern));
  }
  while (pattern.ends_with('/')) pattern.pop_back();
  for (const std::string_view part : {"/./", "/../", "//"}) {
    if (("/" + pattern + "/").find(part) == std::string::npos) continue;
    return FailValue(value, "{} matches nothing; write it without \".\", \"..\" and \"//\"",
                     Quoted(pattern));
  }
  const size_t last = pattern.find_last_not_of('\\');
  const size_t backslashes = pattern.size() - (last == std::string::npos ? 0 : last + 1);
  if (backslashes % 2 != 0) {
    return FailValue(value, "{} ends in a backslash; double it", Quoted(pattern));
  }
  return pattern;
}

Result<std::vector<std::string>> ReadPatterns(const ConfigValue& value) {
  std::vector<std::string> patterns;
  for (const auto& item : ORCIO_TRY(ReadItems(value))) {
    patterns.push_back(ORCIO_TRY(ReadPattern(item)));
  }
  return patterns;
}

// A path on the host, the name of a volume, or SERVICE:/PATH: what a path in a container is.
Result<std::vector<std::string>> ReadMountPatterns(const ConfigValue& value) {
  std::vector<std::string> patterns;
  for (const auto& item : ORCIO_TRY(ReadItems(value))) {
    auto pattern = ORCIO_TRY(ReadText(item));
    while (pattern.size() > 1 && pattern.ends_with('/')) pattern.pop_back();
    const size_t slash = pattern.find('/');
    if (slash != std::string::npos && slash != 0 && pattern[slash - 1] != ':') {
      return FailValue(item,
                       "{} is neither a path on the host, nor a volume's name, nor SERVICE:/PATH",
                       Quoted(pattern));
    }
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

Result<Mode> ReadMode(const ConfigValue& value) {
  const size_t choice = ORCIO_TRY(ReadChoice(value, kModes));
  if (choice <= static_cast<size_t>(Mode::kLive)) return static_cast<Mode>(choice);
  return FailValue(
      value,
      "this version archives with `mode: stop`, `precopy`, `pause` or `live` only, not "
      "yet with {}; write one of them or remove the key",
      kModes[choice]);
}

Result<uint32_t> ReadFullEvery(const ConfigValue& value) {
  return static_cast<uint32_t>(ORCIO_TRY(ReadNumber(value, 1, 1000)));
}

Result<std::optional<std::chrono::seconds>> ReadGuard(const ConfigValue& value) {
  if (value.node.kind == YamlNode::Kind::kText && value.node.text == "none")
    return std::optional<std::chrono::seconds>();
  constexpr std::chrono::seconds kLongest{60};
  const auto silence = ORCIO_TRY(ReadDuration(value));
  if (silence <= kLongest) return std::optional(silence);
  return FailValue(value,
                   "must be at most 60s: a service that was stopped runs again within a minute, "
                   "whatever happens; write `guard: none` for no guard on the host");
}

Result<unsigned> ReadCount(const ConfigValue& value) {
  constexpr uint64_t kMost = 10'000;
  return static_cast<unsigned>(ORCIO_TRY(ReadNumber(value, 0, kMost)));
}

Result<RetentionPolicy> ReadKeep(const ConfigValue& value) {
  RetentionPolicy keep;
  const std::array fields = {
      Into("last", keep.last, ReadCount),       Into("hourly", keep.hourly, ReadCount),
      Into("daily", keep.daily, ReadCount),     Into("weekly", keep.weekly, ReadCount),
      Into("monthly", keep.monthly, ReadCount), Into("yearly", keep.yearly, ReadCount),
      Into("within", keep.within, ReadDuration)};
  ORCIO_TRY(ReadFields(value, fields));
  if (!keep.empty()) return keep;
  return FailValue(value,
                   "keeps no archive; write e.g. {{last: 3}}, or remove the key to keep all");
}

Result<std::string> ReadHostName(const ConfigValue& value,
                                 const std::map<std::string, HostConfig>& hosts) {
  auto name = ORCIO_TRY(ReadText(value));
  if (hosts.contains(name)) return name;
  std::vector<std::string_view> known;
  known.reserve(hosts.size());
  for (const auto& host : hosts) known.push_back(host.first);
  return FailValue(value, "{} is not in `hosts:`{}", Quoted(name), Suggestion(name, known));
}

Result<bool> ReadOffsite(const ConfigValue& value) {
  const auto text = ORCIO_TRY(ReadText(value));
  if (text == "never") return true;
  return FailValue(value, "must be never, not {}; remove the key where copies may leave",
                   Quoted(text));
}

// Defaults that follow from the name.
Result<void> Complete(const NamedValue& named, ServiceConfig& service) {
  if (service.host.empty()) {
    return FailAt(named.key_at, "{}: has no host; add `host:` with a name from `hosts:`",
                  named.value.name);
  }
  if (service.paths.empty()) service.paths = {"/srv/" + service.name};
  if (service.control != ControlKind::kCompose || !service.project.empty()) return {};
  if (!IsProjectName(service.name)) {
    return FailAt(named.key_at,
                  "{}: no compose project can have that name; add `project:` with the project's",
                  named.value.name);
  }
  service.project = service.name;
  return {};
}

Result<void> ReadServiceFields(const ConfigValue& value,
                               const std::map<std::string, HostConfig>& hosts,
                               ServiceConfig& service) {
  const auto read_control = [](const ConfigValue& v) -> Result<ControlKind> {
    return static_cast<ControlKind>(ORCIO_TRY(ReadChoice(v, kControls)));
  };
  const auto read_wire = [](const ConfigValue& v) -> Result<Wire> {
    return static_cast<Wire>(ORCIO_TRY(ReadChoice(v, kWires)));
  };
  const auto read_hooks = [defaults = service.hooks](const ConfigValue& v) {
    return ReadHooks(v, defaults);
  };
  const auto read_host = [&hosts](const ConfigValue& v) { return ReadHostName(v, hosts); };
  const std::array fields = {Into("host", service.host, read_host),
                             Into("paths", service.paths, ReadPaths),
                             Into("control", service.control, read_control),
                             Into("project", service.project, ReadProject),
                             Into("units", service.units, ReadUnits),
                             Into("stop", service.stop_command, ReadCommand),
                             Into("start", service.start_command, ReadCommand),
                             Into("status", service.status_command, ReadCommand),
                             Into("mode", service.mode, ReadMode),
                             Into("full_every", service.full_every, ReadFullEvery),
                             Into("wire", service.wire, read_wire),
                             Into("stop_timeout", service.stop_timeout, ReadDuration),
                             Into("start_timeout", service.start_timeout, ReadDuration),
                             Into("max_downtime", service.max_downtime, ReadDuration),
                             Into("stall_timeout", service.stall_timeout, ReadDuration),
                             Into("guard", service.guard, ReadGuard),
                             Into("exclude", service.exclude, ReadPatterns),
                             Into("ignore_mounts", service.ignore_mounts, ReadMountPatterns),
                             Into("min_ratio", service.min_ratio, ReadShare),
                             Into("keep", service.keep, ReadKeep),
                             Into("max_age", service.max_age, ReadDuration),
                             Into("offsite", service.offsite_never, ReadOffsite),
                             Into("hooks", service.hooks, read_hooks),
                             Into("ping", service.ping, ReadPing)};
  return ReadFields(value, fields);
}

}  // namespace

Result<ServiceConfig> ReadService(const NamedValue& named,
                                  const std::map<std::string, HostConfig>& hosts,
                                  const HookConfig& hooks) {
  ServiceConfig service;
  service.name = named.key;
  service.guard = kDefaultGuard;
  service.min_ratio = kDefaultMinRatio;
  service.wire = Wire::kAuto;
  service.hooks = hooks;
  // A name such as "wiki-2022" must not be taken for a part of the date when archives are listed.
  const auto listed = ParseArchiveName(MakeArchiveName(service.name, 0), 0);
  if (!listed || listed->service != service.name) {
    return FailAt(named.key_at, "{}: its archives' names would be misread; choose another name",
                  named.value.name);
  }
  // An empty entry is not "remove the key": what it lacks is its host.
  if (named.value.node.kind != YamlNode::Kind::kNull) {
    ORCIO_TRY(ReadServiceFields(named.value, hosts, service));
    ORCIO_TRY(CheckControlKeys(named, service.control));
    ORCIO_TRY(CheckNeeded(named, service.control));
    ORCIO_TRY(CheckMode(named, service));
  }
  service.mode_chosen = named.value.node.kind != YamlNode::Kind::kNull &&
                        FindEntry(named.value.node, "mode") != nullptr;
  if (!service.mode_chosen && service.control == ControlKind::kCompose)
    service.mode = Mode::kPrecopy;
  ORCIO_TRY(Complete(named, service));
  return service;
}

}  // namespace orcio::inline archiver
