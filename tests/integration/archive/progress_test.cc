// What is shown on a terminal of how far a command is, and that nothing is if there is none.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/needs.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr int kColumns = 160;
const std::string kDirectory = SourceDirectory();

// What a terminal was sent, as it takes it.
struct Screen {
  std::vector<std::string> shown;  // every line that was complete at some time
  std::string left;                // what is there in the end
};

Screen ScreenOf(const std::string& sent) {
  const std::string kErase = "\x1b[K";
  Screen screen;
  std::string line;
  size_t column = 0;
  for (size_t i = 0; i < sent.size(); ++i) {
    if (sent[i] == '\r') {
      screen.shown.push_back(line);
      column = 0;
    } else if (sent[i] == '\n') {
      screen.left += line + "\n";
      line.clear();
    } else if (sent.compare(i, kErase.size(), kErase) == 0) {
      line.resize(column);
      i += kErase.size() - 1;
    } else {
      line.resize(std::max(line.size(), column + 1), ' ');
      line[column++] = sent[i];
    }
  }
  screen.left += line;
  return screen;
}

// One archive of some 50 MB of tar, and one of another program.
class Shelf {
 public:
  Shelf() : orcio(BuiltProgram()) {
    fs::create_directory(volume());
    std::mt19937_64 random(1);
    std::string noise(size_t{24} << 20, '\0');
    std::generate(noise.begin(), noise.end(), [&] { return static_cast<char>(random() >> 40); });
    std::ofstream(volume() / "noise") << noise;
    std::ofstream(volume() / "text") << std::string(size_t{24} << 20, 'x');
    orcio.Configure("  wiki: {host: workshop, control: none, paths: ['" + volume().string() +
                    "']}\n");
    REQUIRE(orcio.Run({"archive"}).status == 0);
    foreign = (orcio.repository() / "old-2020-01-01.tar.gz").string();
    MustRun({"tar", "-czf", foreign, "-C", volume().string(), "."});
  }
  [[nodiscard]] fs::path volume() const { return orcio.scratch() / "volume"; }
  [[nodiscard]] fs::path out() const { return orcio.scratch() / "out"; }
  // With a terminal, and as on a slow machine: so that it takes long enough to be watched.
  [[nodiscard]] Ended InTerminal(const std::vector<std::string>& words, int columns = kColumns,
                                 bool slow = true) const {
    std::vector<std::string> all{kDirectory + "/tests/support/run_in_terminal",
                                 std::to_string(columns),
                                 slow ? "slow" : "fast",
                                 out().string(),
                                 BuiltProgram(),
                                 "-c",
                                 orcio.config().string()};
    all.insert(all.end(), words.begin(), words.end());
    CommandOptions options;
    options.environment["TERM"] = "xterm";
    return RunCommand(all, options);
  }

  OrcioFixture orcio;
  std::string foreign;
};

bool AnyHas(const std::vector<std::string>& lines, const std::vector<std::string>& parts) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return std::all_of(parts.begin(), parts.end(),
                       [&](const auto& part) { return line.find(part) != std::string::npos; });
  });
}

std::string All(const Screen& screen) {
  std::string all;
  for (const std::string& line : screen.shown) all += line + "\n";
  return all + "left: " + screen.left;
}

// That a line has all of `parts` at some time, that none is too long, and that none stays.
void CheckShows(const Shelf& shelf, const std::vector<std::string>& words,
                const std::vector<std::string>& parts) {
  const Ended ended = shelf.InTerminal(words);
  const Screen screen = ScreenOf(ended.out);
  INFO(All(screen));
  CHECK(ended.status == 0);
  CHECK(AnyHas(screen.shown, parts));
  CHECK(screen.left.empty());
  for (const std::string& line : screen.shown) CHECK(line.size() < kColumns);
}

}  // namespace

TEST_CASE("An archive shows how far it is, by what the last one had") {
  const Shelf shelf;
  CheckShows(shelf, {"archive"}, {"wiki: streaming, ", " of about 48", "iB/s, about ", " left"});
}

