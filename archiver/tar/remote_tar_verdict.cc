#include <algorithm>
#include <array>
#include <optional>

#include "archiver/host/sudo_advice.h"
#include "archiver/tar/remote_tar.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMaxWarnings = 100;
constexpr size_t kMaxErrors = 5;
constexpr int kSignalled = 128;  // what a shell adds to a signal's number

enum class Verdict {
  kForeign,   // not tar's: a login script's, sudo's
  kHarmless,  // nothing is lost by it
  kChanged,   // a file that moved under tar's hands
  kClosing,   // says only that there were errors before
  kOther,
};

struct Line {
  Verdict verdict = Verdict::kForeign;
  std::string text;  // for people
};

// GNU tar's and busybox tar's words under LC_ALL=C.
constexpr std::array<std::string_view, 2> kHarmlessEnds = {": socket ignored", ": door ignored"};
constexpr std::array<std::string_view, 2> kChangedEnds = {": file changed as we read it",
                                                          ": File removed before we read it"};
// What a call says of a name behind which there is another file than a moment ago, or none: gone;
// below what is no directory any more; a symlink that was none; none that was one.
constexpr std::array<std::string_view, 4> kGoneReasons = {
    "No such file or directory", "Not a directory", "Too many levels of symbolic links",
    "Invalid argument"};
constexpr std::array<std::string_view, 2> kClosings = {
    "Exiting with failure status due to previous errors",
    "error exit delayed from previous errors"};

bool EndsInAny(std::string_view text, std::span<const std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](auto end) { return text.ends_with(end); });
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// "NAME: File shrank by 29000000 bytes; padding with zeros"; "byte" for one.
bool Shrank(std::string_view text) {
  constexpr std::string_view kShrank = ": File shrank by ";
  const size_t at = text.rfind(kShrank);
  if (at == std::string_view::npos) return false;
  const auto rest = text.substr(at + kShrank.size());
  const size_t digits = std::min(rest.find(' '), rest.size());
  const auto after = rest.substr(digits);
  return digits > 0 &&
         std::all_of(rest.begin(), rest.begin() + static_cast<long>(digits), IsDigit) &&
         (after == " bytes; padding with zeros" || after == " byte; padding with zeros");
}

// "NAME: Cannot CALL: REASON" of a file that was named to GNU tar, or "NAME: Warning: Cannot CALL:
// REASON" of any, by which a call for attributes or ACLs lost nothing but the race against who
// removed or replaced the file. No name has ": " in it: tar escapes the colon.
bool IsGone(std::string_view text, bool single_names) {
  constexpr std::string_view kCannot = ": Cannot ";
  constexpr std::string_view kWarning = ": Warning";
  const size_t cannot = text.find(kCannot);
  if (cannot == std::string_view::npos) return false;
  const bool only_warns = text.substr(0, cannot).ends_with(kWarning);
  if (!only_warns && !single_names) return false;
  const auto rest = text.substr(cannot + kCannot.size());
  const size_t colon = rest.find(": ");
  if (colon == std::string_view::npos) return false;
  const auto reason = rest.substr(colon + 2);
  if (reason == "Invalid argument" && rest.substr(0, colon) != "readlink") return false;
  return std::find(kGoneReasons.begin(), kGoneReasons.end(), reason) != kGoneReasons.end();
}

Verdict Judge(const RemoteTar& tar, std::string_view text, bool single_names) {
  if (std::find(kClosings.begin(), kClosings.end(), text) != kClosings.end()) {
    return Verdict::kClosing;
  }
  if (EndsInAny(text, kHarmlessEnds)) return Verdict::kHarmless;
  if (tar.kind == RemoteTar::Kind::kBusybox) {
    return text.ends_with(": No such file or directory") ? Verdict::kChanged : Verdict::kOther;
  }
  if (IsGone(text, single_names)) return Verdict::kChanged;
  if (text.starts_with("Removing leading `")) return Verdict::kHarmless;
  return EndsInAny(text, kChangedEnds) || Shrank(text) ? Verdict::kChanged : Verdict::kOther;
}

