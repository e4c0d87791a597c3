#include "archiver/tar/remote_tar.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

RemoteTar Gnu() {
  RemoteTar tar;
  tar.kind = RemoteTar::Kind::kGnu;
  tar.program = "tar";
  tar.xattrs = tar.acls = true;
  return tar;
}

RemoteTar Busybox() {
  RemoteTar tar;
  tar.kind = RemoteTar::Kind::kBusybox;
  tar.program = "busybox tar";
  return tar;
}

CommandResult Ended(int status, std::string err) {
  CommandResult result;
  result.exit_status = status;
  result.err = std::move(err);
  return result;
}

using Warnings = std::vector<std::string>;

constexpr auto kExiting = "tar: Exiting with failure status due to previous errors\n";

std::string ErrorOf(const RemoteTar& tar, const CommandResult& result) {
  const auto judged = JudgeTar(tar, result);
  if (judged) return "no error";
  CHECK(judged.error().kind == ErrorKind::kRemote);
  return judged.error().message;
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A tar that says nothing and exits with 0 went well") {
  CHECK(ValueOf(JudgeTar(Gnu(), Ended(0, ""))).empty());
}

TEST_CASE("Ignored sockets and what a login script prints are no warnings") {
  CHECK(ValueOf(JudgeTar(Gnu(), Ended(0,
                                      "tar: srv/wiki/sock: socket ignored\n"
                                      "tar: Removing leading `/' from member names\n"
                                      "sudo: unable to resolve host atena\n")))
            .empty());
}

TEST_CASE("An attribute that could not be read is a warning") {
  CHECK(ValueOf(JudgeTar(
            Gnu(), Ended(0, "tar: srv/f: Warning: Cannot flistxattr: Input/output error\n"))) ==
        Warnings{"srv/f: Warning: Cannot flistxattr: Input/output error"});
}

TEST_CASE("Files that changed, vanished and shrank are warnings") {
  CHECK(
      ValueOf(JudgeTar(Gnu(), Ended(1,
                                    "tar: srv/a: file changed as we read it\n"
                                    "tar: srv/sock: socket ignored\n"
                                    "tar: srv/b: File removed before we read it\n"
                                    "tar: srv/c: File shrank by 1 byte; padding with zeros\n"
                                    "tar: srv/d: File shrank by 29 bytes; padding with zeros"))) ==
      Warnings{"srv/a: file changed as we read it", "srv/b: File removed before we read it",
               "srv/c: File shrank by 1 byte; padding with zeros",
               "srv/d: File shrank by 29 bytes; padding with zeros"});
}

TEST_CASE("Vanished files are warnings where tar exits with 2 for them too") {
  CHECK(ValueOf(JudgeTar(
            Gnu(), Ended(2, std::string("tar: srv/b: File removed before we read it\n") +
                                kExiting))) == Warnings{"srv/b: File removed before we read it"});
}

TEST_CASE("A file that cannot be read is an error that says how it could be") {
  const auto message =
      ErrorOf(Gnu(), Ended(2, std::string("tar: srv/a: file changed as we read it\n"
                                          "tar: srv/q: Cannot open: Permission denied\n") +
                                  kExiting));
  CHECK(Holds(message, "srv/q: Cannot open: Permission denied"));
  CHECK(Holds(message, "sudo: true"));
  CHECK(Holds(message, "exit status 2"));
  CHECK_FALSE(Holds(message, "srv/a"));
  CHECK_FALSE(Holds(message, "Exiting"));
}

TEST_CASE("A path that vanished whole is an error") {
  CHECK(Holds(ErrorOf(Gnu(), Ended(2, std::string("tar: srv/b: Cannot stat: No such file or "
                                                  "directory\n") +
                                          kExiting)),
              "srv/b: Cannot stat"));
}

TEST_CASE("A read error is an error") {
  CHECK(Holds(ErrorOf(Gnu(), Ended(2, std::string("tar: srv/f: Read error at byte 4096, while "
                                                  "reading 512 bytes: Input/output error\n") +
                                          kExiting)),
              "Read error at byte 4096"));
}

TEST_CASE("A name that looks like a harmless message does not hide an error") {
  CHECK(ErrorOf(Gnu(), Ended(2, std::string("tar: srv/x\\: socket ignored: Cannot open: "
                                            "Permission denied\n"
                                            "tar: srv/y: file changed as we read it\n") +
                                    kExiting)) != "no error");
  CHECK(ErrorOf(Gnu(), Ended(2,
                             "tar: srv/x: File shrank by 1 byte; padding with zeros: Cannot "
                             "open: Permission denied\n"
                             "tar: srv/y: file changed as we read it\n")) != "no error");
}

