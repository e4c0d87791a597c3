#include "index/repository/archive_state.h"

#include <fmt/format.h>

#include <utility>

namespace orcio::inline index {
namespace {

// Nothing is known of what cannot be read, not that it is damaged.
ArchiveState Unreadable(std::string words, Error error) {
  if (IsPermissionDenied(error)) words = "permission denied";
  // Gone since it was listed.
  if (error.kind == ErrorKind::kNotFound) return {nullptr, std::move(words), {}, {}};
  return {nullptr, std::move(words), {}, std::move(error)};
}

ArchiveState WithoutSidecar(Error error) {
  switch (error.kind) {
    case ErrorKind::kNotFound:
      return {nullptr, "not indexed", {}, {}};
    case ErrorKind::kDamaged:
    case ErrorKind::kUnsupported:
    case ErrorKind::kInvalid:
      return {nullptr, "index damaged", {}, {}};
    default:
      return Unreadable("index unreadable", std::move(error));
  }
}

}  // namespace

std::optional<ArchiveSize> ArchiveState::shrunk_from() const {
  if (sidecar == nullptr) return std::nullopt;
  const auto facts = sidecar->facts();
  return facts ? facts->shrunk_from : std::nullopt;
}

ArchiveState LookAtArchive(const FileSystem& files, const ArchiveFile& archive) {
  // First, for who may not read the archive is to hear that: of its sidecar, which he may not read
  // either, there may be another one or none in a place of his own.
  const auto file = files.OpenRead(archive.path);
  if (!file) return Unreadable("unreadable", file.error());
  auto sidecar = Sidecar::Open(files, archive.sidecar);
  if (!sidecar) return WithoutSidecar(std::move(sidecar).error());
  if (const auto belongs = (*sidecar)->CheckBelongsTo(**file); !belongs) {
    if (belongs.error().kind != ErrorKind::kDamaged)
      return Unreadable("unreadable", belongs.error());
    // Of a small archive that is damaged no more can be said: it is nothing but edges.
    const bool same_size = (*file)->size() == (*sidecar)->archive().bytes;
    return {nullptr, same_size ? "differs from its index" : "index of another archive", {}, {}};
  }
  ArchiveState state;
  state.sidecar = std::move(*sidecar);
  state.words = state.sidecar->complete() ? "complete" : "incomplete";
  state.verified = LastVerification(files, archive.sidecar, state.sidecar->archive().sha256);
  const uint64_t damages = state.verified ? state.verified->damages() : 0;
  if (damages == 1) state.words = "damaged in one place";
  if (damages > 1) state.words = fmt::format("damaged in {} places", damages);
  return state;
}

}  // namespace orcio::inline index
