// The commands that look into archives, on names that nobody would like to type.

#include <fstream>
#include <iterator>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/support/archives/look_repository.h"
#include "tests/support/catch.h"
#include "tests/support/program/golden.h"

namespace orcio::test {
namespace {

std::vector<nlohmann::json> JsonLines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

void CheckFails(const Ended& ended, int status, const std::string& words) {
  CHECK(ended.status == status);
  CHECK(ended.out.empty());
  CAPTURE(ended.err);
  CHECK(ended.err.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("find answers for people and in JSON, newest archive first") {
  const LookRepository repository;
  const auto names = repository.Run({"find", "wiki@2025-11-02", "srv/wiki/names/*"});
  CHECK(names.status == 0);
  CHECK(names.err.empty());
  CHECK(DiffGolden("find-names.txt", names.out) == "");
  const auto pages = repository.Run({"find", "-l", "page"});
  CHECK(DiffGolden("find-page.txt", pages.out) == "");
  const auto json = repository.Run({"--json", "find", "wiki@2025-11-02", "*", "--type", "f"});
  CHECK(json.status == 0);
  CHECK(DiffGolden("find.json", json.out) == "");
  for (const auto& line : JsonLines(json.out)) CHECK(line["service"] == "wiki");
}

TEST_CASE("find narrows by size, time and type, and says where there is nothing") {
  const LookRepository repository;
  const auto find = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "find");
    return repository.Run(words);
  };
  CHECK(find({"db", "*", "--size", "+4k"}).out == "db@2025-11-16T030000Z:srv/db/page\n");
  CHECK(find({"db", "*", "--size=-4k"}).status == 10);
  CHECK(find({"db", "*", "--type", "d"}).out ==
        "db@2025-11-16T030000Z:srv\ndb@2025-11-16T030000Z:srv/db\n");
  CHECK(find({"wiki@latest", "touched", "--newer", "2023-11-18"}).out ==
        "wiki@2025-11-23T020000Z:srv/wiki/touched\n");
  CHECK(find({"wiki@latest", "touched", "--older", "2023-11-18"}).status == 10);
  CHECK(find({"wiki@latest", "star \\* and \\[x\\]"}).out ==
        "wiki@2025-11-23T020000Z:srv/wiki/names/star * and [x]\n");
  CheckFails(find({"nothing*"}), 10, "nothing in 5 archives fits nothing*");
  CheckFails(find({"wikki", "page"}), 10, "did you mean `wiki`?");
  CheckFails(find({"wiki@2027", "page"}), 10, "no archive of 2027");
  CheckFails(find({"page", "--size", "large"}), 2, "'large' is no size");
  CheckFails(find({"page", "--newer", "soon"}), 2, "'soon' is no time");
  CheckFails(find({"page", "--type", "x"}), 2, "'x' is no type");
  CheckFails(find({"wiki:srv", "page"}), 2, "has a path");
}

TEST_CASE("find goes on where an archive has no index or a damaged one, and says so") {
  const LookRepository repository;
  const auto directory = repository.directory();
  std::filesystem::remove(directory / "wiki-2025-11-16T020000Z.tar.gz.idx");
  const auto without = repository.Run({"find", "wiki", "srv/*/page"});
  CHECK(without.status == 3);
  CHECK(without.out ==
        "wiki@2025-11-09T020000Z:srv/wiki/page\nwiki@2025-11-02T020000Z:srv/wiki/page\n");
  CHECK(without.err.find("orcio index") != std::string::npos);
  std::filesystem::resize_file(directory / "wiki-2025-11-09T020000Z.tar.gz.idx", 4096);
  CHECK(repository.Run({"find", "wiki", "page"}).status == 4);
}

TEST_CASE("history folds equal versions, says when a file was gone, and goes below directories") {
  const LookRepository repository;
  const auto page = repository.Run({"history", "wiki:srv/wiki/page"});
  CHECK(page.status == 0);
  CHECK(page.err.empty());
  CHECK(DiffGolden("history-page.txt", page.out) == "");
  CHECK(DiffGolden("history-back.txt", repository.Run({"history", "wiki:srv/wiki/back"}).out) ==
        "");
  CHECK(DiffGolden("history.txt", repository.Run({"history", "wiki:/srv/wiki/"}).out) == "");
  const auto json = repository.Run({"--json", "history", "wiki:srv/wiki"});
  CHECK(DiffGolden("history.json", json.out) == "");
  for (const auto& line : JsonLines(json.out)) CHECK(line["service"] == "wiki");
  CheckFails(repository.Run({"history", "wiki:srv/wiki/pgae"}), 10, "there is no srv/wiki/pgae");
  CheckFails(repository.Run({"history", "wikki:srv"}), 10, "did you mean `wiki`?");
  CheckFails(repository.Run({"history", "wiki@latest:srv"}), 2, "names a date");
}

TEST_CASE("history takes nothing for gone because an archive is cut short or has no index") {
  const LookRepository repository;
  TarText cut;
  cut.Directory("srv/wiki/").File("srv/wiki/last", std::string(100'000, 'x'));
  repository.WriteCut("wiki-2025-11-30T020000Z.tar.gz", cut, 20'000);
  const auto history = repository.Run({"history", "wiki:srv/wiki/touched"});
  CHECK(history.status == 0);
  CHECK(history.out.find("gone") == std::string::npos);
  std::filesystem::remove(repository.directory() / "wiki-2025-11-09T020000Z.tar.gz.idx");
  const auto back = repository.Run({"--json", "history", "wiki:srv/wiki/back"});
  CHECK(back.status == 3);
  CHECK(back.out.find("gone") == std::string::npos);
  CHECK(JsonLines(back.out).at(0)["archives"] == 3);
}

TEST_CASE("diff says what was added, removed, changed in content or only in metadata") {
  const LookRepository repository;
  const auto diff = repository.Run({"diff", "wiki@2025-11-02", "wiki@2025-11-23"});
  CHECK(diff.status == 0);
  CHECK(diff.err.empty());
  CHECK(DiffGolden("diff.txt", diff.out) == "");
  const auto json = repository.Run({"--json", "diff", "wiki@2025-11-02", "wiki@2025-11-23"});
  CHECK(DiffGolden("diff.json", json.out) == "");
  CHECK(JsonLines(json.out).back()["type"] == "summary");
  const auto content =
      repository.Run({"diff", "--content", "wiki@2025-11-09:srv/wiki", "wiki@2025-11-16:srv/wiki"});
  CHECK(DiffGolden("diff-content.txt", content.out) == "");
}

TEST_CASE("diff exits with 1 for differences only where it is asked to") {
  const LookRepository repository;
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "diff");
    return repository.Run(words);
  };
  CHECK(run({"--exit-code", "wiki@2025-11-02", "wiki@2025-11-23"}).status == 1);
  CHECK(run({"--exit-code", "wiki", "wiki@2025-11-23"}).status == 0);
  CHECK(run({"wiki", "wiki@2025-11-23"}).out.empty());
  const auto pair = run({"--exit-code", "wiki@2025-11-02:srv/wiki/page", "db:srv/db/page"});
  CHECK(pair.status == 1);
  CHECK(pair.out == "M srv/db/page (24 -> 5000 bytes)\n");
  CheckFails(run({"wiki:srv/wiki/pgae", "wiki"}), 10, "there is no srv/wiki/pgae");
  CheckFails(run({"wiki", "wiki@2030"}), 10, "no archive of 2030");
}

TEST_CASE("patch takes what diff --content writes") {
  const LookRepository repository;
  const auto tree = repository / "tree";
  std::filesystem::create_directories(tree / "srv/wiki");
  const auto page = [&](const std::string& archive) {
    return repository.Run({"cat", archive + ":srv/wiki/page"}).out;
  };
  std::ofstream(tree / "srv/wiki/page") << page("wiki@2025-11-09");
  const auto diff = repository.Run(
      {"diff", "--content", "wiki@2025-11-09:srv/wiki/page", "wiki@2025-11-16:srv/wiki/page"});
  MustRun({"patch", "-p1"}, {.input = diff.out, .environment = {}, .directory = tree});
  std::ifstream patched(tree / "srv/wiki/page");
  CHECK(std::string(std::istreambuf_iterator<char>(patched), {}) == page("wiki@2025-11-16"));
}

TEST_CASE("A path that is missing is answered with the one that was meant") {
  const LookRepository repository;
  CheckFails(repository.Run({"cat", "wiki@2025-11-02:srv/wiki/pgae"}), 10,
             "did you mean `srv/wiki/page`?");
  CheckFails(repository.Run({"ls", "wiki:srv/wikki/page"}), 10, "did you mean `srv/wiki`?");
}

}  // namespace orcio::test
