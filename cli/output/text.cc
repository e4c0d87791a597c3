#include "cli/output/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/text/safe_text.h"

namespace orcio::cli {
namespace {

size_t ShownWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

std::string TerminalSafe(std::string_view text) {
  return SafeText(text);
}

std::string FormatMode(EntryType type, uint32_t mode) {
  constexpr std::string_view kTypes = "-dl-cbps";
  std::string text(1, kTypes[static_cast<size_t>(type)]);
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += (mode >> shift & 4) != 0 ? 'r' : '-';
    text += (mode >> shift & 2) != 0 ? 'w' : '-';
    text += (mode >> shift & 1) != 0 ? 'x' : '-';
  }
  const auto special = [&](uint32_t bit, size_t at, char with_x, char without) {
    if ((mode & bit) != 0) text[at] = text[at] == 'x' ? with_x : without;
  };
  special(04000, 3, 's', 'S');
  special(02000, 6, 's', 'S');
  special(01000, 9, 't', 'T');
  return text;
}

std::string FormatCount(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string FormatTime(int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  std::array<char, 64> text{};
  if (::localtime_r(&time, &parts) == nullptr) return fmt::format("@{}", seconds);
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string FormatVerified(std::optional<int64_t> full_seconds,
                           std::optional<int64_t> quick_seconds) {
  constexpr size_t kDayLetters = 10;  // of "2026-11-23 02:00:00"
  const auto seconds = full_seconds ? full_seconds : quick_seconds;
  if (!seconds) return "-";
  return FormatTime(*seconds).substr(0, kDayLetters) + (full_seconds ? " full" : " quick");
}

std::string_view TypeWord(EntryType type) {
  constexpr std::array<std::string_view, 8> kTypeWords{
      "file",         "directory", "symlink", "hardlink", "character_device",
      "block_device", "fifo",      "socket"};
  return kTypeWords[static_cast<size_t>(type)];
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows,
                        const std::vector<bool>& right) {
  std::vector<size_t> widths(right.size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], ShownWidth(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - ShownWidth(row[i]), ' ');
      if (i > 0) text += "  ";
      if (right[i]) text += padding;
      text += row[i];
      if (!right[i] && i + 1 < row.size()) text += padding;
    }
    text += '\n';
  }
  return text;
}

}  // namespace orcio::cli
