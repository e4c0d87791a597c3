#pragma once

// Catch2 2.13 (Debian 12) and 3 (Debian 13) differ in their headers only, as far as our tests go.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "base/error.h"

// Requires that a Result holds a value, and shows the error's sentence if it does not.
#define REQUIRE_OK(result)                                                         \
  do {                                                                             \
    const auto& require_ok_result = (result);                                      \
    INFO((require_ok_result ? std::string() : require_ok_result.error().message)); \
    REQUIRE(require_ok_result.has_value());                                        \
  } while (false)

// The value of a Result that must hold one.
template <class T>
T ValueOf(orcio::Result<T> result) {
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result.has_value());
  return std::move(*result);
}
