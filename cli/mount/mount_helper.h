#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace orcio::cli {

// What mount(8) wants if fstab has the type fuse.orcio, in words of orcio's own.
struct MountHelperCall {
  bool fake = false;  // mount -f: do nothing
  // The program's arguments, its name first.
  std::vector<std::string> words;
};

// `words` are the program's name and its arguments. Nothing if they are not a call of
// mount(8)'s:
//   mount.fuse.orcio REPOSITORY MOUNTPOINT [-sfnv] [-o OPTIONS] [-t TYPE]
// if a link of that name (or mount.orcio) to this program is in /sbin, else by mount.fuse3(8):
//   orcio REPOSITORY MOUNTPOINT -o OPTIONS
[[nodiscard]] std::optional<MountHelperCall> ReadMountHelperCall(
    std::span<const char* const> words);

}  // namespace orcio::cli
