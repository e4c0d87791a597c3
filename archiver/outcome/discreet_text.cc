#include "archiver/outcome/discreet_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/text/figures.h"
#include "index/repository/archive_name.h"

namespace orcio::inline archiver {
namespace {

struct WarningKind {
  std::string_view one;
  std::string_view several;
  bool (*fits)(std::string_view warning);
};

// What tar says under LC_ALL=C, and orcio. A name that holds such words makes the kind wrong at
// most. The last one fits everything.
constexpr std::array<WarningKind, 11> kKinds{{
    {"file changed while it was read", "files changed while they were read",
     [](std::string_view text) { return text.ends_with(": file changed as we read it"); }},
    {"file vanished before it was read", "files vanished before they were read",
     [](std::string_view text) {
       return text.ends_with(": File removed before we read it") ||
              text.ends_with(": No such file or directory") ||
              text.find(": vanished before it was read") != text.npos;
     }},
    {"file shrank while it was read", "files shrank while they were read",
     [](std::string_view text) { return text.find(": File shrank by ") != text.npos; }},
    {"file changed without a sign of it", "files changed without a sign of it",
     [](std::string_view text) {
       return text.find(": its content is another one than in ") != text.npos;
     }},
    {"file could not be read as it should", "files could not be read as they should",
     [](std::string_view text) { return text.find(": Cannot ") != text.npos; }},
    {"archive of empty paths", "archives of empty paths",
     [](std::string_view text) { return text.starts_with("its archive holds nothing but "); }},
    {"archive far smaller than those before it", "archives far smaller than those before them",
     [](std::string_view text) { return text.starts_with("its archive holds "); }},
    {"archive without what was on a disk", "archives without what was on disks",
     [](std::string_view text) { return text.starts_with("nothing is mounted on "); }},
    {"volume that no path covers", "volumes that no path covers",
     [](std::string_view text) {
       return text.find(" is in no service's paths: it is not archived") != text.npos;
     }},
    {"volume that goes with its service", "volumes that go with their services",
     [](std::string_view text) { return text.find(" is mounted there by docker (") != text.npos; }},
    {"other warning", "other warnings", [](std::string_view) { return true; }},
}};

// How many of them one warning stands for: of "and 17 more", 17.
uint64_t CountIn(std::string_view warning) {
  constexpr std::string_view kAnd = "and ";
  constexpr std::string_view kMore = " more";
  if (!warning.starts_with(kAnd) || !warning.ends_with(kMore)) return 1;
  warning = warning.substr(kAnd.size(), warning.size() - kAnd.size() - kMore.size());
  uint64_t count = 0;
  const auto end = warning.data() + warning.size();
  const auto parsed = std::from_chars(warning.data(), end, count);
  return parsed.ec == std::errc() && parsed.ptr == end && count > 0 ? count : 1;
}

}  // namespace

std::string KindsOf(const std::vector<std::string>& warnings) {
  std::array<uint64_t, kKinds.size()> counts{};
  for (const std::string& warning : warnings) {
    const auto* kind = std::find_if(kKinds.begin(), kKinds.end(),
                                    [&](const WarningKind& of) { return of.fits(warning); });
    counts.at(static_cast<size_t>(kind - kKinds.begin())) += CountIn(warning);
  }
  std::string text;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (counts[i] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", counts[i],
                        counts[i] == 1 ? kKinds[i].one : kKinds[i].several);
  }
  return text;
}

std::string KindOf(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kNotFound:
      return "something that it needs was not found";
    case ErrorKind::kInvalid:
      return "it is configured in a way that does not work";
    case ErrorKind::kDamaged:
      return "something is damaged";
    case ErrorKind::kUnsupported:
      return "something is not supported";
    case ErrorKind::kIo: {
      const char* why = ::strerrordesc_np(error.errnum);
      return fmt::format("an error of this machine's files{}{}",
                         error.errnum != 0 && why != nullptr ? ": " : "",
                         error.errnum != 0 && why != nullptr ? why : "");
    }
    case ErrorKind::kNetwork:
      return "the host is away, or the connection broke";
    case ErrorKind::kRefused:
      return "the host refused the login";
    case ErrorKind::kRemote:
      return "a command on the host failed";
    case ErrorKind::kLocked:
      return "another run holds the lock";
    case ErrorKind::kCancelled:
      return "interrupted";
    case ErrorKind::kNotRunning:
      return "it was not seen to run";
    case ErrorKind::kLimit:
      return "a limit was reached, such as its max_downtime";
  }
  return "an error";
}

std::vector<std::string> DiscreetProblems(const ServiceOutcome& outcome) {
  std::vector<std::string> problems;
  const std::string where = fmt::format("{} on {}: ", outcome.service, outcome.host);
  if (outcome.start_error)
    problems.push_back(where + "NOT CONFIRMED RUNNING AGAIN: " + KindOf(*outcome.start_error));
  if (outcome.error) problems.push_back(where + "no archive: " + KindOf(*outcome.error));
  if (auto kinds = KindsOf(outcome.facts.warnings); !kinds.empty())
    problems.push_back(where + kinds);
  if (outcome.hook_error) problems.push_back(where + "a hook failed");
  if (outcome.ping_error) problems.push_back(where + "a ping failed");
  if (problems.empty()) return problems;
  const int64_t begun = outcome.facts.start_seconds;
  problems.push_back(fmt::format("{}{}it took {}", where,
                                 begun > 0 ? "begun at " + FormatDate(begun) + ", " : "",
                                 FormatSeconds(outcome.seconds)));
  return problems;
}

}  // namespace orcio::inline archiver
