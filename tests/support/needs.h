#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace orcio::test {

// Ends the test program because `missing` cannot be had here: loudly, as skipped (77), or as failed
// where CI=true.
[[noreturn]] inline void SkipOrFail(const std::string& missing) {
  const char* ci = std::getenv("CI");
  const bool fail = ci != nullptr && std::string(ci) == "true";
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
