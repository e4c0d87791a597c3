#pragma once

#include <string>
#include <string_view>

namespace orcio {

// As RFC 4648 has it, section 4, in one line.
[[nodiscard]] std::string Base64(std::string_view bytes);

}  // namespace orcio
