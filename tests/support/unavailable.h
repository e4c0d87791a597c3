#pragma once

#include <string>

namespace orcio::test {

// Ends a test program that cannot do its work on this machine, saying `why`: with status 77, which
// CTest shows as skipped, or as a failure where CI=true, whose machines have everything.
[[noreturn]] void LeaveWithout(const std::string& why);

}  // namespace orcio::test
