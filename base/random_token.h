#pragma once

#include <string>

namespace orcio {

// 32 hexadecimal digits that nobody can guess.
[[nodiscard]] std::string RandomToken();

}  // namespace orcio
