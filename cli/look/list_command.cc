#include <memory>
#include <optional>

#include "archiver/config/service_names.h"
#include "archiver/outcome/outcome_text.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "index/repository/archive_state.h"
#include "index/upkeep/protection.h"

namespace orcio::cli {
namespace {

// What `list` says of one archive: all of it from the directory and the sidecar, nothing is
// decoded.
struct Line {
  const ArchiveFile* archive = nullptr;
  ArchiveState state;
  bool is_protected = false;
  std::optional<RunFacts> facts;
};

Line Describe(const FileSystem& files, const ArchiveFile& archive) {
  Line line{&archive, LookAtArchive(files, archive),
            IsProtected(files, archive.path).value_or(false), std::nullopt};
  if (line.state.sidecar == nullptr) return line;
  if (auto facts = line.state.sidecar->facts()) line.facts = std::move(*facts);
  return line;
}

nlohmann::json ToJson(const Line& line) {
  nlohmann::json object = {{"service", line.archive->name.service},
                           {"date", line.archive->date},
                           {"bytes", line.archive->status.size},
                           {"state", line.state.words},
                           {"protected", line.is_protected}};
  AddPath(object, line.archive->path.string());
  if (const auto& sidecar = line.state.sidecar) {
    object["entries"] = sidecar->entry_count();
    object["tar_bytes"] = sidecar->tar_bytes();
    object["complete"] = sidecar->complete();
    object["sha256"] = ToHex(sidecar->archive().sha256);
  }
  if (line.facts && line.facts->downtime) object["downtime"] = ToJson(*line.facts->downtime);
  if (line.facts && line.facts->transfer) object["transfer"] = ToJson(*line.facts->transfer);
  if (line.facts && line.facts->wire) object["wire"] = ToJson(*line.facts->wire);
  if (line.facts && !line.facts->host.empty()) object["host"] = line.facts->host;
  if (line.facts && !line.facts->mode.empty()) object["mode"] = line.facts->mode;
  if (line.facts && !line.facts->warnings.empty()) object["warnings"] = line.facts->warnings;
  if (line.facts && line.facts->shrunk_from) {
    object["shrunk_from"] = {{"tar_bytes", line.facts->shrunk_from->tar_bytes},
                             {"entries", line.facts->shrunk_from->entries}};
  }
  if (line.state.verified) object["verified"] = ToJson(*line.state.verified);
  if (line.state.failure) object["error"] = line.state.failure->message;
  return object;
}

// What an archive is worth depends on it: if the service ran on, nothing in it need be
// consistent.
std::string_view HowAtRest(const Line& line) {
  if (!line.facts) return "";
  if (line.facts->mode == NameOf(Mode::kLive)) return ", live";
  return line.facts->mode == NameOf(Mode::kPause) ? ", paused" : "";
}

std::vector<std::string> ToRow(const Context& context, const Line& line) {
  const bool down = line.facts && line.facts->downtime;
  const auto& verified = line.state.verified;
  std::string state = line.state.words;
  state += HowAtRest(line);
  if (line.facts && line.facts->shrunk_from) state += ", shrunk";
  if (line.facts && !line.facts->warnings.empty())
    state += ", " + FormatCount(line.facts->warnings.size(), "warning");
  if (line.is_protected) state += ", protected";
  return {
      context.Shown(line.archive->name.service),
      line.archive->date,
      FormatBytes(line.archive->status.size),
      line.state.sidecar == nullptr ? "-" : fmt::format("{}", line.state.sidecar->entry_count()),
      down ? DowntimeCell(*line.facts->downtime) : "-",
      FormatVerified(
          verified && verified->full ? std::optional(verified->full->seconds) : std::nullopt,
          verified && verified->quick ? std::optional(verified->quick->seconds) : std::nullopt),
      state};
}

// Says of the first few archives that could not be looked at why: of a whole repository that is
// another user's it is the same each time.
class Unread {
 public:
  explicit Unread(const Context& context) : context_(context) {}

  void Note(const ArchiveState& state) {
    if (!state.failure) return;
    code_ = Worse(code_, ExitCodeOf(*state.failure));
    if (++count_ <= kMostTold) context_.Warn(state.failure->message);
  }
  // The exit code.
  [[nodiscard]] ExitCode Conclude() const {
    if (count_ > kMostTold)
      context_.Warn(fmt::format("and {} more that cannot be read", count_ - kMostTold));
    return code_;
  }

 private:
  static constexpr size_t kMostTold = 3;
  const Context& context_;
  size_t count_ = 0;
  ExitCode code_ = kDone;
};

ExitCode List(const Context& context, const std::string& service) {
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  const auto archives = repository->List();
  if (!archives) return context.Report(archives.error());

  std::vector<std::vector<std::string>> rows{
      {"SERVICE", "DATE", "SIZE", "ENTRIES", "DOWNTIME", "VERIFIED", "STATE"}};
  nlohmann::json objects = nlohmann::json::array();
  Unread unread(context);
  for (const ArchiveFile& archive : *archives) {
    if (!service.empty() && archive.name.service != service) continue;
    const Line line = Describe(repository->files(), archive);
    unread.Note(line.state);
    if (context.json) {
      objects.push_back(ToJson(line));
    } else {
      rows.push_back(ToRow(context, line));
    }
  }
  if (context.json) {
    context.PrintJson({{"repository", repository->directory().string()}, {"archives", objects}});
  } else if (rows.size() > 1) {
    context.Print(FormatTable(rows, {false, false, true, true, true, false, false}));
  }
  if (service.empty() || rows.size() > 1 || !objects.empty()) return unread.Conclude();
  const auto named = repository->ListService(service);
  return named ? kDone : context.Report(named.error());
}

}  // namespace

Command AddList(CLI::App& app, const Context& context) {
  auto service = std::make_shared<std::string>();
  app.add_option("SERVICE", *service, "Only this service's archives");
  return [&context, service] { return List(context, *service); };
}

}  // namespace orcio::cli
