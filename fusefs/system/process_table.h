#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace orcio::inline fusefs {

// A process for as long as it lives: others get its number after it.
struct Process {
  pid_t id = 0;
  uint64_t started = 0;  // clock ticks since boot

  friend bool operator==(const Process&, const Process&) = default;
};

// The process that a thread belongs to, as /proc has it. Nothing if it cannot be told: there is
// no such thread, it is of another pid namespace (0), one of the kernel's (nfsd), hidden from this
// process, or /proc is that of another pid namespace.
//
// Reads of the other process only what the kernel tells without that process's help and without the
// lock of its memory: it may be waiting, with that lock held, for this one to answer.
[[nodiscard]] std::optional<Process> ProcessOf(pid_t thread);

}  // namespace orcio::inline fusefs
