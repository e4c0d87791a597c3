#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "index/entry.h"
#include "index/run_facts.h"

namespace orcio::cli {

// `text` with control characters, and bytes that are no UTF-8, as \n, \t, \xNN, so that an archived
// name or a host's message cannot drive the terminal. A backslash stays as it is.
[[nodiscard]] std::string TerminalSafe(std::string_view text);

[[nodiscard]] bool IsUtf8(std::string_view text);
[[nodiscard]] std::string Base64(std::string_view bytes);

// "1.4 GiB", "312 B": at most four characters and a unit.
[[nodiscard]] std::string FormatBytes(uint64_t bytes);
// "0.8 s", "42 s", "3 min 20 s", "1 h 5 min".
[[nodiscard]] std::string FormatSeconds(double seconds);
// "drwxr-xr-x", as ls has it.
[[nodiscard]] std::string FormatMode(EntryType type, uint32_t mode);
// "2026-11-23 02:00:00" in this machine's time zone.
[[nodiscard]] std::string FormatTime(int64_t seconds);
// The word for `type` in JSON: file, directory, symlink, ...
[[nodiscard]] std::string_view TypeWord(EntryType type);

// Adds `path` (and `path_base64` where it is no UTF-8) to a JSON object.
void AddPath(nlohmann::json& object, std::string_view path);
// As every --json prints it: bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string Dump(const nlohmann::json& value);
[[nodiscard]] nlohmann::json ToJson(const Downtime& downtime);

// Rows as columns, aligned by what a UTF-8 terminal shows; `right` lists the columns to align on
// the right. One line a row, the last column not padded.
[[nodiscard]] std::string FormatTable(const std::vector<std::vector<std::string>>& rows,
                                      const std::vector<bool>& right);

}  // namespace orcio::cli
