#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace orcio::inline index {

// Guesses, at a small part of what compressing costs, whether deflate would gain anything: photos,
// films and packages do not shrink, and trying anyway is what an archive of them would cost most.
// Not thread-safe. Deterministic.
class CompressibilityProbe {
 public:
  CompressibilityProbe();
  ~CompressibilityProbe();

  // False if deflate would gain less than about 2 %. Can be wrong that way for bytes that are
  // evenly distributed everywhere and yet repeat, outside of the few samples in which it looks for
  // that.
  [[nodiscard]] bool IsWorthCompressing(std::span<const std::byte> bytes);

 private:
  static constexpr size_t kPieceBytes = 4096;
  struct Compressor;

  [[nodiscard]] double HuffmanGain(std::span<const std::byte> piece) const;
  [[nodiscard]] bool SamplesRepeat(std::span<const std::byte> bytes);

  std::unique_ptr<Compressor> compressor_;
  std::array<uint32_t, kPieceBytes + 1> surprise_{};  // n log2(n), in 1/4096 bits
  std::vector<std::byte> compressed_;
};

}  // namespace orcio::inline index
