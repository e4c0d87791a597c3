// bench_deflate_alone THREADS <FILE: libdeflate at level 6 over the blocks that orcio makes members
// of, and nothing else: no scan, no digest, nothing written. The yardstick for what archiving
// costs. Prints the bytes in and out as JSON.

#include <fmt/format.h>
#include <libdeflate.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/free_with.h"
#include "index/gzip/gzip_member.h"
#include "tests/bench/driver.h"

namespace orcio::bench {
namespace {

constexpr int kLevel = 6;

// Hands out standard input block by block, to any thread.
class Input {
 public:
  Result<size_t> Next(std::span<std::byte> into) {
    const std::lock_guard lock(mutex_);
    return ReadFull(STDIN_FILENO, into);
  }

 private:
  std::mutex mutex_;
};

struct Totals {
  std::atomic<uint64_t> in = 0;
  std::atomic<uint64_t> out = 0;
};

Result<void> Compress(Input& input, Totals& totals) {
  const std::unique_ptr<libdeflate_compressor, FreeWith<libdeflate_free_compressor>> compressor(
      libdeflate_alloc_compressor(kLevel));
  std::vector<std::byte> block(kMemberTarBytes);
  std::vector<std::byte> packed(libdeflate_deflate_compress_bound(compressor.get(), block.size()));
  for (;;) {
    const size_t bytes = ORCIO_TRY(input.Next(block));
    if (bytes == 0) return {};
    totals.in += bytes;
    totals.out += libdeflate_deflate_compress(compressor.get(), block.data(), bytes, packed.data(),
                                              packed.size());
  }
}

Result<void> Run(unsigned threads) {
  Input input;
  Totals totals;
  std::vector<Result<void>> results(threads);
  {
    std::vector<std::jthread> workers;
    for (Result<void>& result : results)
      workers.emplace_back([&] { result = Compress(input, totals); });
  }
  for (Result<void>& result : results) ORCIO_TRY(std::move(result));
  fmt::print("{{\"tar_bytes\": {}, \"archive_bytes\": {}}}\n", totals.in.load(), totals.out.load());
  return {};
}

}  // namespace
}  // namespace orcio::bench

int main(int argc, char** argv) {
  const unsigned threads = argc == 2 ? orcio::bench::ParseCount(argv[1]) : 0;
  if (threads == 0) {
    std::fprintf(stderr, "usage: bench_deflate_alone THREADS <FILE\n");
    return 2;
  }
  return orcio::bench::ExitStatus(argv[0], orcio::bench::Run(threads));
}
