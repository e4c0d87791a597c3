#pragma once

#include <cstddef>

namespace orcio::test {

// A program that is linked with failing_allocations.cc has an operator new of which one call, made
// by whatever thread, throws std::bad_alloc: number `call`, counted from 1 and from now on.
void FailAllocation(size_t call);
// Whether it has been reached. No call fails any more.
bool EndAllocationFault();

}  // namespace orcio::test
