#include "archiver/safe_text.h"

#include <fmt/format.h>

namespace orcio {
namespace {

// U+0080 to U+009F are C2 80 to C2 9F.
bool IsControl(std::string_view sequence) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  return sequence.size() == 2 && byte(0) == 0xC2 && byte(1) < 0xA0;
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
    if (bytes > 0 && !IsControl(sequence)) {
      safe += sequence;
    } else {
      for (const char c : sequence) {
        safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(sequence.size());
  }
  return safe;
}

}  // namespace orcio
