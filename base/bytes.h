#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace orcio {

// Little-endian integers, as gzip (RFC 1952) and the sidecar have them.

template <class T>
requires std::is_unsigned_v<T>
[[nodiscard]] constexpr T LoadLittleEndian(const std::byte* from) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | (static_cast<T>(from[i]) << (8 * i)));
  return value;
}

template <class T>
requires std::is_unsigned_v<T>
constexpr void StoreLittleEndian(T value, std::byte* to) {
  for (size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

template <class T>
requires std::is_unsigned_v<T>
void AppendLittleEndian(T value, std::vector<std::byte>& to) {
  to.resize(to.size() + sizeof(T));
  StoreLittleEndian(value, to.data() + to.size() - sizeof(T));
}

[[nodiscard]] inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

[[nodiscard]] inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// a + b and a * b, or nothing if 64 bits do not hold it.
[[nodiscard]] constexpr std::optional<uint64_t> CheckedAdd(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
[[nodiscard]] constexpr std::optional<uint64_t> CheckedMultiply(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// Reads what came from outside front to back; every getter checks what is left.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  [[nodiscard]] std::optional<T> Get() {
    auto raw = Bytes(sizeof(T));
    if (!raw) return std::nullopt;
    return LoadLittleEndian<T>(raw->data());
  }
  [[nodiscard]] std::optional<std::span<const std::byte>> Bytes(uint64_t count) {
    if (count > bytes_.size()) return std::nullopt;
    auto taken = bytes_.first(static_cast<size_t>(count));
    bytes_ = bytes_.subspan(static_cast<size_t>(count));
    return taken;
  }
  [[nodiscard]] size_t left() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace orcio
