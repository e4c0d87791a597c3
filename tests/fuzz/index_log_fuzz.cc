// Reads arbitrary bytes as the log of interrupted indexing, with every checksum put right, and goes
// on from there: whatever it says, what comes of it is a sidecar or an error. Seeds:
// index_log_seeds DIRECTORY.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/support/archives/interrupted_log.h"

namespace {

using namespace orcio;

void Require(bool holds) {
  if (!holds) std::abort();
}

// The first record of the archive's log, with what stands before it.
test::FileBytes BeginOf(bool is_gzip) {
  test::FileBytes log = test::InterruptedLog(is_gzip).Make(1);
  Require(log.size() > 8);
  log.resize(8 + LoadLittleEndian<uint32_t>(log.data()));
  return log;
}

void GoOn(bool is_gzip, const test::FileBytes& bytes) {
  test::InterruptedLog log(is_gzip);
  log.Put(bytes);
  const auto made = RebuildSidecar(log.files, log.kArchive, log.kSidecar, {}, {});
  if (!made) return;
  const auto sidecar = Sidecar::Open(log.files, log.kSidecar);
  Require(sidecar.has_value() && (*sidecar)->CheckAll().has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::array<test::FileBytes, 2> begins{BeginOf(false), BeginOf(true)};
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto log = test::WithChecksums({bytes, bytes + size});
  // Any other one is not used, and the archive is indexed from its beginning.
  for (const bool is_gzip : {false, true}) {
    const auto& begin = begins[is_gzip ? 1 : 0];
    if (log.size() > begin.size() && std::equal(begin.begin(), begin.end(), log.begin()))
      GoOn(is_gzip, log);
  }
  return 0;
}
