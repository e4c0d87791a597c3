#include "index/archive_state.h"

#include <fmt/format.h>

#include <utility>

namespace orcio {

std::optional<ArchiveSize> ArchiveState::shrunk_from() const {
  if (sidecar == nullptr) return std::nullopt;
  const auto facts = sidecar->facts();
  return facts ? facts->shrunk_from : std::nullopt;
}

ArchiveState LookAtArchive(const FileSystem& files, const ArchiveFile& archive) {
  ArchiveState state{nullptr, "not indexed", std::nullopt};
  auto sidecar = Sidecar::Open(files, archive.sidecar);
  if (!sidecar) {
    if (sidecar.error().kind != ErrorKind::kNotFound) state.words = "index damaged";
    return state;
  }
  const auto file = files.OpenRead(archive.path);
  if (!file) {
    state.words = "unreadable";
    return state;
  }
  if (!(*sidecar)->CheckBelongsTo(**file)) {
    state.words = "index of another archive";
    return state;
  }
  state.sidecar = std::move(*sidecar);
  state.words = state.sidecar->complete() ? "complete" : "incomplete";
  state.verified = LastVerification(files, archive.sidecar, state.sidecar->archive().sha256);
  const uint64_t damages = state.verified ? state.verified->damages() : 0;
  if (damages == 1) state.words = "damaged in one place";
  if (damages > 1) state.words = fmt::format("damaged in {} places", damages);
  return state;
}

}  // namespace orcio
