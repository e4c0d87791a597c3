#pragma once

#include <cstddef>
#include <functional>

namespace orcio::test {

// The system calls by which orcio's own code uses files, of which one fails. Works in programs that
// are linked with --wrap (unit_faults in tests/unit/tests.cmake); what the standard library calls
// is not among them.
enum class SystemFault {
  kIo,           // EIO
  kNoSpace,      // ENOSPC
  kInterrupted,  // EINTR, once
  kShort,        // moves half of the bytes; reads and writes only
};

// Call number `call`, counted from 1, fails so; 0: none does. Starts counting anew.
void FailSystemCall(size_t call, SystemFault fault);
// Calls this when it does, on the same thread; its calls do not fail.
void AtSystemFault(std::function<void()> happens);
// Whether it has been reached, and could fail in that way. No call fails any more.
bool EndSystemFault();
// A file system that lacks these from here on: link, or renameat2 with a flag, or with none.
struct LackingNames {
  bool link = false;
  bool no_replace = false;
  bool rename = false;
};
void LackNames(const LackingNames& lacking);

// Calls since the counting started.
[[nodiscard]] size_t SystemCalls();

}  // namespace orcio::test
