#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace orcio {

// The bytes of the UTF-8 sequence (RFC 3629) that `text`, which is not empty, starts with; 0 if
// it is none.
[[nodiscard]] size_t Utf8SequenceBytes(std::string_view text);

[[nodiscard]] bool IsUtf8(std::string_view text);

// Whether `text` holds a C0 or C1 control character or DEL.
[[nodiscard]] bool HasControl(std::string_view text);

// `text` with control characters, marks that reverse the direction of text, and bytes that are no
// UTF-8, as \n, \t, \r or \xNN: what another machine, a file or an archived name said, fit for a
// message and unable to drive a terminal. A backslash stays as it is.
[[nodiscard]] std::string SafeText(std::string_view text);

}  // namespace orcio
