#include "tests/support/files/failing_allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace orcio::test {
namespace {

std::atomic<size_t> calls = 0;
std::atomic<size_t> fail_at = 0;

}  // namespace

void FailAllocation(size_t call) {
  calls = 0;
  fail_at = call;
}

bool EndAllocationFault() {
  const size_t at = fail_at.exchange(0);
  return at != 0 && calls >= at;
}

namespace {

void* AllocateOrNull(size_t bytes) noexcept {
  return fail_at != 0 && ++calls == fail_at ? nullptr : std::malloc(bytes);
}

void* Allocate(size_t bytes) {
  void* memory = AllocateOrNull(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace
}  // namespace orcio::test

// All forms but those of over-aligned types: a sanitizer has its own of those that are not here,
// whose memory only it may free.
void* operator new(size_t bytes) {
  return orcio::test::Allocate(bytes);
}
void* operator new[](size_t bytes) {
  return orcio::test::Allocate(bytes);
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return orcio::test::AllocateOrNull(bytes);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return orcio::test::AllocateOrNull(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
