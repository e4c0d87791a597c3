#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace orcio::test {

// Larger files are told apart by the blocks of theirs that are not zeros: SHA-256 of gigabytes of
// holes is most of what a test would compute.
inline constexpr uint64_t kPlainDigest = uint64_t{64} << 20;

// One file of a tree as the kernel shows it, ready to be compared with the same file elsewhere.
struct TreeLine {
  std::string path;   // relative to the root; "." for the root itself
  char type = '?';    // as find(1) prints it: f d l p c b s
  uint32_t mode = 0;  // 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;  // of files and symlinks, else 0
  int64_t mtime_seconds = 0;
  int64_t mtime_nanoseconds = 0;
  uint64_t links = 0;   // of all but directories, else 0
  std::string same_as;  // the first path, in byte order, of the same inode; empty if this is it
  std::string target;   // of a symlink
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::map<std::string, std::string> attributes;  // ACLs among them
  // Of a file's content, hexadecimal; over kPlainDigest, "blocks " and one of its blocks.
  std::string sha256;
  // Stretches of data (SEEK_DATA), offset and length; left empty unless asked for.
  std::vector<std::pair<uint64_t, uint64_t>> data;
  friend bool operator==(const TreeLine&, const TreeLine&) = default;
};

struct TreeOptions {
  bool sockets = false;    // tar leaves them out
  bool root_line = false;  // the root itself
  bool directory_mtimes = true;
  bool attributes = true;
  bool trusted_attributes = true;  // trusted.*, which root alone sees
  bool content = true;             // sha256
  bool data_maps = false;
};

// Every file below `root`, sorted by the bytes of its path. Throws if the system refuses, and
// if reading gives fewer bytes than the size says.
[[nodiscard]] std::vector<TreeLine> ListTree(const std::filesystem::path& root,
                                             const TreeOptions& options = {});

// What differs, one line each, for people: "names/x: mode 644, 600". Empty if nothing does.
[[nodiscard]] std::string DiffTrees(const std::vector<TreeLine>& left,
                                    const std::vector<TreeLine>& right);

}  // namespace orcio::test
