#pragma once

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/unique_fd.h"

namespace orcio::inline index {

// Held by whatever changes a repository; the kernel lets go of it when the process ends, however it
// ends.
class RepositoryLock {
 public:
  // kLocked, naming the holder's process id, if another run holds it. Tries for so long: on CIFS
  // whoever asks whether it is held takes it for an instant.
  [[nodiscard]] static Result<RepositoryLock> Take(
      const std::filesystem::path& repository,
      std::chrono::milliseconds patience = std::chrono::seconds(1));

  // Whether a run holds it now, without being in the way of one that wants to.
  [[nodiscard]] static bool IsHeld(const std::filesystem::path& repository);

 private:
  explicit RepositoryLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace orcio::inline index
