#pragma once

#include <chrono>
#include <mutex>
#include <string_view>

namespace orcio::cli {

// One line on standard error that is written over, at most ten times a second. Does nothing unless
// `enabled`. Thread-safe.
class ProgressLine {
 public:
  explicit ProgressLine(bool enabled) : enabled_(enabled) {}
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Made safe for a terminal and cut to its width.
  void Show(std::string_view text);
  void Clear();

 private:
  const bool enabled_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_;  // guarded by mutex_
  bool shown_ = false;                          // guarded by mutex_
};

}  // namespace orcio::cli
