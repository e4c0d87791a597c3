#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace orcio::test {

// A directory of files of all kinds that is changed at random, in every way that a backup could
// miss: with the size and the time kept, by renaming, by names that come and go, through mmap(2).
class ChangingTree {
 public:
  // Makes the directory `root` and some files in it.
  ChangingTree(std::filesystem::path root, uint64_t seed);
  ~ChangingTree() { StopWriting(); }
  ChangingTree(const ChangingTree&) = delete;
  ChangingTree& operator=(const ChangingTree&) = delete;

  // Makes so many changes, one after the other.
  void Change(unsigned changes);
  // From now on, changes it all the time.
  void StartWriting();
  // Returns once nothing changes it any more.
  void StopWriting();

 private:
  using Path = std::filesystem::path;
  enum class Kind { kFile, kDirectory, kAny };

  [[nodiscard]] uint64_t Below(uint64_t bound);
  [[nodiscard]] std::string Bytes(size_t size);
  [[nodiscard]] Path NewName();
  // One of those that are there; the root if there is none.
  [[nodiscard]] Path Pick(Kind kind);

  void ChangeOnce();
  void MakeFile();
  void MakeOther();
  void MakeTwins();
  void Append();
  void Overwrite();
  void Truncate();
  void Punch();
  void RenameOver();
  void Exchange();
  void ExchangeForAMoment();
  void Link();
  void Remove();
  void ChangeAttributes();
  void KeepMapped();
  void WriteMapped();
  void WriteMappedOften(uint64_t seed);

  const Path root_;
  std::mt19937_64 random_;
  const std::string prefix_;  // of new names: others than an earlier tree in the same place made
  unsigned names_ = 0;
  struct Mapping {
    char* begin = nullptr;
    size_t size = 0;
  };
  std::vector<Mapping> mappings_;
  std::atomic<bool> writing_ = false;
  std::thread writer_;
  std::thread mapped_writer_;
};

}  // namespace orcio::test
