#include "base/memory/scratch_memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <new>
#include <string>
#include <utility>

namespace orcio {
namespace {

constexpr size_t kOwnSegmentBytes = size_t{1} << 20;
constexpr size_t kFileSegmentBytes = size_t{16} << 20;
constexpr size_t kAlignment = 16;

size_t RoundUp(size_t bytes, size_t to) {
  return (bytes + to - 1) / to * to;
}

// A file that nobody else finds; invalid if none can be made.
UniqueFd CreateNameless(const std::filesystem::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid() || errno != EOPNOTSUPP) return fd;
  std::string name = (directory / ".orcio-scratch.XXXXXX").string();
  fd = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
  if (fd.valid()) (void)::unlink(name.c_str());
  return fd;
}

}  // namespace

ScratchMemory::ScratchMemory(std::filesystem::path directory, Limits limits)
    : directory_(std::move(directory)), limits_(limits) {}

ScratchMemory::~ScratchMemory() {
  for (const Segment& segment : segments_) ::munmap(segment.begin, segment.bytes);
}

// Only powers of two are kept for later calls: what grows by doubling asks for no other.
std::byte* ScratchMemory::Allocate(size_t bytes) {
  bytes = std::max(bytes, kAlignment);
  if (std::has_single_bit(bytes)) {
    FreeBlock*& freed = free_blocks_[static_cast<size_t>(std::countr_zero(bytes))];
    if (freed != nullptr) {
      FreeBlock* block = std::exchange(freed, freed->next);
      return reinterpret_cast<std::byte*>(block);
    }
  }
  bytes = RoundUp(bytes, kAlignment);
  if (bytes > free_.size()) AddSegment(bytes);
  std::byte* address = free_.data();
  free_ = free_.subspan(bytes);
  return address;
}

void ScratchMemory::Free(std::byte* address, size_t bytes) {
  bytes = std::max(bytes, kAlignment);
  if (!std::has_single_bit(bytes)) return;  // in nobody's way until all goes
  FreeBlock*& freed = free_blocks_[static_cast<size_t>(std::countr_zero(bytes))];
  freed = new (address) FreeBlock{freed};
}

void ScratchMemory::AddSegment(size_t bytes) {
  segments_.reserve(segments_.size() + 1);
  Segment segment;
  if (own_bytes_ + bytes > limits_.own_bytes && !no_file_) {
    segment.bytes = RoundUp(bytes, kFileSegmentBytes);
    segment.begin = MapFile(segment.bytes);
    segment.in_file = segment.begin != nullptr;
  }
  if (segment.begin == nullptr) {
    segment.bytes = RoundUp(bytes, kOwnSegmentBytes);
    segment.begin = MapOwn(segment.bytes);
  }
  segments_.push_back(segment);
  free_ = {segment.begin, segment.bytes};
}

std::byte* ScratchMemory::MapOwn(size_t bytes) {
  void* address =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) throw std::bad_alloc();
  own_bytes_ += bytes;
  return static_cast<std::byte*>(address);
}

// Null if the file cannot take it.
std::byte* ScratchMemory::MapFile(size_t bytes) {
  if (!OpenFile()) return nullptr;
  const auto offset = static_cast<off_t>(file_bytes_);
  // Not posix_fallocate: what it does instead, if the filesystem cannot, promises no room. And
  // without room, writing to the map is a SIGBUS.
  if (::fallocate(file_.get(), 0, offset, static_cast<off_t>(bytes)) != 0) {
    no_file_ = true;
    return nullptr;
  }
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), offset);
  if (address == MAP_FAILED) {
    no_file_ = true;
    return nullptr;
  }
  file_bytes_ += bytes;
  return static_cast<std::byte*>(address);
}

bool ScratchMemory::OpenFile() {
  if (file_.valid()) return true;
  if (!directory_.empty()) file_ = CreateNameless(directory_);
  no_file_ = !file_.valid();
  if (!no_file_) statm_ = UniqueFd(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  return !no_file_;
}

// The third number of proc(5)'s statm: pages of files and shared memory resident in this process.
uint64_t ScratchMemory::ResidentFileBytes() const {
  static const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::array<char, 128> text{};
  unsigned long long total = 0;
  unsigned long long resident = 0;
  unsigned long long of_files = 0;
  if (::pread(statm_.get(), text.data(), text.size() - 1, 0) <= 0 ||
      std::sscanf(text.data(), "%llu %llu %llu", &total, &resident, &of_files) != 3) {
    return UINT64_MAX;
  }
  return of_files * page_bytes;
}

void ScratchMemory::TrimNow() {
  const uint64_t resident = ResidentFileBytes();
  if (resident <= resident_before_ + limits_.resident_bytes) return;
  for (const Segment& segment : segments_) {
    // The pages, changed or not, stay in the kernel's cache; only their place in this process goes.
    if (segment.in_file) (void)::madvise(segment.begin, segment.bytes, MADV_DONTNEED);
  }
  resident_before_ = resident == UINT64_MAX ? 0 : ResidentFileBytes();
}

}  // namespace orcio
