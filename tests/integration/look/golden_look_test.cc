// Commands that need no host, on archives with awkward names: what they say to people and in JSON,
// on standard error, too, and what they exit with.

#include <fstream>

#include "base/bytes.h"
#include "tests/integration/look/looks.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/noise.h"

namespace orcio::test {
TEST_CASE("list says what each archive is worth") {
  Looks looks;
  Transcript& typed = looks.transcript;
  looks.HidePacked();
  typed.Type({"list"});
  typed.Type({"list", "db"});
  typed.Type({"list", "wiki", "--json"});
  typed.Type({"list", "wikki"});
  typed.Type({"list", "wikki", "--json"});
  typed.Note(
      "one is protected, one has no index, one's index is damaged, one is another program's");
  REQUIRE(looks.Run({"protect", "wiki@2025-11-02"}).status == 0);
  fs::remove(looks.Archive("wiki-2025-11-09T020000Z.tar.gz.idx"));
  fs::resize_file(looks.Archive("wiki-2025-11-16T020000Z.tar.gz.idx"), 4096);
  std::ofstream(looks.Archive("old-20191105.tar")) << TarText().File("page", "old").Text();
  typed.Type({"list"});
  typed.Type({"--json", "list", "wiki"});
  CHECK(DiffGolden("list.txt", typed.text()) == "");
}

TEST_CASE("ls lists a directory, a file, or all that is below") {
  Looks looks;
  Transcript& typed = looks.transcript;
  typed.Type({"ls", "wiki"});
  typed.Type({"ls", "wiki:srv/wiki"});
  typed.Type({"ls", "-l", "wiki@2025-11-02:srv/wiki/names"});
  typed.Type({"ls", "-lR", "wiki@2025-11-02"});
  typed.Type({"ls", "-ld", "wiki:/srv/wiki/"});
  typed.Type({"ls", "-l", "wiki@latest~1:srv/wiki/link"});
  typed.Type({"--json", "ls", "wiki@2025-11-02:srv/wiki/names"});
  typed.Type({"--json", "ls", "-R", "wiki:srv/wiki/new"});
  typed.Type({"ls", "-l", "cut:srv"});
  typed.Type({"ls", "wiki:srv/wikki"});
  typed.Type({"ls", "wiki:srv/wiki/page"});
  typed.Type({"ls", "wikki"});
  typed.Type({"ls", "wiki@2027"});
  typed.Type({"ls", "wiki@yesterdayish"});
  CHECK(DiffGolden("ls.txt", typed.text()) == "");
}

TEST_CASE("cat writes files, and says which it cannot") {
  Looks looks;
  Transcript& typed = looks.transcript;
  typed.Type({"cat", "wiki@2025-11-02:srv/wiki/page"});
  typed.Type({"cat", "wiki:srv/wiki/link", "db:srv/wiki/page", "wiki:/srv/wiki/new/page"});
  typed.Type({"cat", "wiki:srv/wiki/names/new\nline", "wiki:srv/wiki/names/'single' \"double\""});
  typed.Type({"cat", "wiki:srv/wiki/names/\xff\xfe not UTF-8"});
  typed.Type({"cat", "wiki:srv/wiki"});
  typed.Type({"cat", "wiki:srv/wiki/pgae"});
  typed.Type({"cat", "wikki:srv/wiki/page"});
  typed.Type({"cat", "cut:srv/first"});
  typed.ShowFitting("x{1000,}", "x*");
  typed.Type({"cat", "cut:srv/second"});
  CHECK(DiffGolden("cat.txt", typed.text()) == "");
}

TEST_CASE("dump writes a tar, and says what it lacks") {
  Looks looks;
  Transcript& typed = looks.transcript;
  const auto dump = [&](const std::string& what) {
    Ended dumped = looks.Run({"dump", what});
    dumped.out = RunCommand({"tar", "tvf", "-", "--full-time", "--numeric-owner"},
                            {.input = dumped.out, .environment = {{"TZ", "UTC"}}, .directory = {}})
                     .out;
    typed.Add("orcio dump " + what + " | tar tvf -", dumped);
  };
  dump("wiki:srv/wiki/new");
  dump("wiki@2025-11-02:srv/wiki/names/caf\xc3\xa9");
  dump("cut:srv/first");
  dump("cut");
  dump("wiki:srv/wiki/pgae");
  CHECK(DiffGolden("dump.txt", typed.text()) == "");
}

TEST_CASE("verify says what is good and what damage hits, and list remembers it") {
  Looks looks;
  Transcript& typed = looks.transcript;
  looks.HidePacked();
  looks.HideSeconds();
  looks.HideToday();
  typed.HideDigits("at offset [0-9]+: gzip|\"offset\":[0-9]{3,}");
  typed.Type({"verify", "wiki"});
  typed.Type({"verify", "-v", "wiki", "db"});
  typed.Type({"verify", "-v", "--read-data", "wiki"});
  typed.Type({"verify", "--json", "--read-data", "wiki", "db"});
  typed.Type({"verify", "cut"});
  typed.Type({"verify", "--json", "cut"});
  typed.Note("a checksum in the middle of an archive is changed, an index, and a small archive");
  TarText tar;
  for (const char* name : {"caf\xc3\xa9", "new\nline", "\xff\xfe", "page"})
    tar.File(name, Noise(100'000, 1));
  const std::string text = tar.Text();
  const auto bytes = AsBytes(text);
  const auto big = MakeArchive(looks.Archive("big-2025-11-16T020000Z.tar.gz"),
                               {bytes.begin(), bytes.end()}, {.member_bytes = 30'000});
  FlipByte(big.path, big.spans.at(5).archive_offset - 5);
  FlipByte(looks.Archive("wiki-2025-11-16T020000Z.tar.gz.idx"), 5000);
  FlipByte(looks.Archive("db-2025-11-16T030000Z.tar.gz"), 3);
  typed.Type({"verify"});
  typed.Type({"verify", "--read-data"});
  typed.Type({"verify", "--json", "--read-data", "wiki@2025-11-16", "db", "big"});
  typed.Type({"verify", "wikki"});
  typed.Type({"verify", (looks.repository / "nothing.tar.gz").string()});
  typed.Type({"list"});
  typed.Type({"list", "wiki", "--json"});
  CHECK(DiffGolden("verify.txt", typed.text()) == "");
}

TEST_CASE("index makes the indexes that are missing, and says what it found") {
  Looks looks;
  Transcript& typed = looks.transcript;
  typed.Type({"index"});
  typed.Note("one archive has no index, one is plain tar, one breaks off, one is none at all");
  fs::remove(looks.Archive("wiki-2025-11-09T020000Z.tar.gz.idx"));
  const std::string tar = TarText().Directory("srv/").File("srv/caf\xc3\xa9", "old").Text();
  const auto zipped = Gzip(AsBytes(tar));
  std::ofstream(looks.Archive("old-20191105.tar")) << tar;
  std::ofstream(looks.Archive("half-20191105.tar.gz"))
      << AsText(std::span(zipped).first(zipped.size() - 9));
  std::ofstream(looks.Archive("none-20191105.tar.gz")) << "no archive";
  typed.Type({"index", "-v"});
  typed.Type({"index", "--json"});
  typed.Type({"index", "--json", "half", "old"});
  typed.Type({"index", "-v", "wiki"});
  typed.Type({"index", "wikki"});
  typed.Note("what else needs an index");
  fs::remove(looks.Archive("wiki-2025-11-09T020000Z.tar.gz.idx"));
  fs::resize_file(looks.Archive("wiki-2025-11-16T020000Z.tar.gz.idx"), 4096);
  for (const char* what : {"wiki@2025-11-09", "wiki@2025-11-16"}) {
    typed.Type({"ls", what});
    typed.Type({"verify", what});
    typed.Type({"restore", what, "--target", (looks.repository / "to").string()});
  }
  CHECK(DiffGolden("index.txt", typed.text()) == "");
}

}  // namespace orcio::test
