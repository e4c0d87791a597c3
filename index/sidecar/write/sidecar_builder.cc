#include "index/sidecar/write/sidecar_builder.h"

#include <utility>

#include "index/sidecar/write/archive_tree.h"
#include "index/sidecar/write/sidecar_writer.h"

namespace orcio::inline index {

SidecarBuilder::SidecarBuilder(const std::filesystem::path& scratch_directory)
    : memory_(scratch_directory), tree_(std::make_unique<ArchiveTree>(memory_)) {}
SidecarBuilder::~SidecarBuilder() = default;

Result<void> SidecarBuilder::Add(TarEntry&& entry) {
  return tree_->Add(std::move(entry));
}

void SidecarBuilder::ForgetDigests(uint64_t tar_begin, uint64_t tar_end) {
  tree_->ForgetDigests(tar_begin, tar_end);
}

Result<void> SidecarBuilder::Write(WritableFile& file, const ArchiveIdentity& archive,
                                   std::span<const Span> spans, const TarSummary& tar,
                                   const RunFacts& facts, const SpanStarts* starts) {
  const ArrangedTree tree = std::move(*tree_).Arrange();
  return WriteSidecar({tree, archive, spans, tar, facts, starts}, file);
}

}  // namespace orcio::inline index
