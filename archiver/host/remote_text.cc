#include "archiver/host/remote_text.h"

#include <utility>

#include "archiver/host/sudo_advice.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMaxExcerpt = 400;

std::string Printable(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return SafeText(line.substr(first, line.find_last_not_of(kBlank) - first + 1));
}

}  // namespace

std::string Excerpt(std::string_view output, size_t max_lines) {
  std::vector<std::string> kept;
  for (const auto& line : Lines(output)) {
    if (std::string clean = Printable(line); !clean.empty()) kept.push_back(std::move(clean));
  }
  if (kept.empty()) return "no output";
  if (kept.size() > max_lines) {
    kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(max_lines));
  }
  std::string text = Join(kept, " | ");
  if (text.size() <= kMaxExcerpt) return text;
  size_t cut = kMaxExcerpt;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return text.substr(0, cut) + "...";
}

Failure RemoteFailure(const RemoteHost& host, std::string_view what, const CommandResult& result) {
  const auto advice = SudoAdvice(result.err);
  return Fail(ErrorKind::kRemote, "{}: {} failed (exit status {}): {}{}", host.name(), what,
              result.exit_status, Excerpt(result.err.empty() ? result.out : result.err),
              advice ? "; " + *advice : "");
}

}  // namespace orcio::inline archiver
