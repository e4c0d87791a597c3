#include "base/error.h"

#include <cerrno>
#include <string_view>
#include <system_error>

namespace orcio {

Failure FailErrno(int errnum, std::string_view what) {
  return Failure(Error{ErrorKind::kIo, errnum,
                       fmt::format("{}: {}", what, std::generic_category().message(errnum))});
}

int ToErrno(const Error& error) {
  if (error.errnum != 0) return error.errnum;
  switch (error.kind) {
    case ErrorKind::kNotFound:
      return ENOENT;
    case ErrorKind::kInvalid:
      return EINVAL;
    case ErrorKind::kUnsupported:
      return EOPNOTSUPP;
    case ErrorKind::kCancelled:
      return EINTR;
    case ErrorKind::kLimit:
      return EFBIG;
    default:
      return EIO;
  }
}

bool IsPermissionDenied(const Error& error) {
  return error.errnum == EACCES || error.errnum == EPERM;
}

}  // namespace orcio
