#include "base/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <new>
#include <vector>

#include "base/free_with.h"

namespace orcio {

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> md{EVP_MD_CTX_new()};
  std::unique_ptr<EVP_MD, FreeWith<EVP_MD_free>> algorithm{
      EVP_MD_fetch(nullptr, "SHA256", nullptr)};

  void Start() {
    // Neither can fail for want of anything but memory: OpenSSL's default provider always has
    // SHA-256.
    if (md == nullptr || algorithm == nullptr) throw std::bad_alloc();
    if (EVP_DigestInit_ex2(md.get(), algorithm.get(), nullptr) != 1) throw std::bad_alloc();
  }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  context_->Start();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(context_->md.get(), bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
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
  if (EVP_DigestFinal_ex(context_->md.get(), reinterpret_cast<unsigned char*>(digest.data()),
                         nullptr) != 1) {
    throw std::bad_alloc();
  }
  context_->Start();
  return digest;
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
