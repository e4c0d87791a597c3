#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/sha256.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// One verification of an archive, and what came of it.
struct VerificationRun {
  int64_t seconds = 0;  // UTC, since the epoch
  uint64_t damages = 0;
};

// What is known of an archive from verifying it. A quick verification cannot see most damage: it
// says nothing against what a full one has found, nor does it make up for one.
struct Verification {
  Sha256Digest archive_sha256{};         // of the archive file, as its sidecar has it
  std::optional<VerificationRun> full;   // the last one that read every byte
  std::optional<VerificationRun> quick;  // the last one of the structure alone since then

  // How many damages are known, at least: both may have found the same.
  [[nodiscard]] uint64_t damages() const;
  // When it was last verified in either way.
  [[nodiscard]] int64_t seconds() const;
};

// Where the record is kept for the archive of this sidecar: beside that, in `.<archive>.verified`,
// one JSON object. The sidecar itself says nothing but what is in the archive, and is equal
// whenever it is made again.
[[nodiscard]] std::filesystem::path VerificationPath(const std::filesystem::path& sidecar);

// Enters a run into the record: one that read every byte replaces it; a quick one replaces the last
// quick one, and leaves what a full one of the same archive file has found. A record that cannot be
// read for an error of the disk is left as it is. Not to be called by two at a time for one
// archive.
[[nodiscard]] Result<void> RecordVerification(const FileSystem& files,
                                              const std::filesystem::path& sidecar,
                                              const Sha256Digest& archive_sha256, bool read_data,
                                              const VerificationRun& run);

// Nothing if there is none that can be read, or if it is of another archive file.
[[nodiscard]] std::optional<Verification> LastVerification(const FileSystem& files,
                                                           const std::filesystem::path& sidecar,
                                                           const Sha256Digest& archive_sha256);

}  // namespace orcio::inline index
