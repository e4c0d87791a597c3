#include "index/tar/tar_report.h"

#include <utility>

namespace orcio::inline index {

void TarReport::Warn(std::string warning) {
  constexpr size_t kMaxWarnings = 100;
  ++summary_.warning_count;
  if (summary_.warnings.size() < kMaxWarnings) summary_.warnings.push_back(std::move(warning));
}

void TarReport::Damage(uint64_t offset, std::string message) {
  if (!summary_.damage) summary_.damage = TarDamage{offset, message, 0};
  Warn(std::move(message));
}

}  // namespace orcio::inline index
