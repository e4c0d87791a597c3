#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/outcome/json_text.h"
#include "base/text/figures.h"
#include "index/entry/entry.h"

namespace orcio::cli {

// As SafeText: an archived name or a host's message cannot drive the terminal.
[[nodiscard]] std::string TerminalSafe(std::string_view text);

// "1 warning", "2 warnings".
[[nodiscard]] std::string FormatCount(size_t count, std::string_view noun);

// "drwxr-xr-x", as ls has it.
[[nodiscard]] std::string FormatMode(EntryType type, uint32_t mode);
// "2026-11-23 02:00:00" in this machine's time zone.
[[nodiscard]] std::string FormatTime(int64_t seconds);
// "2026-11-23 full": the day of the last verification that read every byte; if there was none,
// "2026-11-23 quick" of one that did not; "-" if there was neither.
[[nodiscard]] std::string FormatVerified(std::optional<int64_t> full_seconds,
                                         std::optional<int64_t> quick_seconds);
// The word for `type` in JSON: file, directory, symlink, ...
[[nodiscard]] std::string_view TypeWord(EntryType type);

// Rows as columns, aligned by what a UTF-8 terminal shows; `right` lists the columns to align on
// the right. One line a row, the last column not padded.
[[nodiscard]] std::string FormatTable(const std::vector<std::vector<std::string>>& rows,
                                      const std::vector<bool>& right);

}  // namespace orcio::cli
