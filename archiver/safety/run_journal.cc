#include "archiver/safety/run_journal.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include <nlohmann/json.hpp>

#include "archiver/config/service_names.h"

namespace orcio::inline archiver {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSuffix = ".journal";
constexpr uint64_t kMaxBytes = uint64_t{4} << 20;
constexpr int kVersion = 1;
// Who does not know what a swap is must not start the service.
constexpr int kSwapVersion = 2;

// On its way to its name; nothing reads it.
std::filesystem::path NewPath(const std::filesystem::path& repository, const std::string& service) {
  return JournalPath(repository, service).string() + ".new";
}

// Names are bytes, and JSON has none: as in a URL.
struct FreeCurl {
  void operator()(char* text) const { ::curl_free(text); }
};

std::string Escaped(const std::string& name) {
  const std::unique_ptr<char, FreeCurl> text(
      ::curl_easy_escape(nullptr, name.data(), static_cast<int>(name.size())));
  if (text == nullptr) throw std::bad_alloc();
  return text.get();
}

std::string Unescaped(const std::string& text) {
  int size = 0;
  const std::unique_ptr<char, FreeCurl> name(
      ::curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &size));
  if (name == nullptr) throw std::bad_alloc();
  return {name.get(), static_cast<size_t>(size)};
}

Json ToJson(const SwapPlan& swap) {
  Json trees = Json::array();
  for (const SwapPlan::Tree& tree : swap.trees) {
    Json items = Json::array();
    for (const std::string& item : tree.items) items.push_back(Escaped(item));
    trees.push_back({{"top", Escaped(tree.top)}, {"items", std::move(items)}});
  }
  return {{"id", swap.id}, {"keep", swap.keep}, {"trees", std::move(trees)}};
}

Json ToJson(const RunJournal& journal) {
  const ServiceConfig& service = journal.service;
  Json json{{"version", kVersion},
            {"service", service.name},
            {"host", service.host},
            {"control", NameOf(service.control)},
            {"mode", NameOf(service.mode)},
            {"project", service.project},
            {"units", service.units},
            {"stop", service.stop_command},
            {"start", service.start_command},
            {"status", service.status_command},
            {"stop_timeout", service.stop_timeout.count()},
            {"start_timeout", service.start_timeout.count()},
            {"running", journal.running},
            {"memory", journal.memory},
            {"guard", journal.guard},
            {"start_seconds", journal.start_seconds}};
  if (journal.swap) {
    json["version"] = kSwapVersion;
    json["swap"] = ToJson(*journal.swap);
  }
  return json;
}

int64_t WholeNumber(const Json& json) {
  return json.get_ref<const Json::number_integer_t&>();
}

SwapPlan SwapOf(const Json& json) {
  SwapPlan swap;
  swap.id = json.at("id").get<std::string>();
  swap.keep = json.at("keep").get<bool>();
  for (const Json& tree : json.at("trees")) {
    swap.trees.push_back({Unescaped(tree.at("top").get<std::string>()), {}});
    for (const Json& item : tree.at("items"))
      swap.trees.back().items.push_back(Unescaped(item.get<std::string>()));
  }
  return swap;
}

// Throws what Json throws for a missing or mistyped field.
RunJournal JournalOf(const Json& json) {
  RunJournal journal;
  ServiceConfig& service = journal.service;
  service.name = json.at("service").get<std::string>();
  service.host = json.at("host").get<std::string>();
  const auto control = json.at("control").get<std::string>();
  for (const auto kind :
       {ControlKind::kCompose, ControlKind::kSystemd, ControlKind::kCommands, ControlKind::kNone}) {
    if (NameOf(kind) == control) service.control = kind;
  }
  const auto mode = json.value("mode", std::string(NameOf(Mode::kStop)));
  for (const auto kind : {Mode::kStop, Mode::kPrecopy, Mode::kPause, Mode::kLive}) {
    if (NameOf(kind) == mode) service.mode = kind;
  }
  service.project = json.at("project").get<std::string>();
  service.units = json.at("units").get<std::vector<std::string>>();
  service.stop_command = json.at("stop").get<std::string>();
  service.start_command = json.at("start").get<std::string>();
  service.status_command = json.at("status").get<std::string>();
  service.stop_timeout = std::chrono::seconds(WholeNumber(json.at("stop_timeout")));
  service.start_timeout = std::chrono::seconds(WholeNumber(json.at("start_timeout")));
  journal.running = json.at("running").get<std::vector<std::string>>();
  journal.memory = json.at("memory").get<std::string>();
  journal.guard = json.at("guard").get<std::string>();
  journal.start_seconds = WholeNumber(json.at("start_seconds"));
  if (json.at("version") == kSwapVersion) journal.swap = SwapOf(json.at("swap"));
  return journal;
}