bool IsOctal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
}

// The bytes that --quoting-style=escape wrote as \NNN, \n, \\ and the like.
std::string Unescape(std::string_view text) {
  constexpr std::string_view kLetters = "abfnrtv";
  constexpr std::string_view kBytes = "\a\b\f\n\r\t\v";
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      bytes += text[i];
    } else if (i + 3 < text.size() && IsOctal(text.substr(i + 1, 3))) {
      bytes += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      const size_t letter = kLetters.find(text[++i]);
      bytes += letter == std::string_view::npos ? text[i] : kBytes[letter];
    }
  }
  return bytes;
}

// What a line says after the name tar was called by: "tar: " for "busybox tar" too, and with its
// path if that is a script which calls another one by that, as "/usr/bin/tar: ". Nothing of a line
// that is not tar's.
std::optional<std::string_view> WordsOfTar(const RemoteTar& tar, std::string_view line) {
  constexpr std::string_view kEnd = ": ";
  const size_t colon = line.find(kEnd);
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view name = line.substr(0, colon);
  if (name.starts_with('/')) name.remove_prefix(name.rfind('/') + 1);
  const std::string called = tar.program.substr(tar.program.rfind(' ') + 1);
  const bool by_path = name.size() < colon;
  if (name != called && !(by_path && name == "tar")) return std::nullopt;
  return line.substr(colon + kEnd.size());
}

std::vector<Line> JudgeLines(const RemoteTar& tar, std::string_view err, bool single_names) {
  std::vector<Line> lines;
  for (const auto& line : Lines(err)) {
    const auto words = WordsOfTar(tar, line);
    if (!words) {
      lines.push_back({Verdict::kForeign, SafeText(line)});
      continue;
    }
    const std::string_view text = *words;
    const bool escaped = tar.kind == RemoteTar::Kind::kGnu;
    lines.push_back(
        {Judge(tar, text, single_names), SafeText(escaped ? Unescape(text) : std::string(text))});
  }
  return lines;
}

std::vector<std::string> Texts(const std::vector<Line>& lines, std::span<const Verdict> wanted,
                               size_t most) {
  std::vector<std::string> texts;
  size_t more = 0;
  for (const auto& line : lines) {
    if (std::find(wanted.begin(), wanted.end(), line.verdict) == wanted.end()) continue;
    if (texts.size() < most) {
      texts.push_back(line.text);
    } else {
      ++more;
    }
  }
  if (more > 0) texts.push_back(fmt::format("and {} more", more));
  return texts;
}

bool Any(const std::vector<Line>& lines, Verdict verdict) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const Line& line) { return line.verdict == verdict; });
}

// Whether files that changed are all that a status other than 0 speaks of.
bool OnlyChanges(const RemoteTar& tar, const CommandResult& result,
                 const std::vector<Line>& lines) {
  if (result.err_truncated || !Any(lines, Verdict::kChanged) || Any(lines, Verdict::kOther)) {
    return false;
  }
  if (tar.kind == RemoteTar::Kind::kBusybox) {
    // It writes names as they are: the rest of a name with a newline looks like somebody else's
    // line. And it has one status for everything: only the closing line tells that it got through.
    return result.exit_status == 1 && !Any(lines, Verdict::kForeign) &&
           Any(lines, Verdict::kClosing);
  }
  // 1 is "some files differ"; 2 is an error, but some versions use it for vanished files too.
  return result.exit_status == 1 || (result.exit_status == 2 && !Any(lines, Verdict::kForeign));
}

std::string Ending(const CommandResult& result) {
  if (result.signal) return "was ended by signal " + SafeText(*result.signal);
  if (result.exit_status > kSignalled) {
    return fmt::format("was ended by signal {}", result.exit_status - kSignalled);
  }
  return fmt::format("failed with exit status {}", result.exit_status);
}

