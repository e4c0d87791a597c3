#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"

namespace orcio::inline index {

// Where the scanner gets its tar from, front to back.
class TarSource {
 public:
  virtual ~TarSource() = default;
  // The next bytes, valid until the next call; empty at the end. An error ends the scan with it.
  [[nodiscard]] virtual Result<std::span<const std::byte>> Next() = 0;
};

}  // namespace orcio::inline index
