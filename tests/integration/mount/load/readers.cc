#include "tests/integration/mount/load/readers.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/unique_fd.h"

namespace orcio::test {
namespace {

constexpr int kReadsAnOpen = 12;
constexpr int kStaleAtMost = 5;
constexpr size_t kLargestRead = 150'000;
// Within which an archive that has come is to be seen, on a loaded machine.
constexpr std::chrono::seconds kSeenWithin{4};

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

void Tally::Complain(const std::string& line) {
  ++wrong;
  const std::scoped_lock lock(mutex_);
  if (complaint_.empty()) complaint_ = line;
}

std::string Tally::complaint() const {
  const std::scoped_lock lock(mutex_);
  return complaint_;
}

std::string Tally::Summary() const {
  return fmt::format("{} reads of {} MB in {} opens ({} of what had gone), {} seeks; {} wrong",
                     reads.load(), bytes.load() / 1'000'000, opens.load(), gone.load(),
                     seeks.load(), wrong.load());
}

void LoadReader::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    switch (random_() % 6) {
      case 0:
        ReadReplaced();
        break;
      case 1:
        ReadPassing();
        break;
      case 2:
        ReadLatest();
        break;
      default:
        ReadSteady();
    }
  }
}

const std::string& LoadReader::AnyName() {
  // Large ones, which come first, as often as small ones.
  const auto& names = editions_.names();
  return names[random_() % (random_() % 2 == 0 ? 3 : names.size())];
}

LoadReader::Candidates LoadReader::AnyEdition(const std::string& name) const {
  Candidates candidates;
  for (size_t edition = 0; edition < Editions::kCount; ++edition)
    candidates.push_back(&editions_.Extracted(edition, name));
  return candidates;
}

void LoadReader::ReadSteady() {
  const std::string& name = AnyName();
  const int failed =
      ReadIn(mountpoint_ / "steady" / Churn::kDate, name, {&editions_.Extracted(0, name)});
  if (failed != 0)
    tally_.Complain(fmt::format("steady: {} cannot be opened: errno {}", name, failed));
}

void LoadReader::ReadReplaced() {
  const std::string& name = AnyName();
  const int replaced = churn_.replaced();
  int failed = ESTALE;
  // The kernel walks the path again if what it leads to has been replaced meanwhile; but once.
  for (int i = 0; failed == ESTALE && i < kStaleAtMost; ++i)
    failed = ReadIn(mountpoint_ / "replaced" / Churn::kDate, name, AnyEdition(name));
  if (failed == 0) return;
  ++tally_.gone;
  if (failed != ESTALE || churn_.replaced() < replaced + kStaleAtMost)
    tally_.Complain(fmt::format("replaced: {} cannot be opened: errno {}", name, failed));
}

void LoadReader::ReadPassing() {
  const Churn::Passing archive = churn_.AnyPassing(random_);
  const std::string& name = AnyName();
  const int failed = ReadIn(mountpoint_ / "passing" / archive.date, name,
                            {&editions_.Extracted(archive.edition, name)});
  if (failed == 0) return;
  const bool new_there = std::chrono::steady_clock::now() - archive.since < kSeenWithin;
  if (!new_there && churn_.IsThere(archive)) {
    tally_.Complain(
        fmt::format("passing: {} in {} cannot be opened: errno {}", name, archive.date, failed));
  }
  ++tally_.gone;
}

void LoadReader::ReadLatest() {
  const std::string& name = AnyName();
  // The link may lead to what goes before it is followed.
  if (ReadIn(mountpoint_ / "passing/latest", name, AnyEdition(name)) != 0) ++tally_.gone;
}

int LoadReader::ReadIn(const std::filesystem::path& archive, const std::string& name,
                       Candidates candidates) {
  const std::string path = archive / name;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno;
  ++tally_.opens;
  // So that not all of it comes from the kernel's cache.
  if (random_() % 2 == 0) (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (maps_ && candidates.size() == 1 && !candidates[0]->empty() && random_() % 2 == 0) {
    ReadMap(file.get(), path, *candidates[0]);
  } else {
    ReadPieces(file.get(), path, std::move(candidates));
  }
  return 0;
}

// Whatever is replaced meanwhile: all of what is read is from one edition.
void LoadReader::ReadPieces(int file, const std::string& path, Candidates candidates) {
  std::string buffer(kLargestRead, ' ');
  for (int i = 0; i < kReadsAnOpen; ++i) {
    const size_t offset = random_() % (candidates[0]->size() + 1);
    const size_t size = 1 + random_() % (i % 3 == 0 ? 4096 : kLargestRead);
    const ssize_t got = ::pread(file, buffer.data(), size, static_cast<off_t>(offset));
    if (got < 0)
      return tally_.Complain(fmt::format("{}: offset {}: errno {}", path, offset, errno));
    const std::string_view read(buffer.data(), static_cast<size_t>(got));
    std::erase_if(candidates, [&](const std::string* candidate) {
      const std::string_view whole(*candidate);
      return whole.substr(std::min(offset, whole.size()), size) != read;
    });
    if (candidates.empty()) {
      return tally_.Complain(
          fmt::format("{}: {} bytes at {} are of no edition", path, read.size(), offset));
    }
    ++tally_.reads;
    tally_.bytes += read.size();
  }
}

void LoadReader::ReadMap(int file, const std::string& path, const std::string& expected) {
  void* const map = ::mmap(nullptr, expected.size(), PROT_READ, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) return tally_.Complain(fmt::format("{}: mmap: errno {}", path, errno));
  for (int i = 0; i < kReadsAnOpen; ++i) {
    const size_t offset = random_() % expected.size();
    const size_t size = std::min(1 + random_() % kLargestRead, expected.size() - offset);
    if (std::memcmp(static_cast<const char*>(map) + offset, expected.data() + offset, size) != 0)
      tally_.Complain(fmt::format("{}: {} mapped bytes at {} are wrong", path, size, offset));
    ++tally_.reads;
    tally_.bytes += size;
  }
  ::munmap(map, expected.size());
}

void SeekEverywhere(const std::filesystem::path& directory, Tally& tally) {
  const std::unique_ptr<DIR, DirectoryCloser> opened(::opendir(directory.c_str()));
  if (opened == nullptr)
    return tally.Complain(fmt::format("{}: errno {}", directory.string(), errno));
  std::vector<std::pair<long, std::string>> entries;
  for (long position = ::telldir(opened.get()); const dirent* entry = ::readdir(opened.get());
       position = ::telldir(opened.get())) {
    entries.emplace_back(position, entry->d_name);
  }
  if (entries.size() != 402)
    tally.Complain(fmt::format("{}: {} entries", directory.string(), entries.size()));
  std::shuffle(entries.begin(), entries.end(), std::mt19937(1));
  for (const auto& [position, name] : entries) {
    ::seekdir(opened.get(), position);
    const dirent* const entry = ::readdir(opened.get());
    if (entry == nullptr || entry->d_name != name)
      tally.Complain(fmt::format("{}: not {} at {}", directory.string(), name, position));
    ++tally.seeks;
  }
}

}  // namespace orcio::test
