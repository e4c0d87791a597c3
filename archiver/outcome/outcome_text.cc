#include "archiver/outcome/outcome_text.h"

#include <fmt/format.h>

#include "base/text/figures.h"

namespace orcio::inline archiver {

bool Succeeded(const ServiceOutcome& outcome) {
  return !outcome.error && !outcome.start_error;
}

std::string_view StatusWord(const ServiceOutcome& outcome) {
  if (outcome.start_error) return "not-running";
  if (outcome.error && outcome.error->kind == ErrorKind::kCancelled) return "interrupted";
  if (outcome.error) return "failed";
  return outcome.facts.warnings.empty() ? "done" : "warnings";
}

std::string MessageOf(const ServiceOutcome& outcome) {
  std::string message = outcome.start_error ? outcome.start_error->message : "";
  if (outcome.error) message += (message.empty() ? "" : "; ") + outcome.error->message;
  if (message.empty() && !outcome.facts.warnings.empty()) return outcome.facts.warnings.front();
  return message;
}

std::string DowntimeWords(const Downtime& down) {
  const auto scan =
      down.scan > 0 ? fmt::format("scan {}, ", FormatSeconds(down.scan)) : std::string();
  const auto not_running = down.not_running ? fmt::format("; containers not running for {}",
                                                          FormatSeconds(*down.not_running))
                                            : std::string();
  return fmt::format("{} (stop {}, {}stream {}, start {}{})", FormatSeconds(down.total()),
                     FormatSeconds(down.stop), scan, FormatSeconds(down.stream),
                     FormatSeconds(down.start), not_running);
}

std::string DowntimeCell(const Downtime& down) {
  const std::string total = FormatSeconds(down.total());
  return down.not_running ? fmt::format("{} ({})", total, FormatSeconds(*down.not_running)) : total;
}

std::string Summary(const ServiceOutcome& outcome) {
  std::string text = fmt::format("{}: {}, {} entries, {} from {} in {}", outcome.service,
                                 outcome.archive.filename().string(), outcome.entries,
                                 FormatBytes(outcome.archive_bytes), FormatBytes(outcome.tar_bytes),
                                 FormatSeconds(outcome.seconds));
  if (const auto& down = outcome.facts.downtime; down && !outcome.start_error)
    text += "; down for " + DowntimeWords(*down);
  if (const auto& transfer = outcome.facts.transfer) {
    text += fmt::format("; {} fetched while it ran, {} while it was stopped{}",
                        FormatBytes(transfer->warm_bytes), FormatBytes(transfer->cold_bytes),
                        transfer->full ? ", everything read" : "");
  }
  if (const auto& wire = outcome.facts.wire)
    text += fmt::format("; {} of {} over the link", FormatBytes(wire->bytes), wire->packer);
  return text;
}

std::vector<std::string> Problems(const ServiceOutcome& outcome) {
  std::vector<std::string> problems;
  const std::string where = fmt::format("{} on {}: ", outcome.service, outcome.host);
  if (outcome.start_error)
    problems.push_back(where + "NOT CONFIRMED RUNNING AGAIN: " + outcome.start_error->message);
  if (outcome.error) problems.push_back(where + "no archive: " + outcome.error->message);
  for (const std::string& warning : outcome.facts.warnings) problems.push_back(where + warning);
  if (outcome.hook_error) problems.push_back(where + outcome.hook_error->message);
  if (outcome.ping_error) problems.push_back(where + outcome.ping_error->message);
  return problems;
}

}  // namespace orcio::inline archiver
