#include "index/verify/damage_findings.h"

#include <algorithm>

namespace orcio::inline index {

Result<void> DamageFindings::Add(const ArchiveDamage& damage) {
  ++count_;
  report_(damage);
  return {};
}

Result<void> DamageFindings::Add(ArchiveDamage damage, const Sidecar& sidecar,
                                 const std::vector<NodeId>& files) {
  damage.file_count = files.size();
  for (size_t i = 0; i < std::min(files.size(), ArchiveDamage::kMaxFiles); ++i)
    damage.files.push_back(ORCIO_TRY(sidecar.Path(files[i])));
  return Add(damage);
}

}  // namespace orcio::inline index
