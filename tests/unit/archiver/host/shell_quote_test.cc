#include "archiver/host/shell_quote.h"

#include "tests/support/catch.h"
#include "tests/support/command.h"

namespace orcio {
namespace {

std::vector<std::string> HostileWords() {
  std::string every_byte;
  for (int c = 1; c < 256; ++c) every_byte += static_cast<char>(c);
  return {"plain", "",        " ",          "two words", "it's",     "'",       "''", "'\\''",
          "\\",    "\\'",     "$HOME",      "$(id)",     "`id`",     "${x}",    "~",  "*",
          "-n",    "--",      "if",         "A=b",       "a\nb",     "\n",      "\t", "#comment",
          "a;b",   "a&b|c>d", "\"quoted\"", "!event",    "\xff\xfe", every_byte};
}

}  // namespace

TEST_CASE("A shell gives back every quoted word as it was") {
  for (const std::string shell : {"/bin/sh", "/bin/bash"}) {
    for (const auto& word : HostileWords()) {
      const auto ended = test::RunCommand({shell, "-c", "printf %s. " + ShellQuote(word)});
      CHECK(ended.out == word + ".");
    }
  }
}

TEST_CASE("A shell splits a quoted command into the words it was made of") {
  auto words = HostileWords();
  std::string expected;
  for (const auto& word : words) expected += word + ".";
  words.insert(words.begin(), {"printf", "%s."});
  CHECK(test::RunCommand({"/bin/sh", "-c", ShellCommand(words)}).out == expected);
}

TEST_CASE("A quoted word that a shell reserves is a command's name only") {
  CHECK(test::RunCommand({"/bin/sh", "-c", ShellQuote("if")}).status == 127);
  CHECK(test::RunCommand({"/bin/sh", "-c", ShellQuote("A=b")}).status == 127);
}

}  // namespace orcio
