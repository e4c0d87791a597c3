#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace orcio::test {

// Whether what a test needs has to be there.
inline bool MustHaveAll() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

// Ends the test program because `missing` cannot be had here: loudly, as skipped (77), or as failed
// if CI=true.
[[noreturn]] inline void SkipOrFail(const std::string& missing) {
  const bool fail = MustHaveAll();
  std::fprintf(stderr, "%s: %s\n", fail ? "FAILED" : "SKIPPED", missing.c_str());
  std::exit(fail ? 1 : 77);
}

inline void NeedRoot() {
  if (::geteuid() != 0) SkipOrFail("this test needs root");
}

inline void NeedProgram(const std::string& name) {
  if (std::system(("command -v " + name + " >/dev/null").c_str()) != 0)
    SkipOrFail("this test needs " + name);
}

inline void NeedFuse() {
  if (::access("/dev/fuse", R_OK | W_OK) != 0) SkipOrFail("this test needs /dev/fuse");
}

}  // namespace orcio::test
