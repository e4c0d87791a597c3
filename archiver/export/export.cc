#include "archiver/export/export.h"

#include <algorithm>
#include <system_error>

#include "index/repository/archive_name.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline archiver {
namespace {

using SidecarPointer = std::shared_ptr<const Sidecar>;

// Null if there is none.
Result<SidecarPointer> SidecarOf(const FileSystem& files, const ArchiveFile& archive) {
  const auto advise = [&](const Error& error) {
    // No index is made anew that cannot be read, and nothing need be wrong with it.
    if (error.kind == ErrorKind::kIo) return Failure(error);
    return Failure(Error{error.kind, error.errnum,
                         fmt::format("{}; `orcio verify {}` says what is wrong, `orcio index {}` "
                                     "makes the index anew",
                                     error.message, archive.path.string(), archive.path.string())});
  };
  auto sidecar = Sidecar::Open(files, archive.sidecar);
  if (!sidecar && sidecar.error().kind == ErrorKind::kNotFound) return SidecarPointer();
  if (!sidecar) return advise(sidecar.error());
  const auto file = ORCIO_TRY(files.OpenRead(archive.path));
  if (const auto belongs = (*sidecar)->CheckBelongsTo(*file); !belongs)
    return advise(belongs.error());
  return sidecar;
}

// Whose archive a file is by its name; links are followed, so that none gives it another.
std::string ServiceByName(const std::filesystem::path& archive) {
  std::error_code error;
  const auto real = std::filesystem::canonical(archive, error);
  const auto name = ParseArchiveName((error ? archive : real).filename().string(), 0);
  return name ? name->service : std::string();
}

// Whether `host` of the configuration is the machine that a service runs on: a second entry may
// reach it with another key.
bool IsOwnHost(const Config& config, const ServiceConfig& service, const std::string& host) {
  if (service.host == host) return true;
  const auto own = config.hosts.find(service.host);
  const auto other = config.hosts.find(host);
  return own != config.hosts.end() && other != config.hosts.end() &&
         own->second.address == other->second.address && own->second.port == other->second.port;
}

}  // namespace

Result<ExportPlan> PlanExport(const FileSystem& files, const ArchiveFile& archive,
                              bool with_sidecar) {
  ExportPlan plan;
  plan.archive = archive.path;
  plan.service = ServiceByName(archive.path);
  const SidecarPointer sidecar = ORCIO_TRY(SidecarOf(files, archive));
  if (sidecar == nullptr) {
    if (!with_sidecar) return plan;
    return Fail(ErrorKind::kUnsupported, "{} has no index to go along; `orcio index {}` makes it",
                archive.path.string(), archive.path.string());
  }
  plan.sha256 = sidecar->archive().sha256;
  plan.complete = sidecar->complete();
  if (const auto facts = ORCIO_TRY(sidecar->facts()); !facts.service.empty())
    plan.service = facts.service;
  if (with_sidecar) {
    ORCIO_TRY(sidecar->CheckAll());
    plan.sidecar = archive.sidecar;
  }
  return plan;
}

std::optional<std::string> WhyNotOffsite(const Config& config, const ArchiveFile& archive,
                                         const ExportPlan& plan, const std::string& host) {
  for (const std::string& name :
       {plan.service, ServiceByName(archive.path), archive.name.service}) {
    const ServiceConfig* service = config.FindService(name);
    if (service == nullptr || !service->offsite_never || IsOwnHost(config, *service, host))
      continue;
    return fmt::format(
        "{} stays here: the service {} has `offsite: never` in the configuration, so that no copy "
        "of its archives leaves the premises",
        archive.path.string(), name);
  }
  return std::nullopt;
}

Result<std::unique_ptr<ExportSource>> ExportSource::Open(
    const FileSystem& files, const std::filesystem::path& path,
    const std::optional<Sha256Digest>& expected, std::function<void(uint64_t, uint64_t)> progress,
    const std::stop_token& stop) {
  std::unique_ptr<ExportSource> source(new ExportSource());
  source->path_ = path;
  source->file_ = ORCIO_TRY(files.OpenRead(path));
  source->expected_ = expected;
  source->progress_ = std::move(progress);
  source->stop_ = stop;
  return source;
}

Result<size_t> ExportSource::Read(std::span<std::byte> into) {
  if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "{}: interrupted", path_.string());
  const uint64_t left = size() - offset_;
  if (left == 0) return size_t{0};
  const auto bytes = into.first(static_cast<size_t>(std::min<uint64_t>(left, into.size())));
  ORCIO_TRY(ReadExactly(*file_, offset_, bytes, path_.string()));
  offset_ += bytes.size();
  digest_.Update(bytes);
  if (offset_ == size()) {
    sha256_ = digest_.Finish();
    if (expected_ && sha256_ != *expected_)
      return Fail(ErrorKind::kDamaged,
                  "{} is not what it was when it was made: its SHA-256 is {}, and {} by its index; "
                  "`orcio verify --read-data {}` says where",
                  path_.string(), ToHex(sha256_), ToHex(*expected_), path_.string());
  }
  if (progress_) progress_(offset_, size());
  return bytes.size();
}

Result<Exported> Export(const FileSystem& files, const ExportPlan& plan, ExportTarget& target,
                        const std::function<void(uint64_t, uint64_t)>& progress,
                        const std::stop_token& stop) {
  std::vector<std::unique_ptr<ExportSource>> sources;
  if (plan.sidecar)
    sources.push_back(ORCIO_TRY(ExportSource::Open(files, *plan.sidecar, {}, {}, stop)));
  sources.push_back(
      ORCIO_TRY(ExportSource::Open(files, plan.archive, plan.sha256, progress, stop)));
  std::vector<std::string> names;
  uint64_t bytes = 0;
  for (const auto& source : sources) {
    names.push_back(source->name());
    bytes += source->size();
  }
  ORCIO_TRY(target.Prepare(names, bytes, stop));
  for (const auto& source : sources) ORCIO_TRY(target.Take(*source, stop));
  ORCIO_TRY(target.Publish(stop));
  const ExportSource& archive = *sources.back();
  return Exported{target.PlaceOf(archive.name()), archive.size(), archive.sha256()};
}

}  // namespace orcio::inline archiver
