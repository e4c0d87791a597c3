#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli/text.h"

namespace orcio::cli {
namespace {

size_t TerminalWidth() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

}  // namespace

void ProgressLine::Show(std::string_view text) {
  if (!enabled_) return;
  const std::scoped_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  shown_ = true;
  const std::string safe = TerminalSafe(text).substr(0, TerminalWidth() - 1);
  std::fprintf(stderr, "\r%s\033[K", safe.c_str());
  std::fflush(stderr);
}

void ProgressLine::Clear() {
  const std::scoped_lock lock(mutex_);
  if (!shown_) return;
  shown_ = false;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace orcio::cli
