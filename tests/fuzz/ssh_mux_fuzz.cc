#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "archiver/ssh/client/ssh_mux.h"

namespace {

void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "\n";
  std::abort();
}

}  // namespace

// What an ssh(1) sends, whole and byte by byte.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using orcio::TakeMuxMessage;
  const std::string input(reinterpret_cast<const char*>(data), size);
  std::string left = input;
  size_t messages = 0;
  for (;;) {
    const size_t before = left.size();
    const auto message = TakeMuxMessage(left);
    if (!message || !*message) {
      Require(left.size() == before, "what is no message is left");
      break;
    }
    ++messages;
    Require(left.size() < before, "a message is taken off");
    Require((*message)->reason.size() <= before - left.size(), "a reason is in its message");
  }
  std::string some;
  size_t again = 0;
  for (const char c : input) {
    some += c;
    const auto message = TakeMuxMessage(some);
    if (!message) break;
    if (*message) ++again;
  }
  Require(again == messages, "it does not matter how it comes in");
  return 0;
}