TEST_CASE("Where precopy gives way to stop, all of it is expected to come at once") {
  NeedRoot();
  const Shelf shelf;
  // Its times do not tell every change.
  MustRun({"mount", "-t", "tmpfs", "none", shelf.volume()});
  struct Unmounted {
    const fs::path at;
    ~Unmounted() { (void)RunCommand({"umount", at}); }
  } const unmounted{shelf.volume()};
  std::ofstream(shelf.volume() / "text") << std::string(size_t{48} << 20, 'x');
  shelf.orcio.Configure("  wiki: {host: workshop, control: none, mode: precopy, paths: ['" +
                        shelf.volume().string() + "']}\n");
  const Screen screen = ScreenOf(shelf.InTerminal({"archive"}).out);
  INFO(All(screen));
  CHECK(AnyHas(screen.shown, {"wiki: streaming, ", " of about 48", " left"}));
}

TEST_CASE("The first archive of a service does not say how long it takes") {
  const Shelf shelf;
  for (const auto& entry : fs::directory_iterator(shelf.orcio.repository())) {
    if (entry.is_regular_file()) fs::remove(entry);
  }
  const Screen screen = ScreenOf(shelf.InTerminal({"archive"}).out);
  INFO(All(screen));
  CHECK(AnyHas(screen.shown, {"wiki: streaming, ", "iB/s"}));
  CHECK_FALSE(AnyHas(screen.shown, {" left"}));
  CHECK_FALSE(AnyHas(screen.shown, {" of about "}));
}

TEST_CASE("Indexing, verifying, repacking and restoring show how far they are") {
  const Shelf shelf;
  CheckShows(shelf, {"index", shelf.foreign},
             {"old-2020-01-01.tar.gz: ", " of 24", "iB/s, ", " left"});
  CheckShows(shelf, {"verify", "wiki", "--read-data"}, {"wiki-", " of 48", "iB/s, ", " left"});
  CheckShows(shelf, {"verify"}, {"[2/2] ", ": looking at its structure"});
  CheckShows(shelf, {"restore", "wiki", "--target", (shelf.orcio.scratch() / "back").string()},
             {"/back: ", " of 48", "iB/s, ", " left"});
  CheckShows(shelf, {"repack", shelf.foreign},
             {"old-2020-01-01.tar.gz: repacking: ", " of 48", "iB/s, ", " left"});
}

TEST_CASE("What nobody knows the length of has a rate, and no time left") {
  const Shelf shelf;
  const fs::path xz = shelf.orcio.repository() / "older-2019-01-01.tar.xz";
  MustRunShell("zcat '" + shelf.foreign + "' | xz -0 > '" + xz.string() + "'");
  const Screen screen = ScreenOf(shelf.InTerminal({"repack", xz.string()}).out);
  INFO(All(screen));
  CHECK(AnyHas(screen.shown, {"older-2019-01-01.tar.xz: repacking: ", "iB/s"}));
  CHECK_FALSE(AnyHas(screen.shown, {": repacking: ", " left"}));
  CHECK(AnyHas(screen.shown, {": reading it back: ", " of 48"}));
}

TEST_CASE("On a narrow terminal the line is cut, and stays one line") {
  const Shelf shelf;
  constexpr int kNarrow = 24;
  const Screen screen = ScreenOf(shelf.InTerminal({"verify", "wiki", "--read-data"}, kNarrow).out);
  INFO(All(screen));
  CHECK(AnyHas(screen.shown, {"wiki-"}));
  for (const std::string& line : screen.shown) CHECK(line.size() < kNarrow);
}

TEST_CASE("Nothing is shown without a terminal, to scripts, and with --quiet") {
  const Shelf shelf;
  const std::string back = (shelf.orcio.scratch() / "back").string();
  const std::vector<std::vector<std::string>> commands{{"archive"},
                                                       {"index", shelf.foreign},
                                                       {"verify", "--read-data"},
                                                       {"restore", "wiki", "--target", back},
                                                       {"repack", shelf.foreign}};
  const auto way = GENERATE(std::string(), std::string("--json"), std::string("--quiet"));
  for (auto words : commands) {
    CAPTURE(way, words);
    if (way.empty()) {
      const Ended ended = shelf.orcio.Run(words);
      CHECK(ended.status == 0);
      CHECK(ended.err.empty());
      CHECK(ended.out.empty());
    } else {
      words.insert(words.begin(), way);
      const Ended ended = shelf.InTerminal(words, kColumns, false);
      CHECK(ended.status == 0);
      CHECK(ended.out.empty());
    }
  }
}

}  // namespace orcio::test
