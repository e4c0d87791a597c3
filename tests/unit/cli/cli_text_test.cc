#include "base/text/base64.h"
#include "base/text/safe_text.h"
#include "cli/output/text.h"
#include "tests/support/catch.h"

namespace orcio::cli {

TEST_CASE("What could drive a terminal is shown, not sent") {
  CHECK(TerminalSafe("plain name, café, 漢字") == "plain name, café, 漢字");
  CHECK(TerminalSafe("a\nb\tc\r") == "a\\nb\\tc\\r");
  CHECK(TerminalSafe("\x1b[2J\x07\x7f") == "\\x1b[2J\\x07\\x7f");
  CHECK(TerminalSafe("\xc2\x9b"
                     "31m") == "\\xc2\\x9b31m");
  CHECK(TerminalSafe("\xe2\x80\xae"
                     "gpj.exe") == "\\xe2\\x80\\xaegpj.exe");
  CHECK(TerminalSafe(std::string("a\0b", 3)) == "a\\x00b");
}

TEST_CASE("Bytes that are no UTF-8 are told apart from those that are") {
  for (const char* good : {"", "a", "é", "€", "😀", "\xed\x9f\xbf"}) CHECK(IsUtf8(good));
  for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe2\x82", "\xed\xa0\x80",
                          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "a\xe9"}) {
    CHECK_FALSE(IsUtf8(bad));
  }
  CHECK(TerminalSafe("caf\xe9") == "caf\\xe9");
}

TEST_CASE("A path that is no UTF-8 can be had exactly from JSON") {
  nlohmann::json object;
  AddPath(object, "caf\xe9");
  CHECK(Dump(object) == "{\"path\":\"caf\xef\xbf\xbd\",\"path_base64\":\"Y2Fm6Q==\"}");
  nlohmann::json plain;
  AddPath(plain, "café");
  CHECK_FALSE(plain.contains("path_base64"));
}

TEST_CASE("Base64 is that of RFC 4648") {
  CHECK(Base64("").empty());
  CHECK(Base64("f") == "Zg==");
  CHECK(Base64("fo") == "Zm8=");
  CHECK(Base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("Sizes and durations fit a table") {
  CHECK(FormatBytes(0) == "0 B");
  CHECK(FormatBytes(1023) == "1023 B");
  CHECK(FormatBytes(1024) == "1.0 KiB");
  CHECK(FormatBytes(uint64_t{100} << 20) == "100 MiB");
  CHECK(FormatBytes(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(FormatBytes(UINT64_MAX) == "16.0 EiB");
  CHECK(FormatSeconds(0.84) == "0.8 s");
  CHECK(FormatSeconds(42.4) == "42 s");
  CHECK(FormatSeconds(200) == "3 min 20 s");
  CHECK(FormatSeconds(3900) == "1 h 5 min");
}

TEST_CASE("Modes look as in ls -l") {
  CHECK(FormatMode(EntryType::kFile, 0644) == "-rw-r--r--");
  CHECK(FormatMode(EntryType::kDirectory, 01777) == "drwxrwxrwt");
  CHECK(FormatMode(EntryType::kFile, 06711) == "-rws--s--x");
  CHECK(FormatMode(EntryType::kFile, 07000) == "---S--S--T");
  CHECK(FormatMode(EntryType::kSymlink, 0777) == "lrwxrwxrwx");
  CHECK(FormatMode(EntryType::kCharacterDevice, 0600) == "crw-------");
  CHECK(FormatMode(EntryType::kSocket, 0600) == "srw-------");
}

TEST_CASE("Columns are as wide as what they hold, counted in characters") {
  CHECK(FormatTable({{"NAME", "SIZE"}, {"é", "1"}, {"abcdef", "12345"}}, {false, true}) ==
        "NAME     SIZE\n"
        "é           1\n"
        "abcdef  12345\n");
}

}  // namespace orcio::cli
