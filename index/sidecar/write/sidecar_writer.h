#pragma once

#include <span>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/sidecar/write/arranged_tree.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "index/spans/window_store.h"

namespace orcio::inline index {

// What goes into a sidecar. All of it outlives the writing.
struct SidecarContent {
  const ArrangedTree& tree;
  const ArchiveIdentity& archive;
  std::span<const Span> spans;
  const TarSummary& tar;
  const RunFacts& facts;
  const SpanStarts* starts = nullptr;  // null if each span is a gzip member
};

[[nodiscard]] Result<void> WriteSidecar(const SidecarContent& content, WritableFile& file);

}  // namespace orcio::inline index
