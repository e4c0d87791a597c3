// Commands that go to a host, over a real sshd, and those of a mount: what they say to people and
// in JSON, on standard error, too, and what they exit with.

#include <fstream>

#include "index/repository/repository_lock.h"
#include "tests/integration/look/workshop.h"
#include "tests/support/catch.h"
#include "tests/support/needs.h"

namespace orcio::test {
TEST_CASE("check says what is wrong on a host, with what to do about it") {
  NeedRoot();
  Workshop shop;
  Transcript& typed = shop.transcript;
  typed.ShowFitting("[0-9.]+ [KMGT]iB are free", "SPACE are free");
  // While a run goes on guards are as they should be: those of other tests, too.
  const auto lock = RepositoryLock::Take(shop.orcio.repository());
  REQUIRE_OK(lock);
  typed.Type({"check"});
  typed.Type({"check", "-v"});
  typed.Type({"check", "--json"});
  typed.Note("a path is not there, and there is no archive");
  shop.Configure(shop.Start(), "    max_age: 2d\n");
  fs::rename(shop.source(), shop.source().parent_path() / "away");
  typed.Type({"check"});
  typed.Type({"check", "wiki", "--json"});
  typed.Note("the key is unknown");
  std::ofstream(shop.orcio.sshd().known_hosts()) << "";
  typed.Type({"check", "workshop"});
  typed.Note("the host is down");
  shop.Configure(shop.Start());
  shop.orcio.sshd().Stop();
  typed.Type({"check", "-v"});
  typed.Type({"check", "--json"});
  CHECK(DiffGolden("check.txt", typed.text()) == "");
}

TEST_CASE("archive says what it would do, what it has done, and what went wrong") {
  NeedRoot();
  Workshop shop;
  Transcript& typed = shop.transcript;
  shop.HidePacked();
  typed.ShowFitting("  +([0-9]+ min )?[0-9.]+ s  +[0-9]+ B  +[0-9.]+ s  ",
                    "  AGE  SIZE  DOWNTIME  ");
  typed.ShowFitting("  +[0-9]+ B  +([0-9]+)  +[0-9.]+ s  ", "  SIZE  $1  DOWNTIME  ");
  typed.Type({"archive", "--dry-run"});
  typed.Type({"--json", "archive", "--dry-run", "wiki"});
  typed.Type({"archive", "-v"});
  typed.Type({"archive", "--dry-run"});
  typed.Type({"--json", "archive", "--dry-run"});
  typed.Type({"archive", "--json"});
  typed.Type({"archive"});
  typed.Note("the host compresses, and older archives go");
  shop.Configure(shop.Start(), "    wire: gzip\n    keep: {last: 1}\nprune: true\n");
  typed.Type({"archive", "-v"});
  typed.Type({"archive", "--json"});
  typed.Type({"archive", "--dry-run"});
  shop.Squeeze();
  typed.Type({"list"});
  shop.Configure(shop.Start(), "    wire: none\n    mode: precopy\n");
  typed.Note("the host's files do not tell what changed");
  shop.OnHost("stat", "echo tmpfs\n");
  typed.Type({"archive", "--dry-run"});
  typed.Type({"archive", "-v"});
  shop.Configure(shop.Start());
  typed.Note("tar fails on the host");
  shop.OnHost("tar",
              "case \" $* \" in *' --create '*) ;; *) exec /bin/tar \"$@\";; esac\n"
              "echo 'tar: page: Input/output error' >&2; exit 2\n");
  typed.Type({"archive", "-v"});
  typed.Type({"archive", "--json"});
  fs::remove(shop.source() / "page");
  shop.OnHost("tar", "exec /bin/tar \"$@\"\n");
  typed.Note("the start command fails");
  shop.Configure("echo no room >&2; exit 7");
  typed.Type({"archive", "-v"});
  typed.Type({"status"});
  typed.Type({"archive", "--json"});
  CHECK(DiffGolden("archive.txt", typed.text()) == "");
}

TEST_CASE("archive says why a run is none at all") {
  NeedRoot();
  Workshop shop;
  Transcript& typed = shop.transcript;
  typed.ShowFitting("process [0-9]+", "process PID");
  typed.Type({"archive", "wikki"});
  {
    const auto lock = RepositoryLock::Take(shop.orcio.repository());
    REQUIRE_OK(lock);
    for (const char* command : {"archive", "recover"}) typed.Type({command});
  }
  typed.Note("the stop command fails");
  fs::rename(shop.flag(), shop.flag().string() + ".away");
  fs::create_directory(shop.flag());
  typed.Type({"archive", "-v"});
  fs::remove(shop.flag());
  fs::rename(shop.flag().string() + ".away", shop.flag());
  typed.Note("a path is not there");
  fs::rename(shop.source(), shop.source().parent_path() / "away");
  typed.Type({"archive", "--dry-run"});
  typed.Type({"archive"});
  typed.Note("the host is down");
  shop.orcio.sshd().Stop();
  typed.Type({"archive", "--dry-run"});
  typed.Type({"archive"});
  typed.Type({"archive", "--json"});
  CHECK(DiffGolden("archive-none.txt", typed.text()) == "");
}

TEST_CASE("recover says what runs again, and what does not") {
  NeedRoot();
  Workshop shop;
  Transcript& typed = shop.transcript;
  shop.HidePacked();
  typed.Type({"recover"});
  shop.LeaveJournal();
  typed.Type({"status"});
  typed.Note("guards of other tests are left out");
  shop.Squeeze();
  typed.ShowFitting("warning[^\n]*a guard is left[^\n]*\n[^\n]*\n", "");
  typed.Type({"check"});
  typed.Type({"recover"});
  shop.LeaveJournal();
  typed.Type({"recover", "--json"});
  shop.LeaveJournal();
  typed.Type({"archive", "-v"});
  typed.Note("a restore in place, of which the host has nothing any more");
  shop.LeaveJournal(
      SwapPlan{std::string(32, 'a'), {{shop.source().parent_path(), {"wiki"}}}, false});
  typed.Type({"recover"});
  typed.Note("what starts it is gone");
  shop.LeaveJournal();
  shop.OnHost("touch", "echo no room >&2; exit 7\n");
  typed.Type({"recover"});
  typed.Type({"recover", "--json"});
  typed.Type({"restore", "wiki", "--in-place", "--yes"});
  typed.Type({"recover", "--forget", "wiki"});
  typed.Type({"recover", "--forget", "wiki"});
  std::ofstream(shop.orcio.repository() / ".wiki.journal") << "{}";
  typed.Type({"recover"});
  CHECK(DiffGolden("recover.txt", typed.text()) == "");
}

TEST_CASE("restore onto a host says where it is, or why it is not") {
  NeedRoot();
  Workshop shop;
  Transcript& typed = shop.transcript;
  shop.Archive("2023-11-14T221320Z");
  shop.ShowEntries(8);
  shop.ShowEntries(2);
  typed.ShowFitting(": [0-9]+ B, SHA-256 [0-9a-f]{64}", ": SIZE, SHA-256 DIGEST");
  const std::string to = "workshop:" + (shop.orcio.scratch() / "to").string();
  typed.Type({"restore", "-v", "wiki", "--verify", "--to", to});
  typed.Type({"restore", "--json", "wiki", "--verify", "--include", "p*", "--to", to + "2"});
  typed.Type({"restore", "wiki", "--to", to + "3"});
  typed.Type({"restore", "wiki", "--to", to});
  typed.Type({"restore", "--json", "wiki", "--to", to});
  typed.Type({"restore", "wiki", "--to", "workshop:../to"});
  typed.Type({"restore", "wiki", "--to", to, "--target", "to"});
  typed.Type({"export", "-v", "wiki", "workshop:" + shop.orcio.scratch().path().string()});
  typed.Type({"export", "wiki", "workshop:" + shop.orcio.scratch().path().string()});
  shop.orcio.sshd().Stop();
  typed.Type({"restore", "wiki", "--to", to + "4"});
  CHECK(DiffGolden("restore-to-host.txt", typed.text()) == "");
}

TEST_CASE("restore in place says what it would replace, what it has, and why it has not") {
  NeedRoot();
  Workshop shop;
  Transcript& typed = shop.transcript;
  shop.Archive("2023-11-14T221320Z");
  shop.ShowEntries(8);
  shop.ShowEntries(2);
  const auto in_place = [&](Words more) {
    more.insert(more.begin(), {"restore", "wiki", "--in-place"});
    typed.Type(more);
  };
  in_place({});
  in_place({"--dry-run"});
  in_place({"--dry-run", "--json"});
  in_place({"--yes"});
  in_place({"--yes", "-v", "--verify"});
  in_place({"--yes", "--json", "--verify", shop.source() / "page"});
  in_place({"--yes", "/etc"});
  in_place({"--yes", "--to", "workshop"});
  typed.Note("the start command fails");
  shop.Configure("echo no room >&2; exit 7");
  typed.ShowFitting("\\.orcio-restore-[0-9a-f]{32}", ".orcio-restore-ID");
  in_place({"--yes", "-v"});
  CHECK(DiffGolden("restore-in-place.txt", typed.text()) == "");
}

TEST_CASE("mount and umount say nothing, and status what a mount has done") {
  NeedRoot();
  NeedFuse();
  Workshop shop;
  Transcript& typed = shop.transcript;
  shop.Archive("2023-11-14T221320Z");
  const fs::path at = shop.orcio.scratch() / "at";
  const fs::path page = at / "wiki/latest" / shop.source().relative_path() / "page";
  typed.Type({"mount", at});
  fs::create_directory(at);
  typed.Type({"mount", at, "-o", "cash_size=1G"});
  struct Unmounted {
    const Workshop& shop;
    const fs::path& at;
    ~Unmounted() { (void)shop.orcio.Run({"umount", "--lazy", at}); }
  } const unmounted{shop, at};
  typed.Type({"mount", at});
  typed.Add("cat " + page.string(), RunCommand({"cat", page}));
  typed.Note("how much the kernel asks for, and when it closes a file, is its business");
  typed.ShowFitting("(requests|open files)( +)[0-9]+", "$1$2NUMBER");
  typed.ShowFitting("\"(requests|open_files)\":[0-9]+", "\"$1\":NUMBER");
  typed.ShowFitting("\"decode_seconds\":[0-9.e-]+", "\"decode_seconds\":NUMBER");
  typed.ShowFitting("in [0-9.]+ s\n", "in SECONDS\n");
  typed.Type({"status", "--mount", at});
  typed.Type({"status", "--mount", at, "--json"});
  typed.Type({"mount", at});
  typed.Type({"umount", at});
  typed.Type({"umount", at});
  CHECK(DiffGolden("mount.txt", typed.text()) == "");
}

}  // namespace orcio::test
