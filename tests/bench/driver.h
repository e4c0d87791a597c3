#pragma once

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

#include "base/error.h"

namespace orcio::bench {

// Fills `into` from the file descriptor; fewer bytes only at its end.
[[nodiscard]] inline Result<size_t> ReadFull(int fd, std::span<std::byte> into) {
  size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t got = ::read(fd, into.data() + filled, into.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "standard input");
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

// `text` as a number from 1 on; 0 if it is none.
[[nodiscard]] inline unsigned ParseCount(std::string_view text) {
  unsigned count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  return error == std::errc() && stop == end ? count : 0;
}

// What `main` returns: 1, with the error on standard error, if `result` is one.
[[nodiscard]] inline int ExitStatus(const char* program, const Result<void>& result) {
  if (result) return 0;
  std::fprintf(stderr, "%s: %s\n", program, result.error().message.c_str());
  return 1;
}

}  // namespace orcio::bench
