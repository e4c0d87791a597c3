#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace orcio::test {

// Bytes that do not compress; the same for the same arguments.
inline std::string Noise(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string noise(size, ' ');
  for (char& c : noise) c = static_cast<char>(random());
  return noise;
}

}  // namespace orcio::test
