// The facts in a sidecar.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "index/sidecar/run_facts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto facts =
      orcio::ParseRunFacts(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!facts) {
    if (facts.error().kind != orcio::ErrorKind::kDamaged) std::abort();
    return 0;
  }
  const auto again = orcio::ParseRunFacts(orcio::ToJson(*facts));
  if (!again || *again != *facts) std::abort();
  return 0;
}
