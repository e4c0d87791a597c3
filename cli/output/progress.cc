#include "cli/output/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "cli/output/text.h"

namespace orcio::cli {
namespace {

constexpr std::chrono::milliseconds kShowEvery{250};

size_t TerminalWidth() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

bool CanErase() {
  const char* terminal = std::getenv("TERM");
  return terminal == nullptr || std::string_view(terminal) != "dumb";
}

// Not so in the background (`orcio verify &`), where somebody types meanwhile.
bool HasTerminal() {
  const pid_t foreground = ::tcgetpgrp(STDERR_FILENO);
  return foreground < 0 || foreground == ::getpgrp();
}

}  // namespace

ProgressLine::ProgressLine(bool enabled) : enabled_(enabled && CanErase()) {}

bool ProgressLine::Due() {
  if (!enabled_) return false;
  const MutexLock lock(mutex_);
  return !shown_ || Clock::now() - last_ >= kShowEvery;
}

void ProgressLine::Show(std::string_view text) {
  if (!enabled_) return;
  const MutexLock lock(mutex_);
  last_ = Clock::now();
  shown_ = true;
  if (!HasTerminal()) return;
  // The last column stays free: some terminals go on to the next line once it is taken.
  const std::string safe = TerminalSafe(text);
  const auto shown = FirstColumns(safe, TerminalWidth() - 1);
  std::fprintf(stderr, "\r%.*s\033[K", static_cast<int>(shown.size()), shown.data());
  std::fflush(stderr);
}

void ProgressLine::ClearLocked() {
  if (!shown_) return;
  shown_ = false;
  if (!HasTerminal()) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

void ProgressLine::Clear() {
  const MutexLock lock(mutex_);
  ClearLocked();
}

void ProgressLine::Above(const std::function<void()>& print) {
  const MutexLock lock(mutex_);
  ClearLocked();
  print();
}

void ByteProgress::Show(uint64_t done_bytes, const ProgressTotal& total) {
  const bool due = line_.Due();
  // The first time is what the rate is reckoned from, even if something else is shown then.
  if (!due && std::exchange(begun_, true)) return;
  begun_ = true;
  meter_.Note(done_bytes, RateMeter::Clock::now());
  if (!due) return;
  line_.Show(what_ + ": " + ProgressText(done_bytes, total, meter_.rate()));
}

std::string NameOfMany(std::string_view name, size_t number, size_t count) {
  return count > 1 ? fmt::format("[{}/{}] {}", number, count, name) : std::string(name);
}

std::string_view FirstColumns(std::string_view text, size_t columns) {
  size_t taken = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins && ++taken > columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace orcio::cli
