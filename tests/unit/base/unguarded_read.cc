// Not to compile, where Clang looks at who holds which mutex: tests.cmake says with what error.
#include "base/threads/mutex.h"

namespace orcio::test {

class Counter {
 public:
  [[nodiscard]] int WithTheLock() {
    const MutexLock lock(mutex_);
    return count_;
  }
  [[nodiscard]] int WithoutIt() { return count_; }

 private:
  Mutex mutex_;
  int count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace orcio::test
