#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "tests/integration/mount/load/churn.h"
#include "tests/integration/mount/load/editions.h"

namespace orcio::test {

// What all readers together have done. Thread-safe.
struct Tally {
  std::atomic<uint64_t> reads = 0;  // by pread(2), and of stretches of a map
  std::atomic<uint64_t> bytes = 0;  // compared
  std::atomic<uint64_t> opens = 0;
  std::atomic<uint64_t> gone = 0;   // of opens: the archive had gone by then
  std::atomic<uint64_t> seeks = 0;  // in directories
  std::atomic<uint64_t> wrong = 0;  // what should not have been

  void Complain(const std::string& line);
  [[nodiscard]] std::string complaint() const;  // the first one
  [[nodiscard]] std::string Summary() const;

 private:
  mutable std::mutex mutex_;
  std::string complaint_;  // guarded by mutex_
};

// One thread's reads at random, each held against what tar extracted.
class LoadReader {
 public:
  // All outlive it.
  LoadReader(std::filesystem::path mountpoint, const Editions& editions, const Churn& churn,
             Tally& tally, unsigned seed)
      : mountpoint_(std::move(mountpoint)),
        editions_(editions),
        churn_(churn),
        tally_(tally),
        random_(seed) {}

  // Reads through maps, too, of which whoever loses what is mapped dies (SIGBUS).
  void AlsoMap() { maps_ = true; }
  void Run(const std::stop_token& stop);

 private:
  // What a file may hold, each with the name of its edition.
  using Candidates = std::vector<const std::string*>;

  void ReadSteady();
  void ReadReplaced();
  void ReadPassing();
  void ReadLatest();
  // Opens the file `name` in `archive` and reads in it. 0, or what open(2) failed with.
  int ReadIn(const std::filesystem::path& archive, const std::string& name, Candidates candidates);
  void ReadPieces(int file, const std::string& path, Candidates candidates);
  void ReadMap(int file, const std::string& path, const std::string& expected);

  [[nodiscard]] const std::string& AnyName();
  [[nodiscard]] Candidates AnyEdition(const std::string& name) const;

  const std::filesystem::path mountpoint_;
  const Editions& editions_;
  const Churn& churn_;
  Tally& tally_;
  std::mt19937 random_;
  bool maps_ = false;
};

// Lists a directory, and goes on reading it from each of its positions, in no order.
void SeekEverywhere(const std::filesystem::path& directory, Tally& tally);

}  // namespace orcio::test
