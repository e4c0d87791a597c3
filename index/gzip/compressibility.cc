#include "index/gzip/compressibility.h"

#include <libdeflate.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "base/free_with.h"

namespace orcio::inline index {
namespace {

constexpr double kWorthwhileGain = 0.015;
// A piece that gains more than this holds more than evenly skewed bytes (a JPEG's Huffman codes
// give up to 2 %): a tar header, text, a table. There deflate finds repeats too, which the
// distribution does not show; over tars of small images it gained four times as much.
constexpr double kSkewedGain = 0.03;
constexpr double kGainByRepeats = 4;

constexpr size_t kSampleBytes = 8192;
constexpr size_t kSamples = 2;

}  // namespace

struct CompressibilityProbe::Compressor {
  std::unique_ptr<libdeflate_compressor, FreeWith<libdeflate_free_compressor>> fastest{
      libdeflate_alloc_compressor(1)};
};

CompressibilityProbe::CompressibilityProbe() : compressor_(std::make_unique<Compressor>()) {
  if (compressor_->fastest == nullptr) throw std::bad_alloc();
  for (size_t n = 1; n < surprise_.size(); ++n) {
    const auto count = static_cast<double>(n);
    surprise_[n] = static_cast<uint32_t>(std::lround(count * std::log2(count) * 4096));
  }
}
CompressibilityProbe::~CompressibilityProbe() = default;

bool CompressibilityProbe::IsWorthCompressing(std::span<const std::byte> bytes) {
  // Short ones cost little either way, and are few: the last of an archive.
  if (bytes.size() < kSamples * kSampleBytes) return true;
  const size_t pieces = bytes.size() / kPieceBytes;
  const double enough = kWorthwhileGain * static_cast<double>(pieces);
  double gain = 0;
  for (size_t i = 0; i < pieces; ++i) {
    const double piece_gain = HuffmanGain(bytes.subspan(i * kPieceBytes, kPieceBytes));
    gain += piece_gain > kSkewedGain ? piece_gain * kGainByRepeats : piece_gain;
    if (gain >= enough) return true;
  }
  return SamplesRepeat(bytes);
}

// What coding each byte value by its frequency would gain, as a part of the whole: 1 - H/8, where H
// is Shannon's entropy in bits a byte.
double CompressibilityProbe::HuffmanGain(std::span<const std::byte> piece) const {
  std::array<std::array<uint16_t, 256>, 4> counts{};
  constexpr size_t kQuarter = kPieceBytes / 4;
  for (size_t i = 0; i < kQuarter; ++i) {
    // Four tables, so that equal neighbours do not wait for each other's increment.
    for (size_t table = 0; table < 4; ++table)
      ++counts[table][static_cast<uint8_t>(piece[table * kQuarter + i])];
  }
  uint64_t sum = 0;
  for (size_t value = 0; value < 256; ++value)
    sum += surprise_[static_cast<size_t>(counts[0][value] + counts[1][value] + counts[2][value] +
                                         counts[3][value])];
  // Miller and Madow: in n random bytes the entropy comes out too small by 255 / (2 n ln 2).
  constexpr double kBias = 255 / (2 * static_cast<double>(kPieceBytes) * 0.693147);
  const double entropy = 12 - static_cast<double>(sum) / 4096 / kPieceBytes + kBias;
  return std::max(0.0, 1 - entropy / 8);
}

bool CompressibilityProbe::SamplesRepeat(std::span<const std::byte> bytes) {
  const size_t stride = bytes.size() / kSamples;
  size_t compressed_bytes = 0;
  compressed_.resize(kSampleBytes);
  for (size_t i = 0; i < kSamples; ++i) {
    const auto sample = bytes.subspan(i * stride + (stride - kSampleBytes) / 2, kSampleBytes);
    const size_t got =
        libdeflate_deflate_compress(compressor_->fastest.get(), sample.data(), sample.size(),
                                    compressed_.data(), compressed_.size());
    compressed_bytes += got == 0 ? kSampleBytes : got;
  }
  return static_cast<double>(compressed_bytes) <
         (1 - kWorthwhileGain) * static_cast<double>(kSamples * kSampleBytes);
}

}  // namespace orcio::inline index
