#include "archiver/ssh/way/ssh_command.h"

#include <fmt/format.h>

namespace orcio::inline archiver {
namespace {

// What any shell leaves alone inside single quotes, and sh inside double ones.
bool IsPlain(unsigned char c) {
  if (c < ' ' || c >= 0x7f) return false;
  return std::string_view("'\"\\$`!").find(static_cast<char>(c)) == std::string_view::npos;
}

}  // namespace

// POSIX quoting alone would not do: inside single quotes fish takes \\ and \' for one character,
// and csh neither a newline nor, in some versions, an exclamation mark. What any of them might
// touch goes in octal, for printf's %b. The command stays readable in the host's process list.
std::string PortableShellLine(std::string_view prefix, std::string_view command) {
  std::string encoded;
  for (const char c : command) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsPlain(byte)) {
      encoded += c;
    } else {
      encoded += fmt::format("\\0{:03o}", byte);
    }
  }
  return fmt::format("exec {}sh -c 'eval \"$(printf %b \"{}\")\"'", prefix, encoded);
}

}  // namespace orcio::inline archiver
