#include "retrieve/look/indexed.h"

#include <utility>

namespace orcio::inline retrieve {

Result<std::shared_ptr<const Sidecar>> OpenSidecar(const FileSystem& files,
                                                   const ArchiveFile& archive) {
  // Whoever may not read the archive cannot index it either.
  const auto file = ORCIO_TRY(files.OpenRead(archive.path));
  auto sidecar = Sidecar::OpenFor(files, archive.sidecar, *file);
  if (!sidecar && sidecar.error().kind == ErrorKind::kNotFound)
    return Fail(ErrorKind::kUnsupported, "{0} has no index; `orcio index {0}` makes it",
                archive.path.string());
  if (!sidecar && sidecar.error().kind == ErrorKind::kUnsupported)
    return Fail(ErrorKind::kUnsupported, "{}; `orcio index {}` makes it anew",
                sidecar.error().message, archive.path.string());
  return sidecar;
}

}  // namespace orcio::inline retrieve
