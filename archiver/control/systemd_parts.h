#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace orcio::inline archiver {

// A unit that was running, and that is to run again.
struct UnitPart {
  std::string unit;
  // It was not up: a oneshot at its work, one that keeps failing to start.
  bool activating = false;
  bool joined = false;  // not listed
  // Those that start, or stop, by one command have the same number, and the first is the least
  // to start and the last to stop.
  size_t starts_with = 0;
  size_t stops_with = 0;
};

[[nodiscard]] std::vector<std::string> UnitNames(const std::vector<UnitPart>& parts);

// What starts by one command, and what stops by one. What starts others goes first, in any of them:
// nothing that is down is started by it, and systemd starts no socket whose service runs.
[[nodiscard]] std::vector<std::vector<UnitPart>> StartGroups(const std::vector<UnitPart>& running);
[[nodiscard]] std::vector<std::vector<std::string>> StopGroups(
    const std::vector<UnitPart>& running);

// As ServiceControl has them: Memory, Recall and StartScript.
[[nodiscard]] std::string MemoryOf(const std::vector<UnitPart>& running);
[[nodiscard]] Result<std::vector<UnitPart>> RecallUnits(const std::string& memory);
[[nodiscard]] std::string StartScriptOf(const std::vector<UnitPart>& running);

}  // namespace orcio::inline archiver
