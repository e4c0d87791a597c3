#pragma once

#include <vector>

#include "archiver/control/systemd_units.h"

namespace orcio::inline archiver {

// `found`, of which the listed ones come first, in the order in which they start, with stops_with
// and starts_with: by systemd's After= and Before= between those that run, and as they were where
// these say nothing. What comes after one that joined a listed unit comes after the listed one,
// too, unless systemd has it the other way round.
[[nodiscard]] std::vector<FoundUnit> InOrder(std::vector<FoundUnit> found);

}  // namespace orcio::inline archiver
