#pragma once

#include "fusefs/tree/listing.h"
#include "fusefs/tree/namespace.h"

namespace orcio::inline fusefs {

// What differs between two listings of one repository, of which `after` was made with `before` or
// with one between the two.
[[nodiscard]] Namespace::Changes Compare(const Listing& before, const Listing& after);

}  // namespace orcio::inline fusefs
