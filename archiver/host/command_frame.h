#pragma once

#include <string>
#include <string_view>

#include "archiver/config/config.h"

namespace orcio::inline archiver {

// What every command for a host begins with: it looks for programs where they may be besides the
// PATH that sshd or sudo has, for the login user's own docker daemon if root has none, and marks
// on both outputs where the command's own words begin. Ends with a newline.
[[nodiscard]] std::string CommandPrologue(const HostConfig& config);

// Tells what a command prints from what came before it: a login shell's start-up files, a wrapper
// around every command, sudo. One for each of its outputs.
class FrameFilter {
 public:
  // What of `bytes`, the next ones of the output, is the command's own; valid until the next call.
  [[nodiscard]] std::string_view Take(std::string_view bytes);

  // Whether the command itself has begun.
  [[nodiscard]] bool begun() const { return begun_; }
  // What came before that. Grows with what Take is given until the command begins: whoever gives it
  // bounds it.
  [[nodiscard]] std::string_view noise() const {
    return std::string_view(held_).substr(0, noise_bytes_);
  }

 private:
  std::string held_;
  size_t noise_bytes_ = 0;
  bool begun_ = false;
};

}  // namespace orcio::inline archiver
