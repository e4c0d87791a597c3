#include "archiver/host/mounted_places.h"

#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMountPoint = 4;  // the field's place in a line

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

std::vector<std::string> MountedPlaces(std::string_view mountinfo) {
  std::vector<std::string> places;
  for (const std::string& line : Lines(mountinfo)) {
    const auto fields = Split(line, ' ');
    if (fields.size() > kMountPoint && fields[kMountPoint].starts_with('/'))
      places.push_back(WithoutEscapes(fields[kMountPoint]));
  }
  return places;
}

}  // namespace orcio::inline archiver
