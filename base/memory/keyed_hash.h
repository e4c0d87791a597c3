#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace orcio {

// A hash of texts under a key drawn at random, so that no input can be made whose texts all
// collide. Folded multiplication, as wyhash has it: fast for short texts, no cryptography.
class KeyedHash {
 public:
  KeyedHash();

  [[nodiscard]] uint64_t operator()(uint64_t seed, std::string_view text) const;

 private:
  std::array<uint64_t, 3> key_{};
};

}  // namespace orcio
