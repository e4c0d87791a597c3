#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>

#include "tests/integration/mount/load/editions.h"

namespace orcio::test {

// A repository in motion: `steady` has one archive, edition 0, that stays; of `replaced` the one
// archive becomes another edition again and again; of `passing` new archives come and old ones go.
class Churn {
 public:
  static constexpr const char* kDate = "2025-11-01T020000Z";  // of `steady` and `replaced`

  struct Passing {
    std::string date;
    size_t edition = 0;
    std::chrono::steady_clock::time_point since;
  };

  // Puts the first archives into `repository`. Both outlive this.
  Churn(const Editions& editions, std::filesystem::path repository);

  // Changes something several times a second, until told to stop.
  void Run(const std::stop_token& stop);

  // One of those that are there now. Thread-safe, as what follows is.
  [[nodiscard]] Passing AnyPassing(std::mt19937& random) const;
  [[nodiscard]] bool IsThere(const Passing& archive) const;
  [[nodiscard]] int replaced() const { return replaced_; }
  [[nodiscard]] std::string Summary() const;

 private:
  void Put(const std::string& service, const std::string& date, size_t edition,
           bool sidecar_first = true) const;
  void AddPassing();
  void RemoveOldest();
  void Replace();

  const Editions& editions_;
  const std::filesystem::path repository_;
  std::atomic<int> came_ = 0;
  std::atomic<int> went_ = 0;
  std::atomic<int> replaced_ = 0;
  mutable std::mutex mutex_;
  std::deque<Passing> passing_;  // guarded by mutex_; oldest first
};

}  // namespace orcio::test