TEST_CASE("Exit status 1 without a word of tar's is an error: sudo has it too") {
  const auto message = ErrorOf(Gnu(), Ended(1, "sudo: a password is required\n"));
  CHECK(Holds(message, "sudo: a password is required"));
  CHECK(Holds(message, "NOPASSWD"));
  CHECK(Holds(ErrorOf(Gnu(), Ended(1, "")), "said nothing"));
}

TEST_CASE("A tar that is not there is an error") {
  CHECK(Holds(ErrorOf(Gnu(), Ended(127, "sh: 1: tar: not found\n")), "not found"));
}

TEST_CASE("A tar that a signal ended is an error, whatever it said") {
  auto result = Ended(143, "tar: srv/a: file changed as we read it\n");
  CHECK(Holds(ErrorOf(Gnu(), result), "signal 15"));
  result.signal = "KILL";
  CHECK(Holds(ErrorOf(Gnu(), result), "signal KILL"));
  result.exit_status = 0;
  CHECK(Holds(ErrorOf(Gnu(), result), "signal KILL"));
}

TEST_CASE("Messages cut short are an error, unless tar exits with 0") {
  auto result = Ended(1, "tar: srv/a: file changed as we read it\n");
  result.err_truncated = true;
  CHECK(Holds(ErrorOf(Gnu(), result), "more than is kept"));
  result.exit_status = 0;
  CHECK(JudgeTar(Gnu(), result).has_value());
}

TEST_CASE("Of many warnings the first hundred and their number are kept") {
  std::string err;
  for (int i = 0; i < 250; ++i) {
    err += "tar: f" + std::to_string(i) + ": file changed as we read it\n";
  }
  const auto warnings = ValueOf(JudgeTar(Gnu(), Ended(1, err)));
  REQUIRE(warnings.size() == 101);
  CHECK(warnings[99] == "f99: file changed as we read it");
  CHECK(warnings[100] == "and 150 more");
}

TEST_CASE("Of many errors the first five and their number are named") {
  std::string err;
  for (int i = 0; i < 50; ++i) err += "tar: f" + std::to_string(i) + ": Cannot open: Is a joke\n";
  const auto message = ErrorOf(Gnu(), Ended(2, err + kExiting));
  CHECK(Holds(message, "f4: Cannot open"));
  CHECK_FALSE(Holds(message, "f5: Cannot open"));
  CHECK(Holds(message, "and 45 more"));
}

TEST_CASE("Names that tar escaped are readable again, but for control characters") {
  CHECK(ValueOf(JudgeTar(Gnu(), Ended(1,
                                      "tar: caff\\303\\250\\: \\033[31m\\n\\\\: file changed as "
                                      "we read it\n"))) ==
        Warnings{"caff\xc3\xa8: \\x1b[31m\\n\\: file changed as we read it"});
  CHECK(Holds(ErrorOf(Gnu(), Ended(3, "oops \x1b]0;title\x07\n")), "oops \\x1b]0;title\\x07"));
}

TEST_CASE("A tar called by another name is understood") {
  auto tar = Gnu();
  tar.program = "gtar";
  CHECK(ValueOf(JudgeTar(tar, Ended(1, "gtar: srv/a: file changed as we read it\n"))).size() == 1);
}

// As of a script called tar that has another one do the work.
TEST_CASE("A tar that says its whole path before what it says is understood") {
  const std::string changed = ": srv/a: file changed as we read it\n";
  CHECK(ValueOf(JudgeTar(Gnu(), Ended(1, "/usr/bin/tar" + changed))) ==
        Warnings{"srv/a: file changed as we read it"});
  auto tar = Gnu();
  tar.program = "gtar";
  CHECK(ValueOf(JudgeTar(tar, Ended(1, "/opt/bin/gtar" + changed))).size() == 1);
  CHECK(ValueOf(JudgeTar(tar, Ended(1, "/usr/bin/tar" + changed))).size() == 1);
  // Nor is an error less of one for its path.
  CHECK_FALSE(JudgeTar(Gnu(), Ended(2, "/usr/bin/tar: srv/a: Cannot open: Permission denied\n")));
  for (const char* other : {"/usr/bin/star", "usr/bin/tar", "/usr/bin/tar/", "/usr/bin/tar x"}) {
    CAPTURE(other);
    CHECK_FALSE(JudgeTar(Gnu(), Ended(1, other + changed)));
  }
}

TEST_CASE("One of many files that the tar was given by name may have vanished") {
  const auto ended = Ended(2, "tar: srv/a: Cannot stat: No such file or directory\n");
  CHECK_FALSE(JudgeTar(Gnu(), ended));
  CHECK(ValueOf(JudgeTar(Gnu(), ended, true)).size() == 1);
  CHECK_FALSE(JudgeTar(Gnu(), Ended(2, "tar: srv/a: Cannot open: Permission denied\n"), true));
}

