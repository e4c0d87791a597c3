#include "retrieve/plan/planned_digests.h"

#include <utility>

#include "base/sha256.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kLinesBytes = size_t{4} << 20;

}  // namespace

Result<PlannedDigests> ForEachDigest(const Sidecar& sidecar, const RestorePlan& plan,
                                     const std::function<Result<void>(std::string lines)>& take) {
  PlannedDigests digests;
  std::string lines;
  const auto add = [&](const NodeInfo& node, const std::string& path) -> Result<void> {
    if (node.type != EntryType::kFile || !node.complete) return {};
    const auto digest = ORCIO_TRY(sidecar.Digest(node.id));
    if (!digest || path.find_first_of("\n\r") != std::string::npos) {
      ++digests.skipped;
      return {};
    }
    ++digests.files;
    lines += ToHex(*digest) + "  " + path + "\n";
    if (lines.size() < kLinesBytes) return {};
    return take(std::exchange(lines, {}));
  };
  ORCIO_TRY(ForEachPlanned(sidecar, plan, add));
  if (!lines.empty()) ORCIO_TRY(take(std::move(lines)));
  return digests;
}

}  // namespace orcio::inline retrieve
