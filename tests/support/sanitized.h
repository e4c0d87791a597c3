#pragma once

namespace orcio::test {

// Whether a sanitizer watches: memory is not the program's alone then, the stack is shallower, and
// time goes by ten times as fast.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// ThreadSanitizer has nothing to say about code of one thread, and takes the longest: what looks at
// every byte or bit with such code looks at every `kStride`th one there.
#if defined(__SANITIZE_THREAD__)
constexpr unsigned kStride = 11;
#else
constexpr unsigned kStride = 1;
#endif

}  // namespace orcio::test
