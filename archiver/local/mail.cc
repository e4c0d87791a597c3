#include "archiver/local/mail.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "archiver/local/local_command.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMaxAddress = 254;  // RFC 5321, 4.5.3.1.3
constexpr size_t kMaxSubject = 200;
constexpr size_t kMaxLine = 900;  // RFC 5322, 2.1.1: 998 bytes
constexpr size_t kMaxLines = 1000;

// -i: a line that is a dot does not end it.
constexpr const char* kSendmail = "PATH=\"$PATH:/usr/sbin:/usr/lib\"; exec sendmail -t -i";

// ASCII: no MIME words are needed then.
std::string HeaderText(std::string_view text) {
  std::string header = SafeText(text).substr(0, kMaxSubject);
  std::replace_if(
      header.begin(), header.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return header;
}

std::string DateText(int64_t seconds) {
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
                     kDays[static_cast<size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// As cron names itself: the user alone, to which the mail system adds its domain.
std::string Sender() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0) return "root";
  return found != nullptr && IsMailAddress(found->pw_name) ? found->pw_name : "root";
}

void AddLine(std::string_view line, std::string& text) {
  std::string safe = SafeText(line);
  for (std::string_view left = safe; left.size() > kMaxLine;) {
    size_t cut = kMaxLine;
    while (cut > 0 && (static_cast<unsigned char>(left[cut]) & 0xC0) == 0x80) --cut;
    text += left.substr(0, cut);
    text += '\n';
    safe.erase(0, cut);
    left = safe;
  }
  text += safe + "\n";
}

}  // namespace

bool IsMailAddress(std::string_view text) {
  constexpr std::string_view kMore = "@._+-=";
  return !text.empty() && text.size() <= kMaxAddress && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kMore.find(c) != kMore.npos;
         });
}

std::string MessageText(const Mail& mail) {
  std::string text = fmt::format(
      "From: orcio <{}>\nTo: {}\nSubject: {}\nDate: {}\nMIME-Version: 1.0\n"
      "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
      "Auto-Submitted: auto-generated\n\n",
      Sender(), mail.to, HeaderText(mail.subject), DateText(mail.date_seconds));
  for (size_t i = 0; i < mail.lines.size() && i < kMaxLines; ++i) AddLine(mail.lines[i], text);
  if (mail.lines.size() > kMaxLines)
    text += fmt::format("... and {} lines more\n", mail.lines.size() - kMaxLines);
  return text;
}

Result<void> SendMail(const Mail& mail, std::chrono::milliseconds timeout) {
  if (!IsMailAddress(mail.to)) return Fail(ErrorKind::kInvalid, "nobody to write to");
  const auto input = ORCIO_TRY(InputOf(MessageText(mail)));
  auto sendmail = ORCIO_TRY(LocalCommand::Start(kSendmail, {}, input));
  const std::string what = fmt::format("the mail to {} was not sent: sendmail", mail.to);
  if (!sendmail.EndsWithin(timeout)) {
    return Fail(ErrorKind::kIo, "{} was killed: it ran for more than {} s", what,
                std::chrono::duration_cast<std::chrono::seconds>(timeout).count());
  }
  auto sent = sendmail.Wait(what);
  if (!sent)
    sent.error().message += "; `mail:` takes one that works, such as of msmtp-mta or postfix";
  return sent;
}

}  // namespace orcio::inline archiver
