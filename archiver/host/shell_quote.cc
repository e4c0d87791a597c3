#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {

// Everything is quoted, plain words too: unquoted, `if` is a reserved word, `A=b` an assignment and
// `~` a directory, wherever the word happens to stand.
std::string ShellQuote(std::string_view word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";  // nothing escapes inside single quotes: close, an escaped quote, reopen
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string ShellCommand(const std::vector<std::string>& words) {
  std::string command;
  for (const auto& word : words) {
    if (!command.empty()) command += ' ';
    command += ShellQuote(word);
  }
  return command;
}

}  // namespace orcio::inline archiver
