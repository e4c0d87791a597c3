#pragma once

#include <string>
#include <string_view>

namespace orcio::inline archiver {

// A line that has /bin/sh run `command` (POSIX shell), whatever the login user's shell is: fish and
// csh take it too. `prefix`, if any, goes before `sh`, as in "sudo -n -- ". `command` must not hold
// NUL.
[[nodiscard]] std::string PortableShellLine(std::string_view prefix, std::string_view command);

}  // namespace orcio::inline archiver
