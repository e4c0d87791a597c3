#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace orcio::inline index {

// Turn values into bytes, and bytes that come from outside into values. What a type consists of
// stands in one place for both, in a function Fields(coder, value) beside the type or beside
// whoever codes it: `coder(value.a, value.b)`. Numbers are little-endian in their own width, texts
// and vectors have their count before them, 8 bytes, and optional values a byte, 0 or 1.

// Appends to `to`, which outlives it.
class RecordWriter {
 public:
  explicit RecordWriter(std::vector<std::byte>& to) : to_(to) {}

  template <class... Values>
  void operator()(const Values&... values) {
    (Put(values), ...);
  }

 private:
  template <class T>
  requires std::integral<T> || std::is_enum_v<T>
  void Put(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      AppendLittleEndian(uint8_t{value}, to_);
    } else if constexpr (std::is_enum_v<T>) {
      Put(static_cast<std::underlying_type_t<T>>(value));
    } else {
      AppendLittleEndian(static_cast<std::make_unsigned_t<T>>(value), to_);
    }
  }
  void Put(std::span<const std::byte> bytes) {
    Put(uint64_t{bytes.size()});
    to_.insert(to_.end(), bytes.begin(), bytes.end());
  }
  void Put(const std::string& text) { Put(AsBytes(text)); }
  void Put(const std::vector<std::byte>& bytes) { Put(std::span(bytes)); }
  template <class T>
  void Put(const std::vector<T>& values) {
    Put(uint64_t{values.size()});
    for (const T& value : values) Put(value);
  }
  template <class T, size_t kCount>
  void Put(const std::array<T, kCount>& values) {
    for (const T& value : values) Put(value);
  }
  void Put(std::byte value) { to_.push_back(value); }
  template <class A, class B>
  void Put(const std::pair<A, B>& pair) {
    Put(pair.first);
    Put(pair.second);
  }
  template <class T>
  void Put(const std::optional<T>& value) {
    Put(value.has_value());
    if (value) Put(*value);
  }
  template <class T>
  requires std::is_class_v<T>
  void Put(const T& value) { Fields(*this, value); }

  std::vector<std::byte>& to_;
};

// Once anything is not as it should be, whole() is false, and what is read from then on is nothing.
// Allocates no more than a small multiple of what `bytes` has.
class RecordReader {
 public:
  explicit RecordReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class... Values>
  void operator()(Values&... values) {
    (Take(values), ...);
  }
  // Whether all was there, and nothing is left.
  [[nodiscard]] bool whole() const { return sound_ && bytes_.left() == 0; }
  void Spoil() { sound_ = false; }

 private:
  template <class T>
  requires std::integral<T> || std::is_enum_v<T>
  void Take(T& value) {
    if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      Take(number);
      value = static_cast<T>(number);
    } else if constexpr (std::same_as<T, bool>) {
      uint8_t number = 0;
      Take(number);
      if (number > 1) Spoil();
      value = number == 1;
    } else {
      const auto got = bytes_.Get<std::make_unsigned_t<T>>();
      if (!got) Spoil();
      value = static_cast<T>(got.value_or(0));
    }
  }
  void Take(std::byte& value) {
    uint8_t number = 0;
    Take(number);
    value = std::byte{number};
  }
  // How many follow that take at least a byte each.
  size_t Count() {
    uint64_t count = 0;
    Take(count);
    if (count <= bytes_.left()) return static_cast<size_t>(count);
    Spoil();
    return 0;
  }
  void Take(std::string& text) { text = AsText(*bytes_.Bytes(Count())); }
  void Take(std::vector<std::byte>& bytes) {
    const auto got = *bytes_.Bytes(Count());
    bytes.assign(got.begin(), got.end());
  }
  template <class T>
  void Take(std::vector<T>& values) {
    values.clear();
    for (size_t left = Count(); left > 0 && sound_; --left) Take(values.emplace_back());
  }
  template <class T, size_t kCount>
  void Take(std::array<T, kCount>& values) {
    for (T& value : values) Take(value);
  }
  template <class A, class B>
  void Take(std::pair<A, B>& pair) {
    Take(pair.first);
    Take(pair.second);
  }
  template <class T>
  void Take(std::optional<T>& value) {
    bool there = false;
    Take(there);
    value.reset();
    if (there && sound_) Take(value.emplace());
  }
  template <class T>
  requires std::is_class_v<T>
  void Take(T& value) { Fields(*this, value); }

  ByteReader bytes_;
  bool sound_ = true;
};

}  // namespace orcio::inline index
