#include "cli/shared/exit_code.h"

#include <algorithm>
#include <array>

namespace orcio::cli {

ExitCode ExitCodeOf(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kNotFound:
      return kNoSuch;
    case ErrorKind::kInvalid:
      return kUsage;
    case ErrorKind::kDamaged:
      return kDamage;
    case ErrorKind::kNetwork:
    case ErrorKind::kRefused:
      return kHost;
    case ErrorKind::kLocked:
      return kLocked;
    case ErrorKind::kCancelled:
      return kInterrupted;
    case ErrorKind::kNotRunning:
      return kNotRunning;
    case ErrorKind::kUnsupported:
    case ErrorKind::kIo:
    case ErrorKind::kRemote:
    case ErrorKind::kLimit:
      return kFailed;
  }
  return kFailed;
}

ExitCode Worse(ExitCode a, ExitCode b) {
  constexpr std::array kByWeight{kDone,   kWarnings, kNoSuch,      kHost,       kDamage,    kFailed,
                                 kLocked, kUsage,    kInterrupted, kTerminated, kNotRunning};
  const auto weight = [&](ExitCode code) {
    return std::find(kByWeight.begin(), kByWeight.end(), code);
  };
  return weight(a) < weight(b) ? b : a;
}

}  // namespace orcio::cli
