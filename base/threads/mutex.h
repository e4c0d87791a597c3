#pragma once

#include <mutex>

// What Clang's thread-safety analysis (-Wthread-safety) goes by; nothing to other compilers.
#ifdef __clang__
#define ORCIO_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define ORCIO_THREAD_SAFETY(attribute)
#endif

// Of a field: read and written only by who holds the mutex.
#define GUARDED_BY(mutex) ORCIO_THREAD_SAFETY(guarded_by(mutex))
// Of a function, or of a lambda after its parameters: called only by who holds the mutex.
#define REQUIRES(mutex) ORCIO_THREAD_SAFETY(requires_capability(mutex))
// For classes like those below: of their functions, what becomes of a mutex, or of their own.
#define ACQUIRE(...) ORCIO_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define RELEASE(...) ORCIO_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) ORCIO_THREAD_SAFETY(try_acquire_capability(__VA_ARGS__))
#define CAPABILITY(name) ORCIO_THREAD_SAFETY(capability(name))
#define SCOPED_CAPABILITY ORCIO_THREAD_SAFETY(scoped_lockable)

namespace orcio {

// A std::mutex that the analysis knows: libstdc++'s has no annotations. Waits are a
// std::condition_variable_any's, on the mutex itself: `changed_.wait(mutex_, ...)`.
class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  [[nodiscard]] bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

// Holds a mutex for as long as it is there.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex.lock(); }
  // Takes over what the caller holds.
  MutexLock(Mutex& mutex, std::adopt_lock_t) REQUIRES(mutex) : mutex_(mutex) {}
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace orcio
