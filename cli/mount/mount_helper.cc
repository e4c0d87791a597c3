#include "cli/mount/mount_helper.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace orcio::cli {
namespace {

bool IsHelperName(std::string_view program) {
  return std::filesystem::path(program).filename().string().starts_with("mount.");
}

// mount(8) says "rw" unless fstab says "ro", mount.fuse3(8) "suid" and "dev": nobody has
// asked for them, and whoever did gets what there is, as from a CD-ROM.
std::string WithoutDefaults(std::string_view options) {
  std::string kept;
  while (!options.empty()) {
    const std::string_view word = options.substr(0, options.find(','));
    options.remove_prefix(std::min(word.size() + 1, options.size()));
    if (word == "rw" || word == "suid" || word == "dev") continue;
    if (!kept.empty()) kept += ',';
    kept += word;
  }
  return kept;
}

}  // namespace

std::optional<MountHelperCall> ReadMountHelperCall(std::span<const char* const> words) {
  if (words.size() < 3) return std::nullopt;
  const std::string_view source = words[1];
  // No command of orcio's has a slash in its name.
  if (!IsHelperName(words[0]) && source.find('/') == source.npos) return std::nullopt;
  if (source.starts_with('-') || std::string_view(words[2]).starts_with('-')) return std::nullopt;
  MountHelperCall call;
  call.words = {words[0], "--repository", words[1], "mount", words[2]};
  for (size_t i = 3; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const bool has_value = i + 1 < words.size();
    if (word == "-o" && has_value) {
      if (const std::string options = WithoutDefaults(words[++i]); !options.empty())
        call.words.insert(call.words.end(), {"-o", options});
    } else if (word == "-t" && has_value) {
      ++i;
    } else if (word == "-f") {
      call.fake = true;
    } else if (word != "-n" && word != "-s" && word != "-v") {
      call.words.emplace_back(word);  // to be complained about
    }
  }
  return call;
}

}  // namespace orcio::cli
