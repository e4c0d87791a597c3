#include "base/sha256.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <vector>

// What OpenSSL 3 has instead hides its state, which no stream could be taken up from. These run the
// same code.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace orcio {

struct Sha256::Context {
  SHA256_CTX sha{};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  SHA256_Init(&context_->sha);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::span<const std::byte> bytes) {
  if (!bytes.empty()) SHA256_Update(&context_->sha, bytes.data(), bytes.size());
}

void Sha256::UpdateZeros(uint64_t count) {
  static const std::vector<std::byte> zeros(64 * 1024);
  while (count > 0) {
    const auto piece = static_cast<size_t>(std::min<uint64_t>(count, zeros.size()));
    Update(std::span(zeros).first(piece));
    count -= piece;
  }
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context_->sha);
  SHA256_Init(&context_->sha);
  return digest;
}

Sha256State Sha256::Save() const {
  const SHA256_CTX& sha = context_->sha;
  Sha256State state;
  std::copy_n(sha.h, state.hash.size(), state.hash.begin());
  state.bytes = (uint64_t{sha.Nh} << 32 | sha.Nl) / 8;
  std::memcpy(state.rest.data(), sha.data, sha.num);
  return state;
}

void Sha256::GoOn(const Sha256State& state) {
  SHA256_CTX& sha = context_->sha;
  SHA256_Init(&sha);
  std::ranges::copy(state.hash, sha.h);
  const uint64_t bits = state.bytes * 8;
  sha.Nh = static_cast<SHA_LONG>(bits >> 32);
  sha.Nl = static_cast<SHA_LONG>(bits);
  sha.num = static_cast<unsigned>(state.bytes % state.rest.size());
  std::memcpy(sha.data, state.rest.data(), sha.num);
}

Sha256Digest Sha256::Of(std::span<const std::byte> bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

std::string ToHex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text.push_back(digits[std::to_integer<size_t>(byte >> 4)]);
    text.push_back(digits[std::to_integer<size_t>(byte & std::byte{15})]);
  }
  return text;
}

}  // namespace orcio

#pragma GCC diagnostic pop
