#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"
#include "retrieve/plan/restore_plan.h"

namespace orcio::inline retrieve {

struct PlannedDigests {
  uint64_t files = 0;    // handed out
  uint64_t skipped = 0;  // of which the archive has no digest, or whose path no such line can hold
};

// Hands "DIGEST  PATH" lines of the planned files to `take`, some MiB at a time, as `sha256sum -c`
// of any kind takes them: there is no line for a path that holds a newline or a carriage return.
[[nodiscard]] Result<PlannedDigests> ForEachDigest(
    const Sidecar& sidecar, const RestorePlan& plan,
    const std::function<Result<void>(std::string lines)>& take);

}  // namespace orcio::inline retrieve
