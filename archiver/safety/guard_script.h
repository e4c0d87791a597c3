#pragma once

#include <chrono>
#include <string>

namespace orcio::inline archiver {

// The guard: a small program on the host that starts a stopped service if orcio falls silent.
// What orcio sends to a host for it, all of it, comes from here.
//
// Its directory, orcio-guard-TOKEN in the first of /run, /dev/shm and /tmp that can be written, is
// made with mode 0700 and holds
//   guard    the program
//   environment  a program that runs its arguments as the session that armed the guard would have:
//            with its environment, which may hold secrets, and in its directory if it is told to;
//            removed once the guard is done
//   ready    once it runs
//   beat     made by each sign of orcio, removed by the guard when it has seen it
//   work     process group, process and its start time of the last command that stops or reads
//   stopped  once the service has stopped; ended, once the last byte was read
//   claim    a directory: whoever makes it first, the guard or orcio, has decided how this ends
//   fired    if that was the guard: "starting", "confirmed" or "failed", and why
//   done     if that was orcio
// It is on no disk that survives a reboot, as nothing of it means anything after one.
struct GuardPlan {
  std::string token;                 // 32 hexadecimal digits
  std::string service;               // for the log
  std::chrono::seconds silence{30};  // before it fires
  std::chrono::seconds longest{0};   // from here to the last byte; 0 for any
  // Shell functions, see ServiceControl::StartScript.
  std::string start;
};

// The program, for a POSIX sh (dash, busybox ash).
[[nodiscard]] std::string GuardProgram(const GuardPlan& plan);

// Each prints one line "orcio-guard: MARK PHASE DETAIL" (ParseGuardState) among what login scripts
// print.

// Takes the program as standard input, and returns once it runs.
[[nodiscard]] std::string ArmCommand(const std::string& token);
// A sign of life.
[[nodiscard]] std::string BeatCommand(const std::string& token);
// The last byte has been read: from here on the service may start for as long as it takes.
[[nodiscard]] std::string EndedCommand(const std::string& token);
// The same, and then `command`, which starts the service; not if the guard has fired or gone.
[[nodiscard]] std::string EndedThenCommand(const std::string& token, const std::string& command);
// Ends what commands of a run that failed may still do there.
[[nodiscard]] std::string TakeCommand(const std::string& token);
// Ends the guard. "armed" means that it had not fired and will not. May be repeated.
[[nodiscard]] std::string DisarmCommand(const std::string& token);
// Removes the directory of a guard that was disarmed.
[[nodiscard]] std::string RemoveCommand(const std::string& token);

// `command`, which stops or reads the service, for as long as the guard has not fired: then it is
// refused there (kGuardRefused). `stopped`: whether the service has stopped by now.
[[nodiscard]] std::string GuardedCommand(const std::string& token, const std::string& command,
                                         bool stopped);

inline constexpr int kGuardRefused = 97;  // exit status
inline constexpr const char* kGuardMark = "orcio-guard: ";

}  // namespace orcio::inline archiver
