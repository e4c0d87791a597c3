#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace orcio::test {

// A file system of its own that is soon full: ext4 in a file, by a loop device; if there are no
// loop devices, a tmpfs, which it says on stderr. Needs root.
class LoopDisk {
 public:
  // Mounted at `directory`, which exists and is empty, with room for `bytes`. `options` are
  // mkfs.ext4's.
  LoopDisk(std::filesystem::path directory, uint64_t bytes,
           const std::vector<std::string>& options = {});
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  // Whether it is the ext4, not the tmpfs.
  [[nodiscard]] bool is_ext4() const { return is_ext4_; }
  // To some 250 MiB.
  void Grow() const;
  // Whether a name in the directory is the file system's own.
  [[nodiscard]] static bool IsItsOwn(const std::string& name);

 private:
  [[nodiscard]] bool MountLoop(const std::vector<std::string>& options) const;
  void Reserve(uint64_t bytes) const;
  [[nodiscard]] std::filesystem::path image() const { return directory_.string() + ".ext4"; }

  const std::filesystem::path directory_;
  bool is_ext4_ = false;
};

}  // namespace orcio::test
