#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "index/files/file_system.h"

namespace orcio::inline index {

// A name for a new archive, and the time it speaks of.
struct FreeName {
  std::string name;
  int64_t utc_seconds = 0;
};

// A name that no file in `repository` has, of the time that `utc_seconds` tells. A name has a
// second's precision: if it is taken, the next second's is waited for, twice at most. kCancelled
// after a stop request, kIo if all were taken.
[[nodiscard]] Result<FreeName> FindFreeName(const FileSystem& files,
                                            const std::filesystem::path& repository,
                                            const std::string& service,
                                            const std::function<int64_t()>& utc_seconds,
                                            const std::stop_token& stop);

}  // namespace orcio::inline index
