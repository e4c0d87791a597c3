#pragma once

#include <span>

#include "index/archive_tree.h"
#include "index/error.h"
#include "index/file_system.h"
#include "index/sidecar_builder.h"
#include "index/window_store.h"

namespace orcio {

// What goes into a sidecar. All of it outlives the writing.
struct SidecarContent {
  const ArchiveTree& tree;  // arranged
  const ArchiveIdentity& archive;
  std::span<const Span> spans;
  const TarSummary& tar;
  const RunFacts& facts;
  const SpanStarts* starts = nullptr;  // null where each span is a gzip member
};

[[nodiscard]] Result<void> WriteSidecar(const SidecarContent& content, WritableFile& file);

}  // namespace orcio
