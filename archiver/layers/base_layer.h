#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "archiver/layers/layer.h"
#include "base/error.h"
#include "base/memory/interned_bytes.h"
#include "base/memory/scratch_memory.h"
#include "index/files/file_system.h"

namespace orcio::inline archiver {

// What an earlier run left, as a layer of the next one.
struct BaseLayer {
  std::unique_ptr<Layer> layer;
  uint32_t runs_since_full = 0;  // as its listing has it
};

// An archive of an earlier run. kNotFound if it is of no use: no listing, one of other bytes or
// of another tar than `tar` (ListingFacts), an archive that is not whole. `memory` and `paths`
// outlive it.
[[nodiscard]] Result<BaseLayer> OpenLayer(const FileSystem& files,
                                          const std::filesystem::path& archive,
                                          const std::filesystem::path& sidecar,
                                          const std::string& tar, ScratchMemory& memory,
                                          InternedBytes& paths);

// The last archive of `service` in the repository that has a listing, as OpenLayer has it.
// kNotFound if there is none.
[[nodiscard]] Result<BaseLayer> OpenBaseLayer(const FileSystem& files,
                                              const std::filesystem::path& repository,
                                              const std::string& service, const std::string& tar,
                                              ScratchMemory& memory, InternedBytes& paths);

}  // namespace orcio::inline archiver
