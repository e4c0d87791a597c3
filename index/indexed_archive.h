#pragma once

#include <filesystem>
#include <vector>

#include "index/checkpoint.h"
#include "index/file_system.h"
#include "index/sha256.h"
#include "index/sidecar_builder.h"
#include "index/span_table.h"
#include "index/tar_scanner.h"
#include "index/window_store.h"

namespace orcio {

// What one pass over an archive finds out: all that its sidecar says, but whose it is.
struct IndexedArchive {
  // `sidecar` is where what it says will go.
  IndexedArchive(const FileSystem& files, const std::filesystem::path& sidecar)
      : builder(sidecar.parent_path()), windows(files, sidecar) {}

  SidecarBuilder builder;
  TarSummary summary;
  std::vector<Span> spans;
  std::vector<SpanStart> starts;  // one for each span; none where all are whole members
  WindowStore windows;
  Sha256Digest sha256{};  // of the archive file
};

}  // namespace orcio
