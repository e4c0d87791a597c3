#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/repository/repository.h"
#include "index/sidecar/read/sidecar.h"
#include "index/verify/verification.h"

namespace orcio::inline index {

// What an archive's sidecar and the record of its verification say of it; nothing is decoded.
struct ArchiveState {
  std::shared_ptr<const Sidecar> sidecar;  // nothing if there is none to trust
  std::string words;                       // "complete", "not indexed"...
  std::optional<Verification> verified;
  std::optional<Error> failure;  // why the archive or its sidecar could not be looked at at all

  // Whether it is known to hold all that it should.
  [[nodiscard]] bool whole() const {
    return sidecar != nullptr && sidecar->complete() && !(verified && verified->damages() > 0);
  }
  // What those before it held, if it holds far less (RunFacts).
  [[nodiscard]] std::optional<ArchiveSize> shrunk_from() const;
  // Whether to count on it: whole, and no smaller than one expects.
  [[nodiscard]] bool good() const { return whole() && !shrunk_from(); }
};

[[nodiscard]] ArchiveState LookAtArchive(const FileSystem& files, const ArchiveFile& archive);

}  // namespace orcio::inline index
