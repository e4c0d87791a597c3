#pragma once

#include <filesystem>
#include <vector>

#include "base/sha256.h"
#include "index/files/file_system.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "index/spans/checkpoint.h"
#include "index/spans/span_table.h"
#include "index/spans/window_store.h"
#include "index/tar/tar_scanner.h"

namespace orcio::inline index {

// What one pass over an archive finds out: all that its sidecar says, but whose it is.
struct IndexedArchive {
  // `sidecar` is where what it says will go.
  IndexedArchive(const FileSystem& files, const std::filesystem::path& sidecar)
      : builder(sidecar.parent_path()), windows(files, sidecar) {}

  SidecarBuilder builder;
  TarSummary summary;
  std::vector<Span> spans;
  std::vector<SpanStart> starts;  // one for each span; none if all are whole members
  WindowStore windows;
  Sha256Digest sha256{};  // of the archive file
};

}  // namespace orcio::inline index
