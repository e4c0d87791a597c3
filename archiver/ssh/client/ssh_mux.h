#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace orcio::inline archiver {

// What passes between an ssh(1) that shares its connection and whoever has it run a command: the
// messages of OpenSSH's PROTOCOL.mux, version 4, as far as orcio needs them.

struct MuxMessage {
  enum class Kind {
    kHello,    // number: the version it speaks
    kOpened,   // the command was sent to the host
    kRefused,  // reason: why there will be no command
    kExit,     // number: the command's exit status
    kOther,    // nothing that orcio asked for
  };
  Kind kind = Kind::kOther;
  uint32_t number = 0;
  std::string reason = {};
};

inline constexpr uint32_t kMuxVersion = 4;

// ssh lets no longer command pass, and no host's kernel would run it.
inline constexpr size_t kLongestMuxCommand = size_t{192} << 10;

[[nodiscard]] std::string MuxHello();
// Asks for a command without a terminal and without any forwarding. Three files follow it: its
// standard input, output and error.
[[nodiscard]] std::string MuxNewSession(std::string_view command);
// Asks ssh to end, which it may do without an answer.
[[nodiscard]] std::string MuxTerminate();

// Takes the first message off `bytes`; nothing if it is not whole yet. kInvalid if that is
// none.
[[nodiscard]] Result<std::optional<MuxMessage>> TakeMuxMessage(std::string& bytes);

}  // namespace orcio::inline archiver
