#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace orcio::test {

// All of a file's bytes; none if it cannot be opened.
inline std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Makes a shell script that its owner may run.
inline void WriteProgram(const std::filesystem::path& path, const std::string& script) {
  std::ofstream(path) << "#!/bin/sh\n" << script;
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

}  // namespace orcio::test
