#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/threads/mutex.h"
#include "cli/output/rate_meter.h"

namespace orcio::cli {

// One line on standard error that is written over, and gone in the end. Does nothing unless
// `enabled`, which is for a terminal alone; nor on one that cannot erase a line, or while another
// job has it. Thread-safe.
class ProgressLine {
 public:
  explicit ProgressLine(bool enabled);
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Whether it is time for news, four times a second: so that nobody puts into words what is not
  // shown. Cheap.
  [[nodiscard]] bool Due();
  // Made safe for a terminal and cut to its width.
  void Show(std::string_view text);
  void Clear();
  // Has the line out of the way while something else is printed.
  void Above(const std::function<void()>& print);

 private:
  using Clock = std::chrono::steady_clock;
  void ClearLocked() REQUIRES(mutex_);

  const bool enabled_;
  Mutex mutex_;
  Clock::time_point last_ GUARDED_BY(mutex_);
  bool shown_ GUARDED_BY(mutex_) = false;
};

// "wiki-2026-11-23T020000Z.tar.gz: 1.4 GiB of 3.0 GiB, 105 MiB/s, 16 s left" on such a line. Not
// thread-safe.
class ByteProgress {
 public:
  ByteProgress(ProgressLine& line, std::string what) : line_(line), what_(std::move(what)) {}

  void Show(uint64_t done_bytes, uint64_t total_bytes) {
    Show(done_bytes, ProgressTotal{total_bytes, false});
  }
  void Show(uint64_t done_bytes, const ProgressTotal& total);

 private:
  ProgressLine& line_;
  const std::string what_;
  RateMeter meter_;
  bool begun_ = false;
};

// `name`, and before it "[3/12] " if it is the third of twelve. Counted from 1.
[[nodiscard]] std::string NameOfMany(std::string_view name, size_t number, size_t count);

// The beginning of UTF-8 `text` that takes at most so many columns of a terminal.
[[nodiscard]] std::string_view FirstColumns(std::string_view text, size_t columns);

}  // namespace orcio::cli
