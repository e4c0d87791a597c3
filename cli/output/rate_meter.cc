#include "cli/output/rate_meter.h"

#include <fmt/format.h>

#include "base/text/figures.h"

namespace orcio::cli {
namespace {

constexpr std::chrono::seconds kWindow{10};
// So that the window holds few samples, however often it is told.
constexpr std::chrono::milliseconds kSampleEvery{200};
constexpr std::chrono::milliseconds kLeastToTell{100};
// Slower than that, it is as good as at a standstill: what is left would be said in days.
constexpr double kLeastRate = 1;
constexpr double kLongest = 100 * 3600;

}  // namespace

void RateMeter::Note(uint64_t done_bytes, Clock::time_point now) {
  if (!samples_.empty() && done_bytes < samples_.back().bytes) samples_.clear();
  // The last sample is always what is known now.
  const size_t count = samples_.size();
  if (count >= 2 && now - samples_[count - 2].at < kSampleEvery) samples_.pop_back();
  samples_.push_back({done_bytes, now});
  while (samples_.size() > 2 && now - samples_[1].at >= kWindow) samples_.pop_front();
}

std::optional<double> RateMeter::rate() const {
  if (samples_.size() < 2) return std::nullopt;
  const auto& first = samples_.front();
  const auto& last = samples_.back();
  if (last.at - first.at < kLeastToTell) return std::nullopt;
  return static_cast<double>(last.bytes - first.bytes) /
         std::chrono::duration<double>(last.at - first.at).count();
}

std::string ProgressText(uint64_t done_bytes, const ProgressTotal& total,
                         std::optional<double> rate) {
  const bool known = total.bytes > 0 && (done_bytes < total.bytes || !total.about);
  const std::string_view about = total.about ? "about " : "";
  std::string text = FormatBytes(done_bytes);
  if (known) text += fmt::format(" of {}{}", about, FormatBytes(total.bytes));
  if (!rate) return text;
  text += fmt::format(", {}/s", FormatBytes(static_cast<uint64_t>(*rate)));
  if (!known || done_bytes >= total.bytes || *rate < kLeastRate) return text;
  const double left = static_cast<double>(total.bytes - done_bytes) / *rate;
  if (left < kLongest) text += fmt::format(", {}{} left", about, FormatSeconds(left));
  return text;
}

}  // namespace orcio::cli
