#include "archiver/host/mounted_places.h"

#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// The fields' places in a line.
constexpr size_t kDevice = 2;
constexpr size_t kRoot = 3;
constexpr size_t kMountPoint = 4;

// Space, tab, newline and backslash stand there as a backslash and three octal digits.
std::string WithoutEscapes(std::string_view field) {
  std::string text;
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  for (size_t i = 0; i < field.size(); ++i) {
    const bool escaped = field[i] == '\\' && i + 3 < field.size() && octal(field[i + 1]) &&
                         octal(field[i + 2]) && octal(field[i + 3]);
    if (!escaped) {
      text += field[i];
      continue;
    }
    text += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 +
                              (field[i + 3] - '0'));
    i += 3;
  }
  return text;
}

}  // namespace

std::vector<MountLine> ParseMountinfo(std::string_view mountinfo) {
  std::vector<MountLine> mounts;
  for (const std::string& line : Lines(mountinfo)) {
    const auto fields = Split(line, ' ');
    if (fields.size() <= kMountPoint || !fields[kMountPoint].starts_with('/')) continue;
    MountLine mount{WithoutEscapes(fields[kMountPoint]),   fields[kMountPoint],
                    WithoutEscapes(fields[kRoot]),         "",
                    fields[kDevice] + " " + fields[kRoot], fields[kDevice]};
    // After them come as many as there happen to be, and a dash.
    for (size_t i = kMountPoint + 1; i + 1 < fields.size() && mount.type.empty(); ++i)
      if (fields[i] == "-") mount.type = fields[i + 1];
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::vector<std::string> MountedPlaces(std::string_view mountinfo) {
  std::vector<std::string> places;
  for (auto& mount : ParseMountinfo(mountinfo)) places.push_back(std::move(mount.place));
  return places;
}

}  // namespace orcio::inline archiver
