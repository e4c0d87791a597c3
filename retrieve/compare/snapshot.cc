#include "retrieve/compare/snapshot.h"

namespace orcio::inline retrieve {

Result<Snapshot> TakeSnapshot(const Sidecar& sidecar, NodeId id) {
  Snapshot snapshot;
  snapshot.node = ORCIO_TRY(sidecar.Node(id));
  if (snapshot.node.type == EntryType::kSymlink)
    snapshot.target = ORCIO_TRY(sidecar.SymlinkTarget(id));
  if (snapshot.node.type == EntryType::kFile) snapshot.digest = ORCIO_TRY(sidecar.Digest(id));
  return snapshot;
}

bool HoldTheSame(const Snapshot& a, const Snapshot& b) {
  if (a.node.type != b.node.type) return false;
  switch (a.node.type) {
    case EntryType::kFile:
      if (a.digest && b.digest) return a.digest == b.digest;
      return a.node.size == b.node.size && a.node.mtime == b.node.mtime &&
             a.node.complete == b.node.complete;
    case EntryType::kSymlink:
      return a.target == b.target;
    case EntryType::kCharacterDevice:
    case EntryType::kBlockDevice:
      return a.node.device_major == b.node.device_major &&
             a.node.device_minor == b.node.device_minor;
    default:
      return true;
  }
}

}  // namespace orcio::inline retrieve
