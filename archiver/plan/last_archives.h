#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/plan/usual_size.h"
#include "base/error.h"
#include "index/files/file_system.h"
#include "index/sidecar/run_facts.h"

namespace orcio::inline archiver {

// What a service's last archives say of the next one.
struct LastArchives {
  std::optional<double> ratio;       // of what compression left of the last one's tar
  std::optional<UsualSize> usual;    // of a service that has a min_ratio
  std::vector<std::string> emptied;  // paths, as FindEmptied has them
};

// Before the service is stopped. ENOSPC if the disk could not even take the last archive again,
// EFBIG if no file there may be so large.
[[nodiscard]] Result<LastArchives> LookAtLastArchives(const ServiceConfig& service,
                                                      RemoteHost& host, const FileSystem& files,
                                                      const std::filesystem::path& repository,
                                                      const std::stop_token& stop);

// Says in the facts of a new archive, whose size is `size`, whether it holds suspiciously less.
void CompareSize(const ServiceConfig& service, const LastArchives& last, const ArchiveSize& size,
                 RunFacts& facts);

}  // namespace orcio::inline archiver
