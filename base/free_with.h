#pragma once

namespace orcio {

// A deleter for std::unique_ptr that calls a C library's own function.
template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};

}  // namespace orcio
