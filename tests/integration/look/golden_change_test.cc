// Commands that make, copy or remove something and need no host: what they say to people and in
// JSON, on standard error, too, and what they exit with.

#include <ctime>
#include <fstream>

#include "base/bytes.h"
#include "index/repository/archive_name.h"
#include "tests/integration/look/looks.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"

namespace orcio::test {

TEST_CASE("repack says what became of an archive, and which it cannot take") {
  Looks looks;
  Transcript& typed = looks.transcript;
  looks.HidePacked();
  const std::string tar = TarText().Directory("srv/").File("srv/caf\xc3\xa9", "old").Text();
  const auto zipped = Gzip(AsBytes(tar));
  std::ofstream(looks.Archive("old-20191105.tar")) << tar;
  std::ofstream(looks.Archive("older-20181105.tgz")) << AsText(std::span(zipped));
  std::ofstream(looks.Archive("half-20191105.tar.gz"))
      << AsText(std::span(zipped).first(zipped.size() - 9));
  typed.Type({"repack", "-v", "old"});
  typed.Type({"repack", "-v", "old"});
  typed.Type({"repack", "--json", "older"});
  typed.Type({"repack", "--json", "older"});
  typed.Type({"repack", "half"});
  typed.Type({"repack", "-v", "wikki"});
  CHECK(DiffGolden("repack.txt", typed.text()) == "");
}

TEST_CASE("export says where the copy is, or why there is none") {
  Looks looks;
  Transcript& typed = looks.transcript;
  looks.HidePacked();
  looks.HideSeconds();
  looks.Configure(
      "  wiki: {host: workshop, control: none}\n"
      "  db: {host: workshop, control: none, offsite: never}\n");
  const std::string to = (looks.repository / "to").string();
  fs::create_directory(to);
  typed.Type({"export", "wiki", to});
  typed.Type({"export", "-v", "--with-sidecar", "wiki@2025-11-16", to});
  typed.Type({"export", "--json", "wiki@2025-11-09", to});
  typed.Type({"export", "--json", "wiki@2025-11-02", "--to-command", "cat >/dev/null"});
  typed.Type({"export", "wiki", to});
  typed.Type({"export", "wiki", "--to-command", "echo no room >&2; exit 7"});
  typed.Type({"export", "-v", "cut", to});
  typed.Type({"export", "db", to});
  typed.Type({"export", "wiki"});
  typed.Type({"export", "wiki", to, "--to-command", "cat"});
  typed.Type({"export", "wiki", "--with-sidecar", "--to-command", "cat"});
  typed.Type({"export", "wiki", "worksop:/srv"});
  typed.Type({"export", "wiki", "workshop:srv"});
  typed.Type({"export", "wiki", to + "/nowhere"});
  typed.Type({"export", "wikki", to});
  CHECK(DiffGolden("export.txt", typed.text()) == "");
}

TEST_CASE("prune says what goes and what keeps the rest, and protect keeps more") {
  Looks looks;
  Transcript& typed = looks.transcript;
  looks.HidePacked();
  typed.Type({"prune", "--dry-run"});
  typed.Type({"prune", "--dry-run", "--json"});
  typed.Type({"protect", "wiki@2025-11-09"});
  typed.Type({"protect", "wikki"});
  typed.Type({"prune", "--dry-run", "wiki"});
  typed.Type({"prune", "-v"});
  typed.Type({"list", "wiki"});
  typed.Type({"unprotect", "wiki@2025-11-09"});
  typed.Type({"unprotect", "wiki@2025-11-02"});
  typed.Type({"prune", "--json"});
  typed.Type({"prune"});
  typed.Type({"prune", "db"});
  typed.Type({"prune", "wikki"});
  CHECK(DiffGolden("prune.txt", typed.text()) == "");
}

TEST_CASE("restore says what it has put where, and what it left out") {
  Looks looks;
  Transcript& typed = looks.transcript;
  looks.HideSeconds();
  typed.ShowFitting("[0-9.]+ s\n", "SECONDS\n");
  const auto target = [&](const char* name) { return (looks.repository / name).string(); };
  typed.Type({"restore", "wiki@2025-11-02", "--target", target("one")});
  typed.Type({"restore", "-v", "wiki@2025-11-02", "--verify", "--target", target("two")});
  typed.Type({"restore", "--json", "wiki", "--verify", "--target", target("three")});
  typed.Type(
      {"restore", "-v", "wiki", "srv/wiki/names", "--exclude", "long", "--target", target("four")});
  typed.Type({"restore", "wiki", "--target", target("one")});
  typed.Type({"restore", "-v", "cut", "--target", target("five")});
  typed.Type({"restore", "--json", "cut", "--target", target("six")});
  typed.Type({"restore", "-v", "cut", "srv/first", "--target", target("seven")});
  typed.Type({"restore", "wiki", "--include", "nothing", "--target", target("eight")});
  typed.Type({"restore", "wiki@2025-11-02", "srv/wiki/pgae", "--target", target("eight")});
  typed.Type({"restore", "wikki", "--target", target("eight")});
  typed.Type({"restore", "wiki", "--to", "worksop:/srv"});
  CHECK(DiffGolden("restore.txt", typed.text()) == "");
}

TEST_CASE("status has one line for a monitor, a table, JSON and metrics") {
  constexpr int64_t kHour = 3600;
  Looks looks;
  Transcript& typed = looks.transcript;
  looks.HidePacked();
  looks.HideToday();
  typed.HideDigits("[0-9-]{10}T[0-9]{6}Z|[0-9]+ h [0-9]+ min");
  typed.ShowFitting("_seconds\":[0-9]+", "_seconds\":SECONDS");
  typed.HideDigits("orcio_last_(bytes|[a-z_]*timestamp_seconds)\\{[^}]*\\} [0-9]+");
  const int64_t now = std::time(nullptr);
  const auto name = [&](const char* service, int64_t hours) {
    return MakeArchiveName(service, now - hours * kHour);
  };
  const auto tar = TarText().File("page", "x");
  looks.repository.Write(name("mail", 30), tar);
  looks.repository.Write(name("mail", 3), tar);
  looks.repository.Write(name("chat", 99), tar);
  looks.repository.Write(name("shop", 40), tar);
  looks.repository.WriteCut(name("shop", 16), TarText().File("page", std::string(5000, 'x')), 1000);
  const std::string mail = "  mail: {host: workshop, control: none, max_age: 2d}\n";
  const std::string shop = "  shop: {host: workshop, control: none}\n";
  looks.Configure(mail);
  typed.Type({"status"});
  typed.Type({"status", "--json"});
  typed.Type({"status", "-q"});
  REQUIRE(looks.Run({"verify", "--read-data", "mail"}).status == 0);
  REQUIRE(looks.Run({"verify", "shop@latest~1"}).status == 0);
  looks.Configure(mail + shop);
  typed.Type({"status"});
  typed.Type({"status", "--json"});
  looks.Configure(mail + shop + "  chat: {host: workshop, control: none, max_age: 2d}\n" +
                  "  forum: {host: workshop, control: none}\n");
  std::ofstream(looks.Archive(".mail.journal")) << "{}";
  typed.Type({"status"});
  typed.Type({"--json", "status"});
  const std::string metrics = (looks.repository / "orcio.prom").string();
  typed.Type({"status", "--prometheus", metrics});
  typed.Add("cat " + metrics, RunCommand({"cat", metrics}));
  looks.Configure("  mail: {host: worksop, control: none}\n");
  typed.Type({"status"});
  typed.Type({"status", "--mount", looks.repository.directory().string()});
  CHECK(DiffGolden("status.txt", typed.text()) == "");
}

TEST_CASE("What is mistyped is answered with what is near") {
  Looks looks;
  Transcript& typed = looks.transcript;
  typed.ShowFitting("^orcio [0-9.]+\n", "orcio VERSION\n");
  typed.Type({"--version"});
  typed.Type({});
  typed.Type({"restor"});
  typed.Type({"xyzzy"});
  typed.Type({"list", "--jsn"});
  typed.Type({"cat"});
  for (const char* command : {"archive", "check", "list", "ls", "verify", "restore"})
    typed.Type({command, "wikki"});
  typed.Type({"recover", "--forget", "wikki"});
  typed.Type({"find", "wikki", "page"});
  typed.Type({"history", "wikki:srv"});
  typed.Type({"diff", "wiki", "wikki"});
  typed.Type({"umount", looks.repository.directory().string()});
  looks.Configure("  wiki: {hst: workshop}\n");
  typed.Type({"check"});
  CHECK(DiffGolden("mistyped.txt", typed.text()) == "");
}

}  // namespace orcio::test
