#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"
#include "index/verify/verify.h"

namespace orcio::inline index {

// Counts the damage of one archive and hands it on. Not thread-safe.
class DamageFindings {
 public:
  // `name` is the archive's, for messages; `report` outlives this.
  DamageFindings(std::string name, const std::function<void(const ArchiveDamage&)>& report)
      : name_(std::move(name)), report_(report) {}

  [[nodiscard]] Result<void> Add(const ArchiveDamage& damage);
  // As above, with the names of the files that are hit.
  [[nodiscard]] Result<void> Add(ArchiveDamage damage, const Sidecar& sidecar,
                                 const std::vector<NodeId>& files);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  const std::string name_;
  const std::function<void(const ArchiveDamage&)>& report_;
  uint64_t count_ = 0;
};

}  // namespace orcio::inline index
