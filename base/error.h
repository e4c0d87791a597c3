#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace orcio {

// What kind of thing went wrong, as far as a caller decides by it. The sentence in Error is for
// people.
enum class ErrorKind {
  kNotFound,     // no such service, archive, path, host
  kInvalid,      // the caller's or the configuration's fault
  kDamaged,      // bytes that contradict their checksum or their format
  kUnsupported,  // well-formed, but not something orcio reads
  kIo,           // this machine's files: errnum says why
  kNetwork,      // the host is away, or the link broke
  kRefused,      // the host answered and said no: key, password, unknown host key
  kRemote,       // a command on the host failed
  kLocked,       // another run holds the lock
  kCancelled,    // asked to stop: a signal, or another stage failed first
  kNotRunning,   // a service is not confirmed running again
  kLimit,        // larger than what orcio bounds itself to
};

// An expected failure, as a value. `message` names file, offset, host or service, and what to do,
// if there is something to do; it has no trailing newline.
struct Error {
  ErrorKind kind = ErrorKind::kIo;
  int errnum = 0;  // errno if there is one, else 0
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

template <class... Args>
[[nodiscard]] Failure Fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{kind, 0, fmt::format(format, std::forward<Args>(args)...)});
}

// For a failed system call: appends what strerror says of `errnum`.
[[nodiscard]] Failure FailErrno(int errnum, std::string_view what);

// The errno that stands for `error` at the FUSE edge: its own, or the one its kind implies (EIO for
// damage).
[[nodiscard]] int ToErrno(const Error& error);

// Whether the system refused whoever orcio runs as: nothing is known of the file then, least of all
// that it is damaged.
[[nodiscard]] bool IsPermissionDenied(const Error& error);

namespace internal {
template <class T>
T Unwrap(tl::expected<T, Error>&& result) {
  return std::move(*result);
}
inline void Unwrap(tl::expected<void, Error>&&) {}
}  // namespace internal

}  // namespace orcio

// The value of `expression` (a Result), or return its error from the enclosing function.
#define ORCIO_TRY(expression)                                       \
  ({                                                                \
    auto orcio_try_result = (expression);                           \
    if (!orcio_try_result) {                                        \
      return ::orcio::Failure(std::move(orcio_try_result).error()); \
    }                                                               \
    ::orcio::internal::Unwrap(std::move(orcio_try_result));         \
  })
