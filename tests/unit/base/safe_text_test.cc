#include "base/text/safe_text.h"

#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("Text of any language is left as it is") {
  CHECK(SafeText("caff\xc3\xa8 \xe2\x82\xac \xf0\x9f\x8d\x95 \\n") ==
        "caff\xc3\xa8 \xe2\x82\xac \xf0\x9f\x8d\x95 \\n");
  CHECK_FALSE(HasControl("caff\xc3\xa8"));
}

TEST_CASE("Control characters are shown, not sent to a terminal") {
  CHECK(SafeText("a\x1b[31m\n\x7f") == "a\\x1b[31m\\n\\x7f");
  CHECK(SafeText("\xc2\x9b"
                 "31m") == "\\xc2\\x9b31m");  // U+009B, what ESC [ is in one
  CHECK(SafeText("\xe2\x80\xaegpj.exe\t\r") == "\\xe2\\x80\\xaegpj.exe\\t\\r");
  CHECK(HasControl("\xc2\x9b"));
  CHECK(HasControl("a\nb"));
}

TEST_CASE("Bytes that are no UTF-8 are shown one by one") {
  CHECK(SafeText("a\xff") == "a\\xff");
  CHECK(SafeText("\xc0\xaf") == "\\xc0\\xaf");           // overlong
  CHECK(SafeText("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(SafeText("\xe2\x82") == "\\xe2\\x82");           // cut short
}

}  // namespace orcio