// It becomes a part of a path on a host.
bool IsToken(const std::string& text) {
  return text.empty() ||
         (text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos);
}

// Names that lead out of a tree, or none at all, are not what was written.
bool IsSound(const SwapPlan& swap) {
  const auto leads_out = [](const std::string& path) {
    const std::string inside = "/" + path + "/";
    return inside.find("/../") != std::string::npos || inside.find("/./") != std::string::npos ||
           path.find('\0') != std::string::npos;
  };
  return !swap.id.empty() && IsToken(swap.id) && !swap.trees.empty() &&
         std::all_of(swap.trees.begin(), swap.trees.end(), [&](const SwapPlan::Tree& tree) {
           return tree.top.starts_with('/') && !leads_out(tree.top) && !tree.items.empty() &&
                  std::none_of(tree.items.begin(), tree.items.end(), [&](const std::string& item) {
                    return item.empty() || item.starts_with('/') || leads_out(item);
                  });
         });
}

Result<void> Write(const FileSystem& files, const std::filesystem::path& repository,
                   const RunJournal& journal) {
  const std::string text =
      ToJson(journal).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  const auto path = NewPath(repository, journal.service.name);
  ORCIO_TRY(files.Remove(path));
  {
    const auto file = ORCIO_TRY(files.Create(path));
    ORCIO_TRY(file->Append(std::as_bytes(std::span(text))));
    ORCIO_TRY(file->Sync());
  }
  ORCIO_TRY(files.Rename(path, JournalPath(repository, journal.service.name)));
  return files.SyncDirectory(repository);
}

}  // namespace

std::filesystem::path JournalPath(const std::filesystem::path& repository,
                                  const std::string& service) {
  return repository / ("." + service + std::string(kSuffix));
}

std::string ServiceOfJournal(const std::filesystem::path& journal) {
  const std::string name = journal.filename();
  return name.substr(1, name.size() - 1 - kSuffix.size());
}

Result<void> WriteJournal(const FileSystem& files, const std::filesystem::path& repository,
                          const RunJournal& journal) {
  auto written = Write(files, repository, journal);
  if (written) return written;
  (void)files.Remove(NewPath(repository, journal.service.name));
  (void)files.Remove(JournalPath(repository, journal.service.name));
  return written;
}

Result<void> RemoveJournal(const FileSystem& files, const std::filesystem::path& repository,
                           const std::string& service) {
  return files.Remove(JournalPath(repository, service));
}

Result<void> RefuseUnrecovered(const FileSystem& files, const std::filesystem::path& repository,
                               const std::string& service) {
  const auto journal = JournalPath(repository, service);
  const auto status = files.Status(journal);
  if (!status && ToErrno(status.error()) == ENOENT) return {};
  if (!status) return Failure(status.error());
  return Fail(ErrorKind::kNotRunning,
              "{}: nothing was done, for an earlier run stopped it and it is not confirmed running "
              "since ({}): run `orcio recover`; once it is to stay as it is, `orcio recover "
              "--forget {}`",
              service, journal.string(), service);
}

Result<RunJournal> ReadJournal(const FileSystem& files, const std::filesystem::path& path) {
  const auto bytes = ORCIO_TRY(ReadWholeFile(files, path, kMaxBytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string problem = "it is of another version";
  try {
    const Json json = Json::parse(text);
    RunJournal journal = JournalOf(json);
    const bool sound = json.at("version") == (journal.swap ? kSwapVersion : kVersion) &&
                       IsToken(journal.guard) && (!journal.swap || IsSound(*journal.swap)) &&
                       path == JournalPath(path.parent_path(), journal.service.name);
    if (sound) return journal;
  } catch (const Json::exception& exception) {
    problem = exception.what();
  }
  return Fail(ErrorKind::kDamaged,
              "{}: is no journal that orcio can read ({}): see that the service it is named after "
              "runs, then remove the file",
              path.string(), problem);
}

Result<std::vector<std::filesystem::path>> ListJournals(const FileSystem& files,
                                                        const std::filesystem::path& repository) {
  std::vector<std::filesystem::path> journals;
  for (const auto& name : ORCIO_TRY(files.List(repository))) {
    if (name.starts_with('.') && name.ends_with(kSuffix) && name.size() > kSuffix.size() + 1)
      journals.push_back(repository / name);
  }
  std::sort(journals.begin(), journals.end());
  return journals;
}

}  // namespace orcio::inline archiver
