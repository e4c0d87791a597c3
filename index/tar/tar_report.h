#pragma once

#include <cstdint>
#include <string>

#include "index/tar/tar_scanner.h"

namespace orcio::inline index {

// Writes down what is odd or damaged about a tar. `summary` outlives it.
class TarReport {
 public:
  explicit TarReport(TarSummary& summary) : summary_(summary) {}

  void Warn(std::string warning);
  // `message` names the offset.
  void Damage(uint64_t offset, std::string message);

 private:
  TarSummary& summary_;
};

}  // namespace orcio::inline index
