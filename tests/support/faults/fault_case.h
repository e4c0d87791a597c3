#pragma once

#include <cstdint>
#include <string>

#include "tests/support/faults/fault_scene.h"

namespace orcio::test {

// How one fault ended.
struct FaultReport {
  std::string fault;    // which, when
  std::string outcome;  // what became of the run
  std::string problem;  // what must not have become of it; empty if all is well
  double seconds = 0;   // from the fault until the service was up for good
};

// Case `number` of the matrix that `seed` draws: a run, a fault in it, and everything that has to
// hold afterwards:
//   - what was running runs again within a minute, and what was not does not;
//   - what has a final name in the repository is whole, and is there only if the guard did not
//   fire;
//   - neither a guard nor its directory is left once the next run is over, and that run succeeds.
// Kinds of faults follow each other, so that any `FaultKinds()` cases in a row have them all. With
// precopy, there are two more moments for each, and the next run takes over what it can. If the
// job is a restore, the volume is as archived or as it was before, and the next restore succeeds.
[[nodiscard]] FaultReport RunFaultCase(FaultScene& scene, uint64_t seed, unsigned number);
[[nodiscard]] unsigned FaultKinds(Mode mode, FaultScene::Job job);

}  // namespace orcio::test
