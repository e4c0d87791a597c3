#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace orcio::inline archiver {

// Whether `text` may stand in a header as who a mail is to: one local user or address, of letters,
// digits and @ . _ + - =.
[[nodiscard]] bool IsMailAddress(std::string_view text);

struct Mail {
  std::string to;  // IsMailAddress
  std::string subject;
  std::vector<std::string> lines;
  int64_t date_seconds = 0;  // since the epoch
};

// The message as RFC 5322 has it, with `\n` alone at the ends of lines, as sendmail takes it.
// Whatever the subject and the lines hold, it has the headers that it is meant to have, and no line
// of over 998 bytes.
[[nodiscard]] std::string MessageText(const Mail& mail);

// Hands it to `sendmail -t` (of PATH, else of /usr/sbin), which is killed after `timeout`. kIo
// if there is none, or it does not exit with 0.
[[nodiscard]] Result<void> SendMail(const Mail& mail, std::chrono::milliseconds timeout);

}  // namespace orcio::inline archiver
