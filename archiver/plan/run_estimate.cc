#include "archiver/plan/run_estimate.h"

#include <ctime>

#include "archiver/config/service_names.h"
#include "index/repository/archive_state.h"
#include "index/repository/latest_first.h"

namespace orcio::inline archiver {
namespace {

std::optional<RunEstimate> EstimateBy(const FileSystem& files, const ArchiveFile& archive,
                                      Mode mode, bool stops) {
  const ArchiveState state = LookAtArchive(files, archive);
  if (!state.good()) return std::nullopt;
  const auto facts = state.sidecar->facts();
  if (!facts || facts->mode != NameOf(mode) || (stops && !facts->downtime)) return std::nullopt;
  RunEstimate estimate;
  estimate.date = archive.date;
  estimate.transfer = facts->transfer;
  estimate.wire = facts->wire;
  estimate.archive_bytes = archive.status.size;
  estimate.tar_bytes = state.sidecar->tar_bytes();
  uint64_t stopped_bytes = estimate.tar_bytes;
  if (const auto& transfer = facts->transfer) {
    estimate.tar_bytes = transfer->warm_bytes + transfer->cold_bytes;
    stopped_bytes = transfer->cold_bytes;
  }
  if (!stops) return estimate;
  estimate.downtime = facts->downtime;
  if (facts->downtime->stream > 0)
    estimate.tar_bytes_a_second = static_cast<double>(stopped_bytes) / facts->downtime->stream;
  return estimate;
}

}  // namespace

ExpectedBytes ExpectBytes(const FileSystem& files, const std::vector<ArchiveFile>& archives,
                          const ServiceConfig& service) {
  for (const ArchiveFile* archive : LatestFirst(archives, service.name, std::time(nullptr))) {
    const ArchiveState state = LookAtArchive(files, *archive);
    if (!state.good()) continue;
    const uint64_t whole = state.sidecar->tar_bytes();
    if (service.mode != Mode::kPrecopy) return {0, whole};
    const auto facts = state.sidecar->facts();
    // The first one of that mode fetches everything.
    if (!facts || !facts->transfer) return {whole, 0};
    return {facts->transfer->warm_bytes, facts->transfer->cold_bytes};
  }
  return {};
}

std::optional<RunEstimate> EstimateRun(const FileSystem& files,
                                       const std::vector<ArchiveFile>& archives,
                                       const std::string& service, Mode mode, bool stops) {
  for (const ArchiveFile* archive : LatestFirst(archives, service, std::time(nullptr))) {
    if (auto estimate = EstimateBy(files, *archive, mode, stops)) return estimate;
  }
  return std::nullopt;
}

}  // namespace orcio::inline archiver
