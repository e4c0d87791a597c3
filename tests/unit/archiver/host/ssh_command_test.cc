#include "archiver/ssh/way/ssh_command.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/command.h"

using orcio::PortableShellLine;
using orcio::test::MustRun;

TEST_CASE("A line for any login shell runs the command that it was made from") {
  const std::string command =
      GENERATE(std::string("printf '%s|' 'a b' \"c\" '$HOME' \\\\ '`x`' '!' '\\n' '%d' '\\\\'"),
               std::string("x=1\ny=2\nprintf '%s' \"$x$y\" \"$((x + y))\""),
               std::string("printf '%s' 'it'\\''s' '\\0101' '\xc3\xa9\xff'"),
               std::string("# a comment\n\tprintf '%s' \"$(printf 'nested \"%s\"' '$(x)')\""));
  const std::string expected = MustRun({"sh", "-c", command});
  REQUIRE(MustRun({"sh", "-c", PortableShellLine("", command)}) == expected);
  REQUIRE(MustRun({"bash", "-c", PortableShellLine("", command)}) == expected);
  REQUIRE(MustRun({"busybox", "sh", "-c", PortableShellLine("", command)}) == expected);
}

TEST_CASE("A line for any login shell holds nothing that fish or csh reads differently from sh") {
  std::string command;
  for (int byte = 1; byte < 256; ++byte) command += static_cast<char>(byte);
  const std::string line = PortableShellLine("", command);
  const std::string opening = "exec sh -c '";
  REQUIRE(line.substr(0, opening.size()) == opening);
  REQUIRE(line.back() == '\'');
  const std::string quoted = line.substr(opening.size(), line.size() - opening.size() - 1);
  CHECK(quoted.find('\'') == std::string::npos);
  CHECK(quoted.find('!') == std::string::npos);
  CHECK(quoted.find('\n') == std::string::npos);
  CHECK(quoted.find("\\\\") == std::string::npos);
  for (const char c : quoted) CHECK((c >= ' ' && c < 0x7f));
}

TEST_CASE("The prefix goes before the shell") {
  REQUIRE(PortableShellLine("sudo -n -- ", "id -u") ==
          "exec sudo -n -- sh -c 'eval \"$(printf %b \"id -u\")\"'");
}
