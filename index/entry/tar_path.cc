#include "index/entry/tar_path.h"

#include <cstddef>

namespace orcio::inline index {

std::string_view InsideTree(std::string_view path) {
  size_t end = path.size();
  while (true) {
    size_t slash = end == 0 ? std::string_view::npos : path.rfind('/', end - 1);
    size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    if (path.substr(begin, end - begin) == "..") return path.substr(end);
    if (begin == 0) return path;
    end = begin - 1;
  }
}

std::string_view NextComponent(std::string_view& path) {
  while (!path.empty()) {
    size_t end = path.find('/');
    std::string_view component = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    if (!component.empty() && component != ".") return component;
  }
  return {};
}

}  // namespace orcio::inline index
