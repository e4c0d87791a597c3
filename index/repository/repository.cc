#include "index/repository/repository.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <map>
#include <tuple>

#include "base/text/suggestion.h"
#include "index/repository/latest_first.h"
#include "index/sidecar/read/sidecar_place.h"

namespace orcio::inline index {
namespace {

std::string Join(const std::vector<std::string>& words) {
  constexpr size_t kMost = 10;
  std::string text;
  for (size_t i = 0; i < words.size() && i < kMost; ++i) text += (i == 0 ? "" : ", ") + words[i];
  if (words.size() > kMost) text += fmt::format(" and {} more", words.size() - kMost);
  return text;
}

// Two archives of one service can share a date, say wiki-20221105.tar and wiki-20221105.tar.gz.
void MakeDatesUnique(std::vector<ArchiveFile>& archives) {
  std::map<std::pair<std::string, std::string>, int> seen;
  for (ArchiveFile& archive : archives) {
    const int count = ++seen[{archive.name.service, archive.name.date}];
    archive.date = count == 1 ? archive.name.date : fmt::format("{}.{}", archive.name.date, count);
  }
}

Failure UnknownService(const std::vector<ArchiveFile>& all, const Repository& repository,
                       std::string_view service) {
  std::vector<std::string> services;
  for (const ArchiveFile& archive : all) {
    if (services.empty() || services.back() != archive.name.service)
      services.push_back(archive.name.service);
  }
  if (services.empty()) {
    return Fail(ErrorKind::kNotFound, "no archive of {}: there are none at all in {}", service,
                repository.directory().string());
  }
  const std::vector<std::string_view> known(services.begin(), services.end());
  if (const auto nearest = NearestWord(service, known)) {
    return Fail(ErrorKind::kNotFound, "no archive of {} in {}; did you mean `{}`?", service,
                repository.directory().string(), *nearest);
  }
  return Fail(ErrorKind::kNotFound, "no archive of {} in {}; there are archives of {}", service,
              repository.directory().string(), Join(services));
}

// The N of latest~N; 0 for latest; nothing for anything else.
std::optional<size_t> ReadLatest(std::string_view date) {
  constexpr std::string_view kLatest = "latest";
  if (!date.starts_with(kLatest)) return std::nullopt;
  date.remove_prefix(kLatest.size());
  if (date.empty()) return 0;
  if (date.size() < 2 || date.front() != '~') return std::nullopt;
  size_t back = 0;
  const auto [end, error] = std::from_chars(date.data() + 1, date.data() + date.size(), back);
  if (error != std::errc() || end != date.data() + date.size()) return std::nullopt;
  return back;
}

// One service's archives, oldest first; never empty.
Result<ArchiveFile> Choose(const std::vector<ArchiveFile>& archives, const Selector& selector) {
  if (const auto back = ReadLatest(selector.date)) {
    const auto latest_first = LatestFirst(archives, selector.service, std::time(nullptr));
    if (*back < latest_first.size()) return *latest_first[*back];
    return Fail(ErrorKind::kNotFound, "{} has {} archives: there is no {}", selector.service,
                archives.size(), selector.date);
  }
  std::vector<const ArchiveFile*> fitting;
  std::vector<std::string> dates;
  for (const ArchiveFile& archive : archives) {
    if (archive.date == selector.date) return archive;
    if (archive.date.starts_with(selector.date)) fitting.push_back(&archive);
    dates.push_back(archive.date);
  }
  if (fitting.size() == 1) return *fitting.front();
  if (fitting.empty()) {
    return Fail(ErrorKind::kNotFound, "{} has no archive of {}; it has {}", selector.service,
                selector.date, Join(dates));
  }
  dates.clear();
  for (const ArchiveFile* archive : fitting) dates.push_back(archive->date);
  return Fail(ErrorKind::kInvalid, "{}@{} fits {} archives: {}", selector.service, selector.date,
              dates.size(), Join(dates));
}

// How "wiki/latest/srv/f", the path in a mount, is likely to be meant: "wiki@latest:srv/f".
std::string AsSelector(std::string_view path) {
  const std::string_view service = path.substr(0, path.find_first_of("/@"));
  std::string_view rest = path.substr(service.size() + 1);
  if (!IsServiceName(service)) return "SERVICE[@DATE][:PATH]";
  std::string selector(service);
  const size_t end = std::min(rest.find_first_of("/:"), rest.size());
  const std::string_view date = rest.substr(0, end);
  const bool has_year = date.size() >= 4 && date.find_first_not_of("0123456789") >= 4;
  if (has_year || date == "latest" || date.starts_with("latest~")) {
    selector.append("@").append(date);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return rest.empty() ? selector : selector.append(":").append(rest);
}

}  // namespace

Result<Selector> ParseSelector(std::string_view text) {
  Selector selector;
  // The path may hold '@' and ':': only what stands before the first ':' is looked at.
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos) selector.path = text.substr(colon + 1);
  const std::string_view archive = text.substr(0, colon);
  const size_t at = archive.rfind('@');
  selector.service = archive.substr(0, at);
  if (at != std::string_view::npos) selector.date = archive.substr(at + 1);
  if (selector.service.empty() || selector.date.empty()) {
    return Fail(ErrorKind::kInvalid,
                "'{}' names no archive: write SERVICE[@DATE][:PATH], e.g. wiki@latest:srv/wiki",
                text);
  }
  if (archive.find('/') != std::string_view::npos) {
    return Fail(ErrorKind::kInvalid,
                "'{}' names no archive: the archive is one word and the path in it another, with "
                "a colon between them: write {}",
                text, AsSelector(text));
  }
  return selector;
}

Repository::Repository(const FileSystem& files, std::filesystem::path directory,
                       std::filesystem::path index_directory)
    : files_(files),
      directory_(std::move(directory)),
      index_directory_(std::move(index_directory)) {}

Result<std::vector<ArchiveFile>> Repository::List() const {
  std::vector<ArchiveFile> archives;
  for (const std::string& file_name : ORCIO_TRY(files_.List(directory_))) {
    // Asked for its time only if it is an archive by its name.
    if (!ParseArchiveName(file_name, 0)) continue;
    ArchiveFile archive;
    archive.path = directory_ / file_name;
    auto status = files_.Status(archive.path);
    // Gone since it was listed, or a dangling symlink: not an archive any more.
    if (!status && status.error().kind == ErrorKind::kNotFound) continue;
    archive.status = ORCIO_TRY(std::move(status));
    if (!archive.status.is_regular) continue;
    archive.sidecar = SidecarPlace(files_, archive.path, index_directory_);
    archive.name = *ParseArchiveName(file_name, archive.status.mtime_ns / 1'000'000'000);
    archives.push_back(std::move(archive));
  }
  std::sort(archives.begin(), archives.end(), [](const ArchiveFile& a, const ArchiveFile& b) {
    return std::tie(a.name.service, a.name.seconds, a.path) <
           std::tie(b.name.service, b.name.seconds, b.path);
  });
  MakeDatesUnique(archives);
  return archives;
}

Result<std::vector<ArchiveFile>> Repository::ListService(std::string_view service) const {
  const auto all = ORCIO_TRY(List());
  std::vector<ArchiveFile> archives;
  std::copy_if(all.begin(), all.end(), std::back_inserter(archives),
               [&](const ArchiveFile& archive) { return archive.name.service == service; });
  if (archives.empty()) return UnknownService(all, *this, service);
  return archives;
}

Result<ArchiveFile> Repository::Resolve(const Selector& selector) const {
  return Choose(ORCIO_TRY(ListService(selector.service)), selector);
}

}  // namespace orcio::inline index
