#pragma once

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "tests/integration/mounted_repository.h"
#include "tests/support/needs.h"

namespace orcio::test {

// One that is mounted while it changes.
class LiveRepository : public MountedRepository {
 public:
  LiveRepository() {
    NeedRoot();
    NeedFuse();
  }
};

// Waits for something that the kernel may keep as it was for a second, and a busy machine for more.
template <class Condition>
[[nodiscard]] bool Eventually(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// `size` bytes of an open file from `offset`, or fewer at its end, or "errno N".
[[nodiscard]] inline std::string PieceAt(int file, size_t offset, size_t size) {
  std::string piece(size, ' ');
  const ssize_t got = ::pread(file, piece.data(), size, static_cast<off_t>(offset));
  if (got < 0) return std::string("errno ") + std::to_string(errno);
  piece.resize(static_cast<size_t>(got));
  return piece;
}

}  // namespace orcio::test
