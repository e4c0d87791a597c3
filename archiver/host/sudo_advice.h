#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace orcio::inline archiver {

// What to do if it was sudo that did not let a command run, by the sentence that it printed;
// nothing if no line of `err` is such a one. What sudo only mentions ("unable to resolve host")
// is none.
[[nodiscard]] std::optional<std::string> SudoAdvice(std::string_view err);

}  // namespace orcio::inline archiver
