#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

#include "archiver/outcome/outcome_text.h"
#include "base/bytes.h"
#include "cli/keep/health.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "fusefs/kernel/mount_counters.h"
#include "index/files/part_file.h"

namespace orcio::cli {
namespace {

struct StatusChoice {
  std::string mountpoint;
  std::string prometheus;
};

double SecondsOf(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

nlohmann::json ToJson(const std::string& mountpoint, const MountCounters& counters) {
  const SpanCache::Counters& cache = counters.cache;
  return {{"mountpoint", mountpoint},
          {"requests", counters.requests},
          {"open_files", counters.open_files},
          {"open_archives", counters.open_archives},
          {"cache",
           {{"bytes", cache.bytes},
            {"budget_bytes", counters.cache_budget},
            {"hits", cache.hits},
            {"misses", cache.misses},
            {"waits", cache.waits},
            {"decodes", cache.decodes},
            {"decoded_bytes", cache.decoded_bytes},
            {"decode_seconds", SecondsOf(cache.decode_nanoseconds)}}}};
}

std::string ToTable(const MountCounters& counters) {
  const SpanCache::Counters& cache = counters.cache;
  const uint64_t asked = cache.hits + cache.misses + cache.waits;
  const auto share = [&](uint64_t of) {
    return asked == 0 ? std::to_string(of)
                      : fmt::format("{} ({:.1f} %)", of,
                                    100.0 * static_cast<double>(of) / static_cast<double>(asked));
  };
  return FormatTable({{"requests", std::to_string(counters.requests)},
                      {"open files", std::to_string(counters.open_files)},
                      {"open archives", std::to_string(counters.open_archives)},
                      {"cache", fmt::format("{} of {}", FormatBytes(cache.bytes),
                                            FormatBytes(counters.cache_budget))},
                      {"  hits", share(cache.hits)},
                      {"  misses", share(cache.misses)},
                      {"  waits", share(cache.waits)},
                      {"  decodes", fmt::format("{}: {} in {:.2f} s", cache.decodes,
                                                FormatBytes(cache.decoded_bytes),
                                                SecondsOf(cache.decode_nanoseconds))}},
                     {false, false});
}

ExitCode MountStatus(const Context& context, const std::string& mountpoint) {
  const auto counters = ReadMountCounters(mountpoint);
  if (!counters) return context.Report(counters.error());
  if (context.json)
    context.PrintJson(ToJson(mountpoint, *counters));
  else
    context.Print(ToTable(*counters));
  return kDone;
}

constexpr std::array<const char*, 3> kWords = {"OK", "WARNING", "CRITICAL"};
// What Nagios takes for "unknown": nothing could be found out.
constexpr auto kUnknown = static_cast<ExitCode>(3);

const char* WordOf(Health health) {
  return kWords.at(static_cast<size_t>(health));
}

nlohmann::json ToJson(const ServiceHealth& service, int64_t now_seconds) {
  nlohmann::json object = {{"service", service.service},
                           {"host", service.host},
                           {"status", WordOf(service.health)},
                           {"message", service.words},
                           {"archives", service.archives}};
  if (const auto verified = service.verified.seconds()) object["verified_seconds"] = *verified;
  if (const auto full = service.verified.full_seconds) {
    object["full_verified_seconds"] = *full;
    object["full_verified_age_seconds"] = std::max<int64_t>(now_seconds - *full, 0);
  }
  if (!service.last) return object;
  object["date"] = service.last->date;
  object["age_seconds"] = service.last->age_seconds;
  object["bytes"] = service.last->bytes;
  if (service.last->facts && service.last->facts->downtime)
    object["downtime"] = ToJson(*service.last->facts->downtime);
  return object;
}

std::vector<std::string> ToRow(const ServiceHealth& service) {
  const auto& last = service.last;
  const bool down = last && last->facts && last->facts->downtime;
  return {service.service,
          service.host,
          last ? last->date : "-",
          last ? FormatSeconds(static_cast<double>(last->age_seconds)) : "-",
          last ? FormatBytes(last->bytes) : "-",
          down ? DowntimeCell(*last->facts->downtime) : "-",
          FormatVerified(service.verified.full_seconds, service.verified.quick_seconds),
          WordOf(service.health) + (service.words.empty() ? "" : ": " + service.words)};
}

// One line for the monitor's notification, which is all that many of them show; then the table.
std::string Summary(const std::vector<ServiceHealth>& services, Health worst) {
  std::string bad;
  for (const ServiceHealth& service : services) {
    if (service.health != Health::kGood)
      bad += (bad.empty() ? "" : "; ") + service.service + ": " + service.words;
  }
  if (bad.empty())
    bad = services.size() == 1 ? services.front().service + " has its archive"
                               : fmt::format("{} services have their archives", services.size());
  return fmt::format("{}: {}\n", WordOf(worst), bad);
}

// Whole or not at all, and for everybody to read: what collects it is somebody else.
Result<void> Write(const std::filesystem::path& path, const std::string& text) {
  const auto& files = LocalFileSystem();
  auto part = ORCIO_TRY(PartFile::CreateBeside(files, path));
  ORCIO_TRY(part.file().Append(AsBytes(text)));
  std::error_code error;
  std::filesystem::permissions(part.path(), std::filesystem::perms(0644), error);
  if (error) return FailErrno(error.value(), part.path().string());
  ORCIO_TRY(part.MoveOnto(path));
  part.Keep();
  return {};
}

Result<Health> ServiceStatus(const Context& context, const std::string& prometheus) {
  const Config config = ORCIO_TRY(context.LoadConfiguration());
  const Repository repository = ORCIO_TRY(context.OpenRepository());
  const int64_t now_seconds = std::time(nullptr);
  const auto services = ORCIO_TRY(LookAtServices(config, repository, now_seconds));
  Health worst = Health::kGood;
  std::vector<std::vector<std::string>> rows{
      {"SERVICE", "HOST", "LAST", "AGE", "SIZE", "DOWNTIME", "VERIFIED", "STATUS"}};
  nlohmann::json objects = nlohmann::json::array();
  for (const ServiceHealth& service : services) {
    worst = std::max(worst, service.health);
    rows.push_back(ToRow(service));
    objects.push_back(ToJson(service, now_seconds));
  }
  if (!prometheus.empty()) ORCIO_TRY(Write(prometheus, ToPrometheus(services)));
  if (context.json) {
    context.PrintJson({{"status", WordOf(worst)}, {"services", objects}});
  } else if (!context.quiet && prometheus.empty()) {
    context.Print(Summary(services, worst));
    context.Print(FormatTable(rows, {false, false, false, true, true, true, false, false}));
  }
  return worst;
}

ExitCode RunStatus(const Context& context, const StatusChoice& choice) {
  if (!choice.mountpoint.empty()) return MountStatus(context, choice.mountpoint);
  const auto health = ServiceStatus(context, choice.prometheus);
  if (health) return static_cast<ExitCode>(*health);
  (void)context.Report(health.error());
  return kUnknown;
}

}  // namespace

Command AddStatus(CLI::App& app, const Context& context) {
  auto choice = std::make_shared<StatusChoice>();
  app.add_option("--mount", choice->mountpoint,
                 "Of the mount on this directory: its cache, what is open");
  app.add_option("--prometheus", choice->prometheus,
                 "Write metrics to this file, for node_exporter's textfile collector");
  return [&context, choice] { return RunStatus(context, *choice); };
}

}  // namespace orcio::cli
