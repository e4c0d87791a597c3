#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

// A tar made entry by entry, the same bytes every time, with names no shell would like. Owners are
// 1000:1001.
class TarText {
 public:
  TarText& Directory(const std::string& path, int64_t mtime = 1'700'000'000);
  TarText& File(const std::string& path, const std::string& content, int64_t mtime = 1'700'000'000,
                const std::string& mode = "0000644");
  TarText& Symlink(const std::string& path, const std::string& target);
  TarText& HardLink(const std::string& path, const std::string& target);
  // The whole tar.
  [[nodiscard]] std::string Text() const;

 private:
  TarText& Entry(const std::string& path, char type, const std::string& content, int64_t mtime,
                 const std::string& mode, const std::string& target);
  std::string text_;
};

// The archives of a wiki over four weeks, and one of a database:
//   srv/wiki/page          changes in the third week, is gone in the fourth
//   srv/wiki/back          is gone in the second week and as before from the third on
//   srv/wiki/touched       gets another mode and time in the fourth week, no other content
//   srv/wiki/names/...     names with newlines, quotes, escapes, no UTF-8, and a path of 4000 bytes
class LookRepository {
 public:
  LookRepository();
  [[nodiscard]] std::filesystem::path directory() const { return scratch_ / "repository"; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return scratch_ / name;
  }
  [[nodiscard]] static std::string LongPath();
  void Write(const std::string& name, const TarText& tar) const;
  // Of the tar, only the first `bytes`.
  void WriteCut(const std::string& name, const TarText& tar, size_t bytes) const;

  // orcio -r REPOSITORY WORDS, in UTC.
  [[nodiscard]] Ended Run(std::vector<std::string> words) const;

 private:
  ScratchDirectory scratch_;
};

}  // namespace orcio::test
