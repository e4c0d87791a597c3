#include "archiver/local/mail.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "index/files/file_system.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

constexpr std::chrono::seconds kPlenty{200};

// A sendmail before all others in PATH, for as long as it lives.
class FakeSendmail {
 public:
  explicit FakeSendmail(const std::string& script) : path_(std::getenv("PATH")) {
    std::ofstream(scratch_ / "sendmail") << "#!/bin/sh\n" << script << "\n";
    ::chmod((scratch_ / "sendmail").c_str(), 0700);
    ::setenv("PATH", ((scratch_ / "").string() + ":" + path_).c_str(), 1);
    ::setenv("MAIL_OUT", (scratch_ / "mail").c_str(), 1);
  }
  ~FakeSendmail() { ::setenv("PATH", path_.c_str(), 1); }
  FakeSendmail(const FakeSendmail&) = delete;
  FakeSendmail& operator=(const FakeSendmail&) = delete;

  [[nodiscard]] std::string Sent() const {
    const auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), scratch_ / "mail", 1 << 22));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  const test::ScratchDirectory scratch_;
  const std::string path_;
};

std::vector<std::string> HeadersOf(const std::string& message) {
  std::vector<std::string> names;
  size_t at = 0;
  while (message.at(at) != '\n') {
    names.push_back(message.substr(at, message.find(':', at) - at));
    at = message.find('\n', at) + 1;
  }
  return names;
}

const std::vector<std::string> kHeaders{"From",
                                        "To",
                                        "Subject",
                                        "Date",
                                        "MIME-Version",
                                        "Content-Type",
                                        "Content-Transfer-Encoding",
                                        "Auto-Submitted"};

}  // namespace

TEST_CASE("A mail is a message as RFC 5322 has it") {
  const std::string text =
      MessageText({"root", "orcio on vault: wiki failed", {"One.", "", "Two."}, 1'795'399'200});
  CHECK(HeadersOf(text) == kHeaders);
  CHECK(text.find("\nTo: root\nSubject: orcio on vault: wiki failed\n"
                  "Date: Mon, 23 Nov 2026 02:00:00 +0000\n") != std::string::npos);
  CHECK(text.ends_with("\n\nOne.\n\nTwo.\n"));
}

TEST_CASE("Nothing that a mail is made of adds a header, or is another character in it") {
  const std::string hostile = "wiki\r\nBcc: all@example.org\n\n\x1b[2J\xc3\xa8\xff";
  const std::string text = MessageText({"root", hostile, {hostile}, 0});
  CHECK(HeadersOf(text) == kHeaders);
  CHECK(text.find("\nBcc") == std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
  CHECK(text.find("Subject: wiki\\r\\nBcc: all@example.org\\n\\n\\x1b[2J??\\xff\n") !=
        std::string::npos);
  CHECK(text.ends_with("\nwiki\\r\\nBcc: all@example.org\\n\\n\\x1b[2J\xc3\xa8\\xff\n"));
}

TEST_CASE("A mail's lines are no longer than a mail system takes, and not without end") {
  std::string line;
  for (int i = 0; i < 2'000; ++i) line += "\xc3\xa8";
  std::vector<std::string> lines(5'000, "x");
  lines.front() = line;
  const std::string text = MessageText({"root", line, lines, 0});
  size_t longest = 0;
  std::string joined;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    longest = std::max(longest, end - at);
    joined += text.substr(at, end - at);
    at = end + 1;
  }
  CHECK(longest <= 998);
  CHECK(joined.find(line) != std::string::npos);
  CHECK(text.size() < 20'000);
}

TEST_CASE("Who a mail may be to") {
  for (const std::string good : {"root", "ada@example.org", "a.b+orcio@mail-1.example.org"})
    CHECK(IsMailAddress(good));
  for (const std::string bad :
       {"", "-f", "root, ada", "root\nBcc: x", "<root>", "a b", "root;", "\xc3\xa8@example.org"})
    CHECK_FALSE(IsMailAddress(bad));
}

TEST_CASE("A mail is handed to sendmail, a line that is a dot included") {
  const FakeSendmail sendmail("echo \"$*\" > $MAIL_OUT; cat >> $MAIL_OUT");
  const Mail mail{"root", "wiki failed", {"above", ".", "below"}, 0};
  REQUIRE_OK(SendMail(mail, kPlenty));
  CHECK(sendmail.Sent() == "-t -i\n" + MessageText(mail));
}

TEST_CASE("A sendmail that fails or hangs is an error") {
  const Mail mail{"root", "wiki failed", {"x"}, 0};
  {
    const FakeSendmail sendmail("exit 75");
    const auto sent = SendMail(mail, kPlenty);
    REQUIRE_FALSE(sent);
    CHECK(sent.error().message.find("the mail to root was not sent: sendmail exited with 75") == 0);
  }
  const FakeSendmail sendmail("sleep 600");
  const auto sent = SendMail(mail, std::chrono::milliseconds(300));
  REQUIRE_FALSE(sent);
  CHECK(sent.error().message.find("was killed") != std::string::npos);
}

}  // namespace orcio
