#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orcio::inline archiver {

// A line of /proc/PID/mountinfo (proc(5)).
struct MountLine {
  std::string place;        // where it is mounted
  std::string field;        // that, as it stands there, with its escapes
  std::string root;         // what of the file system is mounted: "/" if all of it is
  std::string type;         // e.g. "ext4"; empty if the line is cut off before
  std::string shown = {};   // device and root, as they stand there
  std::string device = {};  // e.g. "8:1"
};

// By the text of mountinfo. Lines that are none of its are passed over.
[[nodiscard]] std::vector<MountLine> ParseMountinfo(std::string_view mountinfo);

// Where file systems are mounted, likewise.
[[nodiscard]] std::vector<std::string> MountedPlaces(std::string_view mountinfo);

}  // namespace orcio::inline archiver