Failure TarFailure(const CommandResult& result, const std::vector<Line>& lines) {
  // The lines that matter, and everything if none does.
  constexpr std::array kMatters = {Verdict::kOther, Verdict::kForeign};
  constexpr std::array kAll = {Verdict::kOther, Verdict::kForeign, Verdict::kChanged,
                               Verdict::kClosing, Verdict::kHarmless};
  auto said = Texts(lines, kMatters, kMaxErrors);
  if (said.empty()) said = Texts(lines, kAll, kMaxErrors);
  const bool denied = result.err.find(": Permission denied") != std::string::npos;
  const auto sudo = SudoAdvice(result.err);
  return Fail(
      ErrorKind::kRemote, "tar {}: {}{}{}{}", Ending(result),
      said.empty() ? "it said nothing" : Join(said, "; "),
      result.err_truncated ? "; it said more than is kept" : "",
      denied ? "; set `sudo: true` for the host, or log in as root, to read everything" : "",
      sudo ? "; " + *sudo : "");
}

// The name of which GNU tar says that it is gone; empty if `text` says nothing of the kind.
std::string_view GoneForGnu(std::string_view text) {
  constexpr std::string_view kRemoved = ": File removed before we read it";
  if (text.ends_with(kRemoved)) return text.substr(0, text.size() - kRemoved.size());
  if (!IsGone(text, true)) return {};
  return text.substr(0, std::min(text.find(": Warning: Cannot "), text.find(": Cannot ")));
}

// "NAME: No such file or directory", "can't open 'NAME': No such file or directory", and of a link
// "NAME: cannot read link: No such file or directory".
std::string_view GoneForBusybox(std::string_view text) {
  constexpr std::string_view kNotThere = ": No such file or directory";
  constexpr std::string_view kCannotOpen = "can't open '";
  constexpr std::string_view kNoLink = ": cannot read link";
  if (!text.ends_with(kNotThere)) return {};
  text.remove_suffix(kNotThere.size());
  if (text.ends_with(kNoLink)) text.remove_suffix(kNoLink.size());
  const bool opened = text.starts_with(kCannotOpen) && text.ends_with('\'');
  return opened ? text.substr(kCannotOpen.size(), text.size() - kCannotOpen.size() - 1) : text;
}

// Without the slash that tar puts after a directory.
std::string GoneName(const RemoteTar& tar, std::string_view text) {
  const bool gnu = tar.kind == RemoteTar::Kind::kGnu;
  std::string_view name = gnu ? GoneForGnu(text) : GoneForBusybox(text);
  for (const std::string_view end : kHarmlessEnds)
    if (text.ends_with(end)) name = text.substr(0, text.size() - end.size());
  std::string bytes = gnu ? Unescape(name) : std::string(name);
  while (bytes.ends_with('/')) bytes.pop_back();
  return bytes;
}

}  // namespace

std::vector<std::string> VanishedNames(const RemoteTar& tar, const CommandResult& result) {
  std::vector<std::string> names;
  for (const auto& line : Lines(result.err)) {
    const auto words = WordsOfTar(tar, line);
    auto name = words ? GoneName(tar, *words) : std::string();
    if (!name.empty()) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> JudgeTar(const RemoteTar& tar, const CommandResult& result,
                                          bool single_names) {
  const auto lines = JudgeLines(tar, result.err, single_names);
  const bool killed = result.signal.has_value();
  if (killed || (result.exit_status != 0 && !OnlyChanges(tar, result, lines))) {
    return TarFailure(result, lines);
  }
  // With status 0, what else tar says is a warning of its own, such as an attribute not read.
  constexpr std::array kWarnings = {Verdict::kChanged, Verdict::kOther};
  return Texts(lines, kWarnings, kMaxWarnings);
}

}  // namespace orcio::inline archiver
