#include "index/upkeep/leftovers.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "index/repository/archive_name.h"
#include "index/repository/kept_path.h"
#include "index/sidecar/index_log_path.h"
#include "index/sidecar/sidecar_ending.h"

namespace orcio::inline index {
namespace {

constexpr std::string_view kPart = ".part";
// What indexing holds meanwhile.
constexpr std::string_view kWindows = ".windows";
// Hidden: a record of the last verification, a protection, what a host told of the files, and what
// interrupted indexing found.
constexpr std::array<std::string_view, 4> kMarks{".verified", ".protected", ".listing",
                                                 ".idx.resume"};
// What an archive is put together from, and its listing on the way to its name.
constexpr std::array<std::string_view, 2> kRunFileEndings{".layer", ".listing"};
constexpr int64_t kDaySeconds = 24 * 60 * 60;
// A service that is archived once a month may want it.
constexpr int64_t kKeptSeconds = 35 * kDaySeconds;

bool IsArchiveName(std::string_view name) {
  return ParseArchiveName(name, 0).has_value();
}

// Not a name that another program could have given the part of its download.
bool IsOurArchiveName(std::string_view name) {
  const auto parsed = ParseArchiveName(name, 0);
  return parsed && MakeArchiveName(parsed->service, parsed->seconds) == name;
}

// NAME of "NAME.2", if a rebuild had to evade another one's part file.
std::string_view WithoutNumber(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot + 1 == name.size()) return name;
  const std::string_view number = name.substr(dot + 1);
  return number.find_first_not_of("0123456789") == std::string_view::npos ? name.substr(0, dot)
                                                                          : name;
}

std::string_view WithoutEnding(std::string_view name, std::string_view ending) {
  return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : name;
}

// NAME of "NAME.layer.2", "NAME.layer.2.idx" and "NAME.listing", and of "NAME.kept.listing" and so
// on; what else there is stays as it is.
std::string_view WithoutPiece(std::string_view name) {
  std::string_view rest = name;
  if (rest.ends_with(kSidecarEnding)) rest.remove_suffix(kSidecarEnding.size());
  rest = WithoutNumber(rest);
  const auto piece = std::find_if(kRunFileEndings.begin(), kRunFileEndings.end(),
                                  [&](std::string_view each) { return rest.ends_with(each); });
  if (piece != kRunFileEndings.end())
    return WithoutEnding(WithoutEnding(rest, *piece), kKeptEnding);
  return rest.ends_with(kKeptEnding) ? WithoutEnding(rest, kKeptEnding) : name;
}

// What tries whether files can be given names, and what is held while one is (naming_check.h,
// file_system.cc).
constexpr std::string_view kNaming = ".naming";
constexpr std::string_view kNamed = ".named";

// What ScratchMemory makes if it cannot make it without a name; it has the name for an instant.
constexpr std::string_view kScratch = ".orcio-scratch.";

bool IsPart(std::string_view name) {
  if (name.starts_with(kScratch)) return true;
  if (name.size() <= kPart.size() || !name.starts_with('.') || !name.ends_with(kPart)) return false;
  name.remove_prefix(1);
  name.remove_suffix(kPart.size());
  for (const auto ending : {kNaming, kNamed}) {
    if (const auto whole = WithoutNumber(name); whole.ends_with(ending))
      name = WithoutEnding(whole, ending);
  }
  if (IsOurArchiveName(name) || IsOurArchiveName(WithoutPiece(name))) return true;
  name = WithoutEnding(WithoutEnding(WithoutNumber(name), kIndexLogEnding), kWindows);
  if (!name.ends_with(kSidecarEnding)) return false;
  name.remove_suffix(kSidecarEnding.size());
  return IsArchiveName(name);
}

// The archive that the file of this name, a sidecar or a mark beside it, belongs to; empty for what
// is neither.
std::string_view ArchiveBeside(std::string_view name) {
  if (name.ends_with(kSidecarEnding)) {
    name.remove_suffix(kSidecarEnding.size());
  } else {
    if (!name.starts_with('.')) return {};
    name.remove_prefix(1);
    const auto mark = std::find_if(kMarks.begin(), kMarks.end(),
                                   [&](std::string_view each) { return name.ends_with(each); });
    if (mark == kMarks.end()) return {};
    name.remove_suffix(mark->size());
  }
  return IsArchiveName(name) ? name : std::string_view();
}

// What a run that gave up has kept, its sidecar, or its listing.
bool IsKept(std::string_view name) {
  if (name.starts_with('.')) {
    if (!name.ends_with(".listing")) return false;
    name = WithoutEnding(name.substr(1), ".listing");
  } else {
    name = WithoutEnding(name, kSidecarEnding);
  }
  return name.ends_with(kKeptEnding) && IsOurArchiveName(WithoutEnding(name, kKeptEnding));
}

// What is kept of indexing that was interrupted, for whoever goes on with it.
bool IsInterrupted(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(kIndexLogEnding)) return false;
  name = WithoutEnding(name.substr(1), kIndexLogEnding);
  return name.ends_with(kSidecarEnding) && IsArchiveName(WithoutEnding(name, kSidecarEnding));
}

Result<bool> RemoveOld(const FileSystem& files, const std::filesystem::path& path,
                       int64_t before_seconds) {
  const auto status = ORCIO_TRY(files.Status(path));
  if (!status.is_regular || status.mtime_ns / 1'000'000'000 > before_seconds) return false;
  ORCIO_TRY(files.Remove(path));
  return true;
}

// A log of indexing that has come to its end, or that nobody has gone on with.
Result<bool> RemoveLog(const FileSystem& files, const std::filesystem::path& log,
                       int64_t before_seconds) {
  const std::string name = log.filename().string();
  const auto sidecar =
      files.Status(log.parent_path() / WithoutEnding(name, kIndexLogEnding).substr(1));
  const auto status = ORCIO_TRY(files.Status(log));
  if (!sidecar || !status.is_regular || status.mtime_ns >= sidecar->mtime_ns)
    return RemoveOld(files, log, before_seconds);
  ORCIO_TRY(files.Remove(log));
  return true;
}

}  // namespace

Result<RemovedLeftovers> RemoveLeftovers(const FileSystem& files,
                                         const std::filesystem::path& repository,
                                         int64_t now_seconds) {
  const auto listed = ORCIO_TRY(files.List(repository));
  const std::set<std::string, std::less<>> names(listed.begin(), listed.end());
  RemovedLeftovers done;
  for (const std::string& name : names) {
    Result<bool> removed = false;
    if (IsPart(name)) {
      removed = files.RemoveAbandoned(repository / name);
    } else if (const auto archive = ArchiveBeside(name);
               !archive.empty() && names.find(archive) == names.end()) {
      removed = RemoveOld(files, repository / name, now_seconds - kDaySeconds);
    } else if (IsKept(name)) {
      removed = RemoveOld(files, repository / name, now_seconds - kKeptSeconds);
    } else if (IsInterrupted(name)) {
      removed = RemoveLog(files, repository / name, now_seconds - kKeptSeconds);
    }
    if (!removed) {
      done.errors.push_back(std::move(removed).error());
    } else if (*removed) {
      done.names.push_back(name);
    }
  }
  return done;
}

}  // namespace orcio::inline index
