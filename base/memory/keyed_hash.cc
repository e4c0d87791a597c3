#include "base/memory/keyed_hash.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace orcio {
namespace {

uint64_t Fold(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

KeyedHash::KeyedHash() {
  std::random_device random;
  for (uint64_t& word : key_) word = (uint64_t{random()} << 32 | random()) | 1;
}

uint64_t KeyedHash::operator()(uint64_t seed, std::string_view text) const {
  uint64_t hash = Fold(key_[0] ^ seed, key_[1]);
  while (!text.empty()) {
    uint64_t word = 0;
    const size_t taken = std::min(text.size(), sizeof(word));
    std::memcpy(&word, text.data(), taken);
    text.remove_prefix(taken);
    hash = Fold(hash ^ word ^ taken, key_[2]);
  }
  return Fold(hash, key_[1]);
}

}  // namespace orcio
