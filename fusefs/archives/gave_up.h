#pragma once

#include <functional>

namespace orcio::inline fusefs {

// Says whether whoever wants an answer has stopped waiting for it. Asked from time to time if
// the answer takes long; empty for who waits however long it takes.
using GaveUp = std::function<bool()>;

}  // namespace orcio::inline fusefs
