#include "base/text/safe_text.h"

#include <fmt/format.h>

namespace orcio {
namespace {

// U+0080 to U+009F are C2 80 to C2 9F.
bool IsControl(std::string_view sequence) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  return sequence.size() == 2 && byte(0) == 0xC2 && byte(1) < 0xA0;
}

// U+202A to U+202E and U+2066 to U+2069.
bool IsDirectionMark(std::string_view sequence) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(sequence[i]); };
  return sequence.size() == 3 && byte(0) == 0xE2 &&
         ((byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE) ||
          (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9));
}

void AppendEscaped(std::string_view bytes, std::string& to) {
  for (const char c : bytes) {
    switch (c) {
      case '\n':
        to += "\\n";
        break;
      case '\t':
        to += "\\t";
        break;
      case '\r':
        to += "\\r";
        break;
      default:
        to += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
}

}  // namespace

size_t Utf8SequenceBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is beyond U+10FFFF.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F)) return 0;
  if ((lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) return 0;
  return bytes;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = Utf8SequenceBytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

bool HasControl(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = Utf8SequenceBytes(text);
    if (bytes > 0 && IsControl(text.substr(0, bytes))) return true;
    text.remove_prefix(bytes > 0 ? bytes : 1);
  }
  return false;
}

std::string SafeText(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const size_t bytes = Utf8SequenceBytes(text);
    const auto sequence = text.substr(0, bytes > 0 ? bytes : 1);
    if (bytes > 0 && !IsControl(sequence) && !IsDirectionMark(sequence)) {
      safe += sequence;
    } else {
      AppendEscaped(sequence, safe);
    }
    text.remove_prefix(sequence.size());
  }
  return safe;
}

}  // namespace orcio
