#include "cli/keep/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "archiver/safety/run_journal.h"
#include "cli/output/text.h"
#include "index/repository/archive_state.h"
#include "index/repository/latest_first.h"
#include "index/repository/repository_lock.h"

namespace orcio::cli {
namespace {

void Worsen(ServiceHealth& health, Health to, const std::string& why) {
  health.health = std::max(health.health, to);
  health.words += (health.words.empty() ? "" : "; ") + why;
}

LastArchive Describe(const ArchiveFile& archive, const ArchiveState& state, int64_t now_seconds) {
  LastArchive last;
  last.date = archive.date;
  last.seconds = archive.name.seconds;
  last.age_seconds = std::max<int64_t>(now_seconds - archive.name.seconds, 0);
  last.bytes = archive.status.size;
  if (auto facts = state.sidecar->facts()) last.facts = std::move(*facts);
  return last;
}

void Note(const Verification& verification, LastVerified& last) {
  const auto note = [](const std::optional<VerificationRun>& run, std::optional<int64_t>& seconds) {
    if (run) seconds = std::max(seconds, std::optional(run->seconds));
  };
  note(verification.full, last.full_seconds);
  note(verification.quick, last.quick_seconds);
}

// Of one that is not to be counted on: why not.
std::string WhatIsWrong(const ArchiveFile& archive, const ArchiveState& state) {
  const auto shrunk_from = state.whole() ? state.shrunk_from() : std::nullopt;
  if (!shrunk_from) return archive.date + " is " + state.words;
  return fmt::format(
      "{} is far smaller than those before it ({} of tar in {} entries, not {} in {})",
      archive.date, FormatBytes(state.sidecar->end_of_entries()), state.sidecar->entry_count(),
      FormatBytes(shrunk_from->tar_bytes), shrunk_from->entries);
}

// An archive that is dated in the future says nothing of an age, and everything of a clock.
void LookAtDates(const std::vector<const ArchiveFile*>& latest_first, int64_t now_seconds,
                 ServiceHealth& health) {
  const auto in_future = [&](const ArchiveFile* archive) {
    return IsInFuture(archive->name.seconds, now_seconds);
  };
  const auto first = std::find_if(latest_first.begin(), latest_first.end(), in_future);
  if (first == latest_first.end()) return;
  const auto count = latest_first.end() - first;
  Worsen(health, Health::kWarning,
         fmt::format("{} in the future: look at this machine's clock; if it is right, {}",
                     count == 1
                         ? (*first)->date + " is dated"
                         : fmt::format("{} archives, up to {}, are dated", count, (*first)->date),
                     count == 1 ? "rename or remove it" : "rename or remove those"));
}

// Of archives as LatestFirst has them: the last complete one that did not shrink, a warning for
// what came after it, and when any was verified. One dated in the future is the last one only if
// all are. Whoever may not read them finds out nothing: that is no word on the backups.
Result<void> LookAtArchives(const FileSystem& files,
                            const std::vector<const ArchiveFile*>& latest_first,
                            int64_t now_seconds, ServiceHealth& health) {
  const auto in_future = [&](const ArchiveFile* archive) {
    return IsInFuture(archive->name.seconds, now_seconds);
  };
  const bool all_are = !latest_first.empty() && in_future(latest_first.front());
  for (const ArchiveFile* archive : latest_first) {
    const ArchiveState state = LookAtArchive(files, *archive);
    if (!health.last && state.failure && IsPermissionDenied(*state.failure))
      return Failure(*state.failure);
    if (state.verified) Note(*state.verified, health.verified);
    if (health.last || (!all_are && in_future(archive))) continue;
    if (state.good()) {
      health.last = Describe(*archive, state, now_seconds);
    } else {
      Worsen(health, Health::kWarning, WhatIsWrong(*archive, state));
    }
  }
  return {};
}

Result<ServiceHealth> LookAt(const ServiceConfig& service, const Repository& repository,
                             const std::vector<ArchiveFile>& archives, bool held,
                             int64_t now_seconds) {
  ServiceHealth health{service.name, service.host, Health::kGood, {}, 0, std::nullopt, {}};
  const auto latest_first = LatestFirst(archives, service.name, now_seconds);
  health.archives = latest_first.size();
  const auto& files = repository.files();
  if (!held && !RefuseUnrecovered(files, repository.directory(), service.name)) {
    Worsen(health, Health::kCritical,
           "an interrupted run may have left it stopped: run orcio recover");
  }
  ORCIO_TRY(LookAtArchives(files, latest_first, now_seconds, health));
  LookAtDates(latest_first, now_seconds, health);
  if (!health.last) {
    Worsen(health, Health::kCritical,
           latest_first.empty() ? "was never archived" : "has no complete archive");
    return health;
  }
  if (service.max_age && health.last->age_seconds > service.max_age->count()) {
    Worsen(health, Health::kCritical,
           fmt::format("its last complete archive is older than {}",
                       FormatSeconds(static_cast<double>(service.max_age->count()))));
  }
  if (health.last->facts && !health.last->facts->warnings.empty()) {
    Worsen(health, Health::kWarning,
           fmt::format("{} in {}", FormatCount(health.last->facts->warnings.size(), "warning"),
                       health.last->date));
  }
  return health;
}

using Value = std::optional<double>;

Value AsValue(std::optional<int64_t> seconds) {
  return seconds ? Value(static_cast<double>(*seconds)) : std::nullopt;
}

std::string Escaped(const std::string& label) {
  std::string text;
  for (const char c : label) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? ' ' : c;
  }
  return text;
}

// Of the run of the last complete archive.
Value RunSeconds(const ServiceHealth& health) {
  if (!health.last || !health.last->facts || health.last->facts->end_seconds == 0)
    return std::nullopt;
  const RunFacts& facts = *health.last->facts;
  return static_cast<double>(facts.end_seconds - facts.start_seconds);
}

Value DowntimeSeconds(const ServiceHealth& health) {
  if (!health.last || !health.last->facts || !health.last->facts->downtime) return std::nullopt;
  return health.last->facts->downtime->total();
}

Value WarningCount(const ServiceHealth& health) {
  if (!health.last || !health.last->facts) return std::nullopt;
  return static_cast<double>(health.last->facts->warnings.size());
}

struct Metric {
  const char* name;
  const char* help;
  std::function<Value(const ServiceHealth&)> value;
};

std::vector<Metric> Metrics() {
  const auto last = [](auto value) {
    return [value](const ServiceHealth& health) -> Value {
      return health.last ? Value(value(*health.last)) : std::nullopt;
    };
  };
  return {{"status", "0 good, 1 warning, 2 critical",
           [](const ServiceHealth& h) -> Value { return static_cast<double>(h.health); }},
          {"archives", "Archives in the repository",
           [](const ServiceHealth& h) -> Value { return static_cast<double>(h.archives); }},
          {"last_success_timestamp_seconds", "Date of the last complete archive",
           last([](const LastArchive& a) { return static_cast<double>(a.seconds); })},
          {"last_bytes", "Size of the last complete archive",
           last([](const LastArchive& a) { return static_cast<double>(a.bytes); })},
          {"last_duration_seconds", "How long its run took", RunSeconds},
          {"last_downtime_seconds", "How long the service was down for it", DowntimeSeconds},
          {"last_warnings", "Warnings of its run", WarningCount},
          {"last_verified_timestamp_seconds",
           "When any of its archives was last verified, quickly or in full",
           [](const ServiceHealth& h) { return AsValue(h.verified.seconds()); }},
          {"last_full_verified_timestamp_seconds",
           "When any of its archives was last verified in full, by reading every byte",
           [](const ServiceHealth& h) { return AsValue(h.verified.full_seconds); }}};
}

}  // namespace

Result<std::vector<ServiceHealth>> LookAtServices(const Config& config,
                                                  const Repository& repository,
                                                  int64_t now_seconds) {
  const auto archives = ORCIO_TRY(repository.List());
  const bool held = RepositoryLock::IsHeld(repository.directory());
  std::vector<ServiceHealth> services;
  for (const ServiceConfig& service : config.services)
    services.push_back(ORCIO_TRY(LookAt(service, repository, archives, held, now_seconds)));
  return services;
}

std::string ToPrometheus(const std::vector<ServiceHealth>& services) {
  std::string text;
  for (const Metric& metric : Metrics()) {
    text += fmt::format("# HELP orcio_{0} {1}\n# TYPE orcio_{0} gauge\n", metric.name, metric.help);
    for (const ServiceHealth& health : services) {
      const Value value = metric.value(health);
      if (!value) continue;
      text += fmt::format("orcio_{}{{service=\"{}\",host=\"{}\"}} {}\n", metric.name,
                          Escaped(health.service), Escaped(health.host), *value);
    }
  }
  return text;
}

}  // namespace orcio::cli
