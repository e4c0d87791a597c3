#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace orcio {

using Sha256Digest = std::array<std::byte, 32>;

// What a stream has come to, for another one to go on from.
struct Sha256State {
  std::array<uint32_t, 8> hash{};    // of all whole blocks of 64 bytes
  uint64_t bytes = 0;                // that have gone by
  std::array<std::byte, 64> rest{};  // those after the last whole block, then zeros
  friend bool operator==(const Sha256State&, const Sha256State&) = default;
};

// SHA-256 (FIPS 180-4) by OpenSSL, one stream at a time. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::span<const std::byte> bytes);
  // As Update with `count` zero bytes.
  void UpdateZeros(uint64_t count);
  // Ends the stream; the object is ready for a new one.
  [[nodiscard]] Sha256Digest Finish();

  [[nodiscard]] Sha256State Save() const;
  // Forgets its own stream for another one, which may come from another process.
  void GoOn(const Sha256State& state);

  [[nodiscard]] static Sha256Digest Of(std::span<const std::byte> bytes);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Lower-case hexadecimal, as sha256sum prints it.
[[nodiscard]] std::string ToHex(std::span<const std::byte> bytes);

}  // namespace orcio
