#include "index/tar/tar_block.h"

#include <algorithm>
#include <limits>

namespace orcio::inline index {
namespace {

constexpr std::string_view kUstarMagic = "ustar";
constexpr std::string_view kGnuMagic("ustar  \0", 8);

int64_t ParseBinary(std::string_view field) {
  constexpr auto kMax = std::numeric_limits<int64_t>::max();
  constexpr auto kMin = std::numeric_limits<int64_t>::min();
  const auto first = static_cast<unsigned char>(field[0]);
  const bool negative = (first & 0x40) != 0;
  // The first bit is the mark; the second is the sign.
  int64_t value = negative ? static_cast<int64_t>(first & 0x7f) - 0x80 : first & 0x7f;
  for (const char c : field.substr(1)) {
    if (value > kMax >> 8) return kMax;
    if (value < kMin >> 8) return kMin;
    value = value * 256 + static_cast<unsigned char>(c);
  }
  return value;
}

bool IsBlank(char c) {
  return c == ' ' || c == '\0' || (c >= '\t' && c <= '\r');
}

}  // namespace

std::optional<int64_t> ParseTarNumber(std::string_view field) {
  if (field.empty()) return 0;
  if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) return ParseBinary(field);
  // Some old programs put one NUL before a number. More of them leave no number.
  size_t at = field[0] == '\0' ? 1 : 0;
  while (at < field.size() && IsBlank(field[at]) && field[at] != '\0') ++at;
  const bool negative = at < field.size() && field[at] == '-';
  if (negative) ++at;
  int64_t value = 0;
  for (; at < field.size() && field[at] >= '0' && field[at] <= '7'; ++at) {
    if (value > std::numeric_limits<int64_t>::max() >> 3) return std::nullopt;
    value = value * 8 + (field[at] - '0');
  }
  if (at < field.size() && !IsBlank(field[at])) return std::nullopt;
  return negative ? -value : value;
}

TarBlock::TarBlock(std::span<const std::byte> block) {
  std::transform(block.begin(), block.end(), bytes_.begin(),
                 [](std::byte byte) { return std::to_integer<char>(byte); });
}

bool TarBlock::IsZero() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](char c) { return c == '\0'; });
}

bool TarBlock::ChecksumFits() const {
  constexpr size_t kField = 148;
  constexpr size_t kFieldSize = 8;
  const auto recorded = Number(kField, kFieldSize);
  if (!recorded) return false;
  int64_t sum_of_unsigned = 0;
  int64_t sum_of_signed = 0;
  for (const char c : bytes_) {
    sum_of_unsigned += static_cast<unsigned char>(c);
    sum_of_signed += static_cast<signed char>(c);
  }
  // The field itself counts as blanks.
  for (const char c : Field(kField, kFieldSize)) {
    sum_of_unsigned += ' ' - static_cast<unsigned char>(c);
    sum_of_signed += ' ' - static_cast<signed char>(c);
  }
  return *recorded == sum_of_unsigned || *recorded == sum_of_signed;
}

TarDialect TarBlock::dialect() const {
  if (Field(257, 8) == kGnuMagic) return TarDialect::kGnu;
  return Field(257, 5) == kUstarMagic ? TarDialect::kUstar : TarDialect::kV7;
}

std::string TarBlock::Name() const {
  std::string name;
  if (dialect() == TarDialect::kUstar) {
    // star's prefix is shorter, and ends with a NUL before the times that follow it.
    name = Text(345, 155);
    if (!name.empty()) name += '/';
  }
  return name.append(Text(0, 100));
}

std::optional<uint32_t> TarBlock::Mode() const {
  const auto mode = Number(100, 8);
  if (!mode) return std::nullopt;
  return static_cast<uint32_t>(*mode & 07777);
}

std::optional<uint64_t> TarBlock::Size() const {
  const auto size = Number(124, 12);
  if (!size || *size < 0) return std::nullopt;
  return static_cast<uint64_t>(*size);
}

uint32_t TarBlock::DeviceMajor() const {
  return static_cast<uint32_t>(Number(329, 8).value_or(0));
}

uint32_t TarBlock::DeviceMinor() const {
  return static_cast<uint32_t>(Number(337, 8).value_or(0));
}

std::string_view TarBlock::Field(size_t offset, size_t size) const {
  return std::string_view(bytes_.data(), bytes_.size()).substr(offset, size);
}

std::string_view TarBlock::Text(size_t offset, size_t size) const {
  const std::string_view field = Field(offset, size);
  return field.substr(0, field.find('\0'));
}

}  // namespace orcio::inline index
