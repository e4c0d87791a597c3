#pragma once

// Which sanitizer this is compiled with, 1 or 0: GCC and Clang tell it in ways of their own.
#if defined(__has_feature)
#define ORCIO_ASAN __has_feature(address_sanitizer)
#define ORCIO_TSAN __has_feature(thread_sanitizer)
#else
#ifdef __SANITIZE_ADDRESS__
#define ORCIO_ASAN 1
#else
#define ORCIO_ASAN 0
#endif
#ifdef __SANITIZE_THREAD__
#define ORCIO_TSAN 1
#else
#define ORCIO_TSAN 0
#endif
#endif
