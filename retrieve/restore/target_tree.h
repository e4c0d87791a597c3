#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace orcio::inline retrieve {

// A directory to put files into, and where in it one stands. Names are single components, as a
// Sidecar has them, and none is ever reached through a symlink: each directory is opened from the
// one above it with O_NOFOLLOW, so that nothing is made outside, whatever stands in the target and
// whoever changes it meanwhile. Not thread-safe.
class TargetTree {
 public:
  // Opens `path`, or makes it with mode 0700 and no ACL, whatever is inherited where it is.
  [[nodiscard]] static Result<TargetTree> Open(const std::filesystem::path& path);

  [[nodiscard]] bool made() const { return made_; }
  // Whether there was nothing in it before.
  [[nodiscard]] bool was_empty() const { return was_empty_; }

  // Goes into a directory of the current one, which is made with mode 0700 if it is missing.
  // Whether it was made. Fails, and stays, if something else stands there.
  [[nodiscard]] Result<bool> Enter(std::string_view name);
  // As Enter, but makes nothing: false, and it stays, if there is no such directory.
  [[nodiscard]] Result<bool> EnterExisting(std::string_view name);
  // Back to the directory above.
  [[nodiscard]] Result<void> Leave();
  // The current directory.
  [[nodiscard]] int fd() const { return levels_.back().fd.get(); }

  // A new file in the current directory, under a name that nothing else has: Publish gives it its
  // own.
  struct NewFile {
    UniqueFd fd;
    std::string name;
  };
  [[nodiscard]] Result<NewFile> CreateFile();
  // Fails with EEXIST if something stands there.
  [[nodiscard]] Result<void> Publish(const NewFile& file, std::string_view name) const;
  void Discard(const NewFile& file) const;

  // Gives the file at `path` from the target on another name in the current directory.
  [[nodiscard]] Result<void> Link(std::string_view path, std::string_view name) const;

 private:
  struct Level {
    std::string name;
    UniqueFd fd;  // closed if there are many below it
  };
  TargetTree() = default;
  // Opens a directory, component by component, from the target on.
  [[nodiscard]] Result<UniqueFd> OpenBelow(std::string_view path) const;
  [[nodiscard]] Result<UniqueFd> OpenLevel(size_t level) const;
  void Push(std::string_view name, UniqueFd fd);

  std::vector<Level> levels_;
  bool made_ = false;
  bool was_empty_ = true;
  uint64_t next_name_ = 0;
};

}  // namespace orcio::inline retrieve
