#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orcio::inline archiver {

// Where file systems are mounted, by the text of /proc/PID/mountinfo (proc(5)). Lines that are none
// of its are passed over.
[[nodiscard]] std::vector<std::string> MountedPlaces(std::string_view mountinfo);

}  // namespace orcio::inline archiver
