#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/text.h"
#include "index/sidecar.h"

namespace orcio::cli {
namespace {

// What `list` says of one archive: all of it from the directory and the sidecar, nothing is
// decoded.
struct Line {
  const ArchiveFile* archive = nullptr;
  std::shared_ptr<const Sidecar> sidecar;  // nothing where there is none to trust
  std::string state;  // complete, incomplete, or what is wrong with the sidecar
  std::optional<RunFacts> facts;
};

Line Describe(const FileSystem& files, const ArchiveFile& archive) {
  Line line{&archive, nullptr, "not indexed", std::nullopt};
  auto sidecar = Sidecar::Open(files, archive.sidecar);
  if (!sidecar) {
    if (sidecar.error().kind != ErrorKind::kNotFound) line.state = "index damaged";
    return line;
  }
  auto file = files.OpenRead(archive.path);
  if (!file) {
    line.state = "unreadable";
    return line;
  }
  if (!(*sidecar)->CheckBelongsTo(**file)) {
    line.state = "index of another archive";
    return line;
  }
  if (auto facts = (*sidecar)->facts()) line.facts = std::move(*facts);
  line.state = (*sidecar)->complete() ? "complete" : "incomplete";
  line.sidecar = std::move(*sidecar);
  return line;
}

nlohmann::json ToJson(const Line& line) {
  nlohmann::json object = {{"service", line.archive->name.service},
                           {"date", line.archive->date},
                           {"bytes", line.archive->status.size},
                           {"state", line.state}};
  AddPath(object, line.archive->path.string());
  if (line.sidecar != nullptr) {
    object["entries"] = line.sidecar->entry_count();
    object["tar_bytes"] = line.sidecar->tar_bytes();
    object["complete"] = line.sidecar->complete();
    object["sha256"] = ToHex(line.sidecar->archive().sha256);
  }
  if (line.facts && line.facts->downtime) object["downtime"] = cli::ToJson(*line.facts->downtime);
  if (line.facts && !line.facts->host.empty()) object["host"] = line.facts->host;
  if (line.facts && !line.facts->warnings.empty()) object["warnings"] = line.facts->warnings;
  return object;
}

std::vector<std::string> ToRow(const Context& context, const Line& line) {
  const bool down = line.facts && line.facts->downtime;
  std::string state = line.state;
  if (line.facts && !line.facts->warnings.empty())
    state += fmt::format(", {} warnings", line.facts->warnings.size());
  return {context.Shown(line.archive->name.service),
          line.archive->date,
          FormatBytes(line.archive->status.size),
          line.sidecar == nullptr ? "-" : fmt::format("{}", line.sidecar->entry_count()),
          down ? FormatSeconds(line.facts->downtime->total()) : "-",
          state};
}

ExitCode List(const Context& context, const std::string& service) {
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  const auto archives = repository->List();
  if (!archives) return context.Report(archives.error());

  std::vector<std::vector<std::string>> rows{
      {"SERVICE", "DATE", "SIZE", "ENTRIES", "DOWNTIME", "STATE"}};
  nlohmann::json objects = nlohmann::json::array();
  for (const ArchiveFile& archive : *archives) {
    if (!service.empty() && archive.name.service != service) continue;
    const Line line = Describe(repository->files(), archive);
    if (context.json) {
      objects.push_back(ToJson(line));
    } else {
      rows.push_back(ToRow(context, line));
    }
  }
  if (context.json) {
    context.PrintJson({{"repository", repository->directory().string()}, {"archives", objects}});
  } else if (rows.size() > 1) {
    context.Print(FormatTable(rows, {false, false, true, true, true, false}));
  }
  if (!service.empty() && rows.size() == 1 && objects.empty()) {
    context.Warn(fmt::format("no archive of {} in {}", service, repository->directory().string()));
    return kNoSuch;
  }
  return kDone;
}

}  // namespace

Command AddList(CLI::App& app, const Context& context) {
  auto service = std::make_shared<std::string>();
  app.add_option("SERVICE", *service, "Only this service's archives");
  return [&context, service] { return List(context, *service); };
}

}  // namespace orcio::cli
