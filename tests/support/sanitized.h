#pragma once

#include "base/sanitizer.h"

namespace orcio::test {

// Whether a sanitizer watches: memory is not the program's alone then, the stack is shallower, and
// time goes by ten times as fast.
constexpr bool kSanitized = ORCIO_ASAN != 0 || ORCIO_TSAN != 0;

// ThreadSanitizer has nothing to say about code of one thread, and takes the longest: what looks at
// every byte or bit with such code looks at every `kStride`th one there.
constexpr unsigned kStride = ORCIO_TSAN != 0 ? 11 : 1;

}  // namespace orcio::test
