#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/sidecar_format.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "tests/support/files/memory_files.h"

namespace orcio::test {

// Entries as a scanner would hand them out. Each call stands 1 KiB further back in its tar.
class EntryMaker {
 public:
  [[nodiscard]] TarEntry Make(EntryType type, std::string path, std::string link_target = {});
  [[nodiscard]] TarEntry File(std::string path, std::string_view content = "content");
  [[nodiscard]] TarEntry Directory(std::string path) {
    return Make(EntryType::kDirectory, std::move(path));
  }
  [[nodiscard]] TarEntry Symlink(std::string path, std::string target) {
    return Make(EntryType::kSymlink, std::move(path), std::move(target));
  }
  [[nodiscard]] TarEntry HardLink(std::string path, std::string target) {
    return Make(EntryType::kHardLink, std::move(path), std::move(target));
  }
  [[nodiscard]] uint64_t tar_bytes() const { return tar_bytes_; }

 private:
  uint64_t tar_bytes_ = 0;
};

// One of everything a sidecar can hold.
[[nodiscard]] std::vector<TarEntry> VariedEntries();

// What a sidecar is made of but for its entries: as if the tar were decoded in two spans.
struct SidecarParts {
  ArchiveIdentity archive;
  std::vector<Span> spans;
  std::vector<SpanStart> starts;  // none, or one a span
  std::string windows;            // what they refer to
  TarSummary tar;
  RunFacts facts;
};
[[nodiscard]] SidecarParts MakeParts(uint64_t tar_bytes);

// The bytes of a sidecar. Throws if the builder refuses.
[[nodiscard]] FileBytes BuildSidecar(const std::vector<TarEntry>& entries,
                                     const SidecarParts& parts);
[[nodiscard]] FileBytes BuildSidecar(const std::vector<TarEntry>& entries);

[[nodiscard]] Result<std::shared_ptr<const Sidecar>> OpenSidecar(FileBytes bytes);

// Recomputes every checksum as far as the section table can be followed: what is malformed then is
// so with good checksums.
void Reseal(FileBytes& bytes);

// Everything that every accessor says, one line each; an error is one line too, "! ..." for damage
// and the like, and the walk goes on.
[[nodiscard]] std::string DescribeAll(const Sidecar& sidecar);

}  // namespace orcio::test
