#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace orcio::inline index {

// The largest file that may be written somewhere.
struct FileLimit {
  uint64_t bytes = 0;
  std::string_view why;   // for people: what sets it
  std::string_view cure;  // and what to do
};

// The smaller one of what a soft RLIMIT_FSIZE and a file system of that type (statfs(2), f_type)
// allow; nothing if neither has a limit that an archive may meet.
[[nodiscard]] std::optional<FileLimit> FileLimitBy(uint64_t soft_limit, uint64_t type);

// As this process has it in `directory`.
[[nodiscard]] std::optional<FileLimit> FileLimitIn(const std::filesystem::path& directory);

}  // namespace orcio::inline index
