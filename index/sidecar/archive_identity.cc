#include "index/sidecar/archive_identity.h"

#include <algorithm>
#include <array>
#include <span>

namespace orcio::inline index {

Result<Sha256Digest> DigestEdges(const RandomAccess& archive) {
  constexpr uint64_t kEdgeBytes = 4096;
  uint64_t bytes = std::min(archive.size(), kEdgeBytes);
  std::array<std::byte, kEdgeBytes> buffer;
  auto edge = std::span(buffer).first(static_cast<size_t>(bytes));
  Sha256 digest;
  ORCIO_TRY(ReadExactly(archive, 0, edge, "the archive's first bytes"));
  digest.Update(edge);
  ORCIO_TRY(ReadExactly(archive, archive.size() - bytes, edge, "the archive's last bytes"));
  digest.Update(edge);
  return digest.Finish();
}

}  // namespace orcio::inline index
