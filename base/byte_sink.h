#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"

namespace orcio {

// Where a stream of bytes goes, without a copy in between. Not thread-safe.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Room for at least one byte; waits if the receiver is behind. The error of whatever broke
  // behind it.
  [[nodiscard]] virtual Result<std::span<std::byte>> Buffer() = 0;
  // The first `bytes` of what Buffer() last gave are filled.
  [[nodiscard]] virtual Result<void> Commit(size_t bytes) = 0;
};

}  // namespace orcio
