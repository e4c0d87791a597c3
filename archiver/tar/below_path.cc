#include "archiver/tar/below_path.h"

#include <fnmatch.h>

namespace orcio::inline archiver {

bool LiesBelow(std::string_view path, std::string_view directory) {
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

bool IsExcluded(const ServiceConfig& service, const std::string& path) {
  for (const auto& top : service.paths) {
    if (!LiesBelow(path, top) || path == top) continue;
    for (std::string name = path.substr(top.size() + 1);;) {
      for (const auto& pattern : service.exclude) {
        const bool content = pattern.ends_with("/*");  // of a directory: no more is mounted
        const std::string stem = content ? pattern.substr(0, pattern.size() - 2) : pattern;
        if (::fnmatch(stem.c_str(), name.c_str(), 0) == 0) return true;
      }
      const size_t slash = name.rfind('/');
      if (slash == std::string::npos) break;
      name.resize(slash);
    }
  }
  return false;
}

}  // namespace orcio::inline archiver
