#include "archiver/host/sudo_advice.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

struct SudoSentence {
  std::string_view part;  // of the line
  std::string_view advice;
};

constexpr std::string_view kBrokenSudoers =
    "sudo cannot read its rules there: correct what `visudo -c` complains of";
constexpr std::string_view kNoTerminal =
    "sudo wants a terminal there: switch requiretty off for the login user, by a line "
    "`Defaults:USER !requiretty` in /etc/sudoers.d/orcio";
constexpr std::string_view kNoPassword =
    "let the login user run it without a password, by a line `USER ALL=(root) NOPASSWD: ALL` in "
    "/etc/sudoers.d/orcio";
constexpr std::string_view kNoRule =
    "sudo has no rule for the login user there: write `USER ALL=(root) NOPASSWD: ALL` into "
    "/etc/sudoers.d/orcio";
constexpr std::string_view kOtherCommands =
    "sudo lets the login user run other commands only: write `USER ALL=(root) NOPASSWD: ALL` into "
    "/etc/sudoers.d/orcio, or restrict the key by orcio-host";
constexpr std::string_view kLockedUser =
    "the login user's account is locked or has expired there: look at `chage -l USER`";
constexpr std::string_view kPowerless =
    "sudo cannot become root there: see that it belongs to root with its setuid bit, on a file "
    "system without nosuid, and that sshd does not run under NoNewPrivileges";
constexpr std::string_view kNoSudo =
    "install sudo there, or log in as root and leave out `sudo: true`";
// It speaks the host's language.
constexpr std::string_view kUnknownSentence =
    "see that sudo lets the login user run everything there without a password (NOPASSWD) and "
    "without a terminal";

// In the order of what comes first: rules that cannot be read, and a terminal that is missing, end
// in a question for a password, too.
constexpr auto kSentences = std::to_array<SudoSentence>({
    {"syntax error", kBrokenSudoers},
    {"parse error", kBrokenSudoers},
    {"no valid sudoers sources", kBrokenSudoers},
    {"sudoers is world writable", kBrokenSudoers},
    {"you must have a tty", kNoTerminal},
    {"is not in the sudoers file", kNoRule},
    {"may not run sudo", kNoRule},
    {"is not allowed to run sudo", kNoRule},
    {"is not allowed to execute", kOtherCommands},
    {"I'm afraid I can't do that", kOtherCommands},
    {"account validation failure", kLockedUser},
    {"password expired", kLockedUser},
    {"password is expired", kLockedUser},
    {"Account expired", kLockedUser},
    {"PAM account management error", kLockedUser},
    {"setuid bit", kPowerless},
    {"effective uid is not 0", kPowerless},
    {"no new privileges", kPowerless},
    {"password is required", kNoPassword},
    {"terminal is required", kNoPassword},
    {"no tty present", kNoPassword},
    {"authentication is required", kNoPassword},
    {"no askpass program", kNoPassword},
    {"sudo: not found", kNoSudo},
    {"sudo: command not found", kNoSudo},
    {"sudo: Command not found", kNoSudo},
    {"command not found: sudo", kNoSudo},
    {"Unknown command: sudo", kNoSudo},
});

// What it only mentions.
constexpr std::array<std::string_view, 2> kRemarks{"sudo: unable to ", "sudo: setrlimit"};

// "sudo: ...", and the sentences that come without its name.
bool IsOfSudo(std::string_view line) {
  constexpr std::array<std::string_view, 3> kNamed{"sudo: ", "sudo-rs: ", "/etc/sudoers"};
  constexpr std::array<std::string_view, 6> kUnnamed{
      "is not in the sudoers file", "may not run sudo",        "is not allowed to run sudo",
      "is not allowed to execute",  "command not found: sudo", "Unknown command: sudo"};
  const auto has = [&](std::string_view part) { return line.find(part) != line.npos; };
  return std::any_of(kNamed.begin(), kNamed.end(), has) ||
         std::any_of(kUnnamed.begin(), kUnnamed.end(), has);
}

}  // namespace

std::optional<std::string> SudoAdvice(std::string_view err) {
  auto lines = Lines(err);
  std::erase_if(lines, [](const std::string& line) { return !IsOfSudo(line); });
  for (const auto& [part, advice] : kSentences) {
    const auto says = [part = part](const std::string& line) {
      return line.find(part) != std::string::npos;
    };
    if (std::any_of(lines.begin(), lines.end(), says)) return std::string(advice);
  }
  std::erase_if(lines, [](const std::string& line) {
    return !line.starts_with("sudo: ") ||
           std::any_of(kRemarks.begin(), kRemarks.end(),
                       [&](std::string_view remark) { return line.starts_with(remark); });
  });
  if (!lines.empty()) return std::string(kUnknownSentence);
  return std::nullopt;
}

}  // namespace orcio::inline archiver
