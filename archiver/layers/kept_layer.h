#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "archiver/layers/base_layer.h"
#include "archiver/layers/layer_assembly.h"
#include "base/error.h"
#include "base/memory/interned_bytes.h"
#include "base/memory/scratch_memory.h"
#include "index/files/file_system.h"
#include "index/sidecar/run_facts.h"

namespace orcio::inline archiver {

// What a run of `mode: precopy` that gave up had fetched while its service ran, for the next one:
// `ARCHIVE.kept` in the repository, after the archive that never came to be, with a sidecar and a
// listing. It holds some files of the service, each once, and no reader of archives takes it for
// one. Its order is that which its files have beside one base layer, or beside none (ListingOrder):
// it serves with that one alone.

// For `tar` below: ListingFacts', and the base layer's archive. `base` may be null.
[[nodiscard]] std::string KeptText(const std::string& tar, const Layer* base);

// The newest one of `service`, as OpenBaseLayer has it.
[[nodiscard]] Result<BaseLayer> OpenKeptLayer(const FileSystem& files,
                                              const std::filesystem::path& repository,
                                              const std::string& service, const std::string& tar,
                                              ScratchMemory& memory, InternedBytes& paths);

// Makes that of `archive`, a name, of all files in `content`, and removes the service's others.
// `tar` and `runs_since_full` are as ListingFacts has them. kIo if there is no room for it.
[[nodiscard]] Result<void> WriteKept(const FileSystem& files,
                                     const std::filesystem::path& repository,
                                     const std::string& archive, LayeredFiles content,
                                     const RunFacts& facts, const std::string& tar,
                                     uint32_t runs_since_full, ScratchMemory& memory);

// Removes all of `service`, but for the file `but`.
[[nodiscard]] Result<void> RemoveKept(const FileSystem& files,
                                      const std::filesystem::path& repository,
                                      const std::string& service, const std::string& but = {});

}  // namespace orcio::inline archiver
