// Runs a fuzz target without a fuzzer: over every file of the directories named, as it is and
// changed in some fifty ways, the same in every run. What a fuzzer has once found stays found so,
// and a gate of minutes has it.
//
// replay DIRECTORY...

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
// A target may have its own.
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                                                size_t max_size, unsigned seed);

namespace {

constexpr unsigned kChanges = 50;
constexpr size_t kLargest = 1 << 20;  // of what is changed: large seeds take long

std::mt19937& Random() {
  static std::mt19937 random;
  return random;
}

size_t Below(size_t limit) {
  return std::uniform_int_distribution<size_t>(0, limit - 1)(Random());
}

std::vector<uint8_t> Read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<uint8_t> Changed(std::vector<uint8_t> bytes, unsigned seed) {
  Random().seed(seed);
  const size_t size = bytes.size();
  bytes.resize(size + 64);
  const size_t now = LLVMFuzzerCustomMutator != nullptr
                         ? LLVMFuzzerCustomMutator(bytes.data(), size, bytes.size(), seed)
                         : LLVMFuzzerMutate(bytes.data(), size, bytes.size());
  bytes.resize(now);
  bytes.shrink_to_fit();  // so that a byte too far is seen
  return bytes;
}

}  // namespace

// One change of the kinds that find most: a bit, a byte of the extreme ones, a stretch that is left
// out or comes twice, an end.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  if (size == 0) return 0;
  const size_t at = Below(size);
  const size_t length = std::min(size - at, 1 + Below(16));
  switch (Below(5)) {
    case 0:
      data[at] ^= static_cast<uint8_t>(1U << Below(8));
      return size;
    case 1:
      std::memset(data + at, Below(2) == 0 ? 0 : 0xff, length);
      return size;
    case 2:
      std::memmove(data + at, data + at + length, size - at - length);
      return size - length;
    case 3:
      if (size + length > max_size) return size;
      std::memmove(data + at + length, data + at, size - at);
      return size + length;
    default:
      return at;
  }
}

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      const auto bytes = Read(entry.path());
      ++files;
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      for (unsigned seed = 1; bytes.size() <= kLargest && seed <= kChanges; ++seed) {
        const auto changed = Changed(bytes, seed);
        LLVMFuzzerTestOneInput(changed.data(), changed.size());
      }
    }
  }
  std::printf("%zu seeds\n", files);
  return files > 0 ? 0 : 1;  // nothing tried is nothing passed
}
