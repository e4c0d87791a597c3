#include "archiver/control/systemd_units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "archiver/control/unit_order.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// RequiredBy and the four after it: what systemd stops with a unit (unit-dependency-atom.c there,
// UNIT_ATOM_PROPAGATE_STOP). One that it does not know, since it is older, it leaves out. After has
// what another unit's Before= says, too.
constexpr const char* kProperties =
    "--property=Id,LoadState,ActiveState,SubState,Job,InvocationID,ActiveEnterTimestampMonotonic,"
    "CanStart,CanStop,TimeoutStopUSec,RequiredBy,RequisiteOf,BoundBy,ConsistsOf,PropagatesStopTo,"
    "TriggeredBy,After";

constexpr size_t kMostUnits = 500;

// What a unit is given that would wait for ever for its processes to end.
constexpr std::chrono::seconds kEndlessStop{600};

std::string* FieldOf(UnitState& state, std::string_view property) {
  const std::map<std::string_view, std::string*> fields{
      {"Id", &state.id},
      {"LoadState", &state.load},
      {"ActiveState", &state.active},
      {"SubState", &state.sub},
      {"Job", &state.job},
      {"InvocationID", &state.invocation},
      {"ActiveEnterTimestampMonotonic", &state.entered},
      {"CanStart", &state.can_start},
      {"CanStop", &state.can_stop}};
  const auto field = fields.find(property);
  return field == fields.end() ? nullptr : field->second;
}

std::vector<std::string>* ListOf(UnitState& state, std::string_view property) {
  constexpr std::array<std::string_view, 5> kStopWithIt{"RequiredBy", "RequisiteOf", "BoundBy",
                                                        "ConsistsOf", "PropagatesStopTo"};
  if (property == "TriggeredBy") return &state.triggers;
  if (property == "After") return &state.after;
  const bool stops =
      std::find(kStopWithIt.begin(), kStopWithIt.end(), property) != kStopWithIt.end();
  return stops ? &state.stop_with_it : nullptr;
}

void ReadProperty(const std::string& line, UnitState& state) {
  const size_t equals = line.find('=');
  if (equals == std::string::npos) return;
  const auto property = std::string_view(line).substr(0, equals);
  const std::string value = line.substr(equals + 1);
  if (auto* field = FieldOf(state, property)) *field = value;
  if (property == "TimeoutStopUSec") {
    state.stop_timeout = value == "infinity" ? kEndlessStop : ParseTimeSpan(value);
  }
  if (auto* list = ListOf(state, property)) {
    for (auto& name : Split(value, ' ')) {
      if (!name.empty()) list->push_back(std::move(name));
    }
  }
}

Failure NoSense(const RemoteHost& host, const std::string& answer) {
  return Fail(ErrorKind::kRemote, "{}: systemctl's answer makes no sense: {}", host.name(),
              Excerpt(answer));
}

// See systemd.unit(5).
bool IsUnitName(const std::string& name) {
  constexpr const char* kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\@-";
  return name.size() <= 255 && !name.starts_with('.') &&
         name.find_first_not_of(kAllowed) == std::string::npos &&
         name.find('.') != std::string::npos;
}

// The units that are known so far, and which to ask for next.
class UnitSearch {
 public:
  explicit UnitSearch(const RemoteHost& host) : host_(host) {}

  [[nodiscard]] const std::vector<FoundUnit>& found() const { return found_; }

  // kRemote if what systemd says of it makes no sense.
  Result<void> Add(const std::string& name, bool listed, const UnitState& state) {
    known_.insert(name);
    // It may be known by another name.
    if (!state.id.empty() && state.id != name && !known_.insert(state.id).second) return {};
    const bool stops = stopping_.count(name) != 0;
    if (!listed && !stops && !state.running()) return {};  // would start others, but is down
    found_.push_back({name, listed, state});
    if (listed && !stops && !state.running()) {
      idle_[name] = state.stop_with_it;
      return {};
    }
    ORCIO_TRY(AskForStopping(state.stop_with_it));
    if (!state.running()) return {};
    for (const auto& trigger : state.triggers) ORCIO_TRY(Ask(trigger));
    return {};
  }

  std::vector<std::string> TakeNext() {
    std::vector<std::string> names;
    for (auto& name : std::exchange(next_, {})) {
      if (known_.count(name) == 0) names.push_back(std::move(name));
    }
    return names;
  }

