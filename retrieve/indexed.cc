#include "retrieve/indexed.h"

#include <utility>

namespace orcio {

Result<std::shared_ptr<const Sidecar>> OpenSidecar(const FileSystem& files,
                                                   const ArchiveFile& archive) {
  auto sidecar = Sidecar::Open(files, archive.sidecar);
  if (!sidecar && sidecar.error().kind == ErrorKind::kNotFound)
    return Fail(ErrorKind::kUnsupported, "{0} has no index; `orcio index {0}` makes it",
                archive.path.string());
  if (!sidecar && sidecar.error().kind == ErrorKind::kUnsupported)
    return Fail(ErrorKind::kUnsupported, "{}; `orcio index {}` makes it anew",
                sidecar.error().message, archive.path.string());
  if (!sidecar) return sidecar;
  const auto file = ORCIO_TRY(files.OpenRead(archive.path));
  ORCIO_TRY((*sidecar)->CheckBelongsTo(*file));
  return sidecar;
}

}  // namespace orcio