TEST_CASE("What has replaced a file that the tar was given by name is looked at again") {
  for (const char* said :
       {"open: No such file or directory", "stat: Not a directory",
        "open: Too many levels of symbolic links", "readlink: Invalid argument"}) {
    CAPTURE(said);
    const auto ended = Ended(2, fmt::format("tar: srv/a: Cannot {}\n", said));
    CHECK_FALSE(JudgeTar(Gnu(), ended));
    CHECK(ValueOf(JudgeTar(Gnu(), ended, true)).size() == 1);
  }
  CHECK_FALSE(JudgeTar(Gnu(), Ended(2, "tar: srv/a: Cannot open: Invalid argument\n"), true));
  CHECK_FALSE(JudgeTar(
      Gnu(), Ended(2, "tar: srv/a\\: Cannot stat\\: Not a directory: Read error at byte 0\n"),
      true));
}

// GNU tar 1.34, if the file is removed between its stat and its attributes.
TEST_CASE("A file that vanished before its attributes were read is a warning") {
  const std::string gone =
      "tar: srv/a: Warning: Cannot file_has_acl_at: No such file or directory\n";
  CHECK(ValueOf(JudgeTar(Gnu(), Ended(0, gone))).size() == 1);
  CHECK(ValueOf(JudgeTar(Gnu(), Ended(1, gone))).size() == 1);
  const auto stat = "tar: srv/a: Cannot stat: No such file or directory\n";
  CHECK(ValueOf(JudgeTar(Gnu(), Ended(2, gone + stat), true)).size() == 2);
  CHECK_FALSE(JudgeTar(Gnu(), Ended(2, gone + stat)));
}

TEST_CASE("Files that vanished under busybox tar are warnings") {
  const auto warnings =
      ValueOf(JudgeTar(Busybox(), Ended(1,
                                        "tar: srv/a: No such file or directory\n"
                                        "tar: can't open 'srv/b': No such file or directory\n"
                                        "tar: srv/sock: socket ignored\n"
                                        "tar: error exit delayed from previous errors\n")));
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0] == "srv/a: No such file or directory");
}

TEST_CASE("A busybox tar that gave up is an error") {
  CHECK(Holds(ErrorOf(Busybox(), Ended(1,
                                       "tar: srv/a: No such file or directory\n"
                                       "tar: short read\n")),
              "short read"));
  CHECK(Holds(ErrorOf(Busybox(), Ended(1,
                                       "tar: can't open 'srv/q': Permission denied\n"
                                       "tar: error exit delayed from previous errors\n")),
              "sudo: true"));
  CHECK(ErrorOf(Busybox(), Ended(1, "ls: srv/wiki: No such file or directory\n")) != "no error");
}

TEST_CASE("A newline in a name does not hide an error of busybox tar") {
  // A directory called "x: No such file or directory\ny".
  CHECK(ErrorOf(Busybox(), Ended(1,
                                 "tar: x: No such file or directory\ny: Permission denied\n"
                                 "tar: error exit delayed from previous errors\n")) != "no error");
}

TEST_CASE("The names that GNU tar found gone are told as it was given them") {
  const auto names = VanishedNames(
      Gnu(), Ended(2,
                   "tar: srv/d/: File removed before we read it\n"
                   "tar: srv/a\\:\\ b\\303\\251: Cannot stat: No such file or directory\n"
                   "tar: srv/link: Cannot readlink: Invalid argument\n"
                   "tar: srv/acl: Warning: Cannot file_has_acl_at: No such file or directory\n"
                   "tar: srv/sock: socket ignored\n"
                   "tar: srv/changed: file changed as we read it\n"
                   "tar: srv/closed: Cannot open: Permission denied\n"
                   "srv/foreign: File removed before we read it\n"
                   "tar: Exiting with failure status due to previous errors\n"));
  CHECK(names ==
        std::vector<std::string>{"srv/a: b\xc3\xa9", "srv/acl", "srv/d", "srv/link", "srv/sock"});
  CHECK(VanishedNames(Gnu(), Ended(0, "")).empty());
}

TEST_CASE("The names that busybox tar found gone are told as it was given them") {
  const auto names =
      VanishedNames(Busybox(), Ended(1,
                                     "tar: srv/a\\: No such file or directory\n"
                                     "tar: can't open 'srv/b': No such file or directory\n"
                                     "tar: can't open 'srv/c': Permission denied\n"
                                     "tar: srv/link: cannot read link: No such file or directory\n"
                                     "tar: error exit delayed from previous errors\n"));
  CHECK(names == std::vector<std::string>{"srv/a\\", "srv/b", "srv/link"});
}

}  // namespace orcio