 private:
  // It goes on through units that are down, as systemd does.
  Result<void> AskForStopping(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      stopping_.insert(name);
      ORCIO_TRY(Ask(name));
      if (const auto idle = idle_.extract(name)) ORCIO_TRY(AskForStopping(idle.mapped()));
    }
    return {};
  }

  Result<void> Ask(const std::string& name) {
    if (!IsUnitName(name)) return NoSense(host_, name);
    const bool asked = std::find(next_.begin(), next_.end(), name) != next_.end();
    if (!asked && known_.count(name) == 0) next_.push_back(name);
    return {};
  }

  const RemoteHost& host_;
  std::vector<FoundUnit> found_;
  std::set<std::string> known_;
  std::vector<std::string> next_;
  std::set<std::string> stopping_;  // with others, whether they run or not
  // Listed units that are not stopped, for all that is known, with what would stop with them.
  std::map<std::string, std::vector<std::string>> idle_;
};

}  // namespace

bool IsTrigger(std::string_view unit) {
  return unit.ends_with(".socket") || unit.ends_with(".path") || unit.ends_with(".timer") ||
         unit.ends_with(".automount");
}

std::optional<std::chrono::seconds> ParseTimeSpan(std::string_view text) {
  constexpr int64_t kDay = 86400;
  // As format_timespan() there has them.
  static const std::map<std::string_view, int64_t> kUnits{
      {"us", 0},        {"ms", 0},   {"s", 1},        {"min", 60},
      {"h", 3600},      {"d", kDay}, {"w", 7 * kDay}, {"month", 30 * kDay},
      {"y", 365 * kDay}};
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  for (const auto& word : Split(text, ' ')) {
    int64_t count = 0;
    const char* const end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data(), end, count);
    std::string_view unit(rest, static_cast<size_t>(end - rest));
    if (unit.starts_with('.'))
      unit.remove_prefix(std::min(unit.find_first_not_of("0123456789", 1), unit.size()));
    const auto known = kUnits.find(unit);
    if (error != std::errc() || count < 0 || known == kUnits.end()) return std::nullopt;
    total = std::min(kDay, total + std::min(count, kDay) * known->second);
  }
  return std::chrono::seconds(total);
}

Failure SystemctlFailure(const RemoteHost& host, const std::string& what,
                         const CommandResult& result) {
  if (result.exit_status == 127) {
    return Fail(ErrorKind::kRemote,
                "{}: there is no systemctl in the PATH of the login user: set the service's "
                "control to compose, commands or none",
                host.name());
  }
  return RemoteFailure(host, what, result);
}

Result<std::vector<UnitState>> ShowUnits(RemoteHost& host, const std::vector<std::string>& units,
                                         const std::stop_token& stop) {
  std::vector<std::string> words{"systemctl", "show", kProperties, "--"};
  words.insert(words.end(), units.begin(), units.end());
  const auto result = ORCIO_TRY(host.Run(ShellCommand(words), {}, stop));
  if (result.exit_status != 0) return SystemctlFailure(host, "systemctl show", result);
  std::vector<UnitState> states;
  bool open = false;  // an empty line ends each unit's properties
  for (const auto& line : Lines(result.out)) {
    if (!line.empty() && !open) states.emplace_back();
    open = !line.empty();
    if (open) ReadProperty(line, states.back());
  }
  const bool complete = std::all_of(states.begin(), states.end(), [](const UnitState& state) {
    return !state.load.empty() && !state.active.empty();
  });
  if (states.size() != units.size() || !complete) return NoSense(host, result.out);
  return states;
}

Result<std::vector<FoundUnit>> FindUnits(RemoteHost& host, const std::vector<std::string>& listed,
                                         const std::stop_token& stop) {
  UnitSearch search(host);
  bool are_listed = true;
  for (auto names = listed; !names.empty(); names = search.TakeNext()) {
    if (search.found().size() + names.size() > kMostUnits) {
      return Fail(ErrorKind::kUnsupported,
                  "{}: more than {} units would stop with {}: that is no service, but most of the "
                  "host; correct the service's units: in the configuration",
                  host.name(), kMostUnits, Join(listed));
    }
    const auto states = ORCIO_TRY(ShowUnits(host, names, stop));
    for (size_t i = 0; i < names.size(); ++i) {
      if (are_listed && states[i].load == "not-found") {
        return Fail(ErrorKind::kNotFound,
                    "{}: systemd has no unit {}: correct the service's units: in the configuration",
                    host.name(), names[i]);
      }
      ORCIO_TRY(search.Add(names[i], are_listed, states[i]));
    }
    are_listed = false;
  }
  return InOrder(search.found());
}

}  // namespace orcio::inline archiver
