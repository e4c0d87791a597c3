#pragma once

#include <memory>

#include "archiver/capture/capture.h"

namespace orcio::inline archiver {

// `mode: precopy`: while the service runs, what differs from its last archive is fetched; while it
// is stopped, what has changed since; then the archive is put together from those and the last one.
// Which files changed is told by a list of them, with their inodes, times and sizes, made after the
// host has written everything to disk. The plan's mode is kPrecopy.
[[nodiscard]] std::unique_ptr<Capture> MakePrecopyCapture(const CaptureContext& context);

}  // namespace orcio::inline archiver
