#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/swap/swap_script.h"
#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// What a run has stopped, or is about to, and how it is started again without the configuration: on
// disk before the service stops, and gone once the service is confirmed running.
struct RunJournal {
  ServiceConfig service;             // as far as starting goes
  std::vector<std::string> running;  // for people: what was
  std::string memory;                // ServiceControl::Memory
  std::string guard;                 // its token; empty if there is none
  int64_t start_seconds = 0;         // of the run, since the epoch
  std::optional<SwapPlan> swap;      // if files of it are replaced meanwhile
};

// `.SERVICE.journal` in the repository.
[[nodiscard]] std::filesystem::path JournalPath(const std::filesystem::path& repository,
                                                const std::string& service);

[[nodiscard]] std::string ServiceOfJournal(const std::filesystem::path& journal);

// Returns once the journal is on disk, the directory's entry included; after an error there is
// none.
[[nodiscard]] Result<void> WriteJournal(const FileSystem& files,
                                        const std::filesystem::path& repository,
                                        const RunJournal& journal);
[[nodiscard]] Result<void> RemoveJournal(const FileSystem& files,
                                         const std::filesystem::path& repository,
                                         const std::string& service);

// kNotRunning if the service has a journal: what an earlier run stopped, and nobody has
// confirmed running since, must not be forgotten over a new run.
[[nodiscard]] Result<void> RefuseUnrecovered(const FileSystem& files,
                                             const std::filesystem::path& repository,
                                             const std::string& service);

// kDamaged if it is not what WriteJournal wrote.
[[nodiscard]] Result<RunJournal> ReadJournal(const FileSystem& files,
                                             const std::filesystem::path& path);
// The journals in a repository, sorted.
[[nodiscard]] Result<std::vector<std::filesystem::path>> ListJournals(
    const FileSystem& files, const std::filesystem::path& repository);

}  // namespace orcio::inline archiver
