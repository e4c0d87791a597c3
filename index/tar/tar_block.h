#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "index/tar/tar_stream.h"

namespace orcio::inline index {

// The number in a field of a header: octal digits between blanks, as every dialect has them, or
// big-endian two's complement if the first bit is set (GNU, star). Empty fields are 0; what 64
// bits do not hold is the nearest that they do. Nothing if something else stands there.
[[nodiscard]] std::optional<int64_t> ParseTarNumber(std::string_view field);

enum class TarDialect {
  kV7,     // before POSIX: no magic, no prefix, no devices
  kUstar,  // POSIX.1-1988 and what is built on it: pax, star, Solaris
  kGnu,    // a magic of its own, and other fields where the prefix is
};

// One header block, as it stands in the tar.
class TarBlock {
 public:
  TarBlock() = default;
  // `block` has kTarBlockSize bytes.
  explicit TarBlock(std::span<const std::byte> block);

  [[nodiscard]] bool IsZero() const;
  // Whether it is a header: its checksum fits, of bytes taken as unsigned (POSIX) or as signed (as
  // some old programs summed them).
  [[nodiscard]] bool ChecksumFits() const;

  [[nodiscard]] TarDialect dialect() const;
  [[nodiscard]] char type() const { return bytes_[156]; }  // '\0' of old tars is '0'
  // The name, with the prefix before it if the dialect has one.
  [[nodiscard]] std::string Name() const;
  [[nodiscard]] std::string LinkTarget() const { return std::string(Text(157, 100)); }
  // 07777 of the mode. Nothing if the field makes no sense.
  [[nodiscard]] std::optional<uint32_t> Mode() const;
  [[nodiscard]] int64_t Uid() const { return Number(108, 8).value_or(-1); }
  [[nodiscard]] int64_t Gid() const { return Number(116, 8).value_or(-1); }
  [[nodiscard]] std::optional<int64_t> Mtime() const { return Number(136, 12); }
  // Bytes of content stored. Nothing if the field makes no sense.
  [[nodiscard]] std::optional<uint64_t> Size() const;
  [[nodiscard]] uint32_t DeviceMajor() const;
  [[nodiscard]] uint32_t DeviceMinor() const;

  // A field's bytes, and up to the first NUL.
  [[nodiscard]] std::string_view Field(size_t offset, size_t size) const;
  [[nodiscard]] std::string_view Text(size_t offset, size_t size) const;
  [[nodiscard]] std::optional<int64_t> Number(size_t offset, size_t size) const {
    return ParseTarNumber(Field(offset, size));
  }

 private:
  std::array<char, kTarBlockSize> bytes_{};
};

}  // namespace orcio::inline index
