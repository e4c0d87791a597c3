#include "archiver/swap/swap_script.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "archiver/host/mounted_places.h"
#include "archiver/host/shell_quote.h"
#include "base/random_token.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio {
namespace {

namespace fs = std::filesystem;

// Each change that a script makes to the tree is one of these.
constexpr const char* kChanges[] = {"mv", "mkdir", "rmdir", "rm"};

void Write(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << content;
}

// A service's tree in the middle of being replaced, and this machine as its host, which may be
// killed at its Nth change.
struct Scene {
  test::ScratchDirectory scratch;
  fs::path top;
  SwapPlan plan;
  std::string path;  // PATH, with the counting programs first
  test::LocalHost host;

  explicit Scene(const std::string& programs = {})
      : top(scratch / "srv"),
        path((scratch / "bin").string() + ":" +
             (programs.empty() ? std::getenv("PATH") : programs)),
        host("atena", {{"PATH", path}}) {
    fs::create_directory(scratch / "bin");
    plan.id = RandomToken();
    plan.trees = {{top.string(), {"wiki", "blog/pages/it's one", "blog/new", "-n"}},
                  {(scratch / "var").string(), {"db"}}};
    for (const char* old :
         {"wiki/a", "wiki/sub/b", "blog/pages/it's one", "blog/pages/other", "-n"})
      Write(top / old, std::string("old ") + old);
    Write(scratch / "var" / "db" / "rows", "old rows");
    for (const SwapPlan::Tree& tree : plan.trees) {
      for (const std::string& item : tree.items)
        Write(fs::path(UnpackedTree(plan, tree)) / fs::path(tree.top).relative_path() / item,
              "new " + item);
    }
    CountIn("unset");
  }

  // The host's shell is killed at change `number`, counted from 1; 0: never. `after`: once it was
  // made.
  void KillAt(int number, bool after) {
    CountIn(fmt::format("number={} after={}", number, after ? "yes" : ""));
    std::ofstream(scratch / "count") << "0\n";
  }
  std::vector<SwapAnswer> Run(const std::string& script) {
    const auto result = host.Run(script, {}, {});
    return result ? SwapAnswers(result->out) : std::vector<SwapAnswer>{};
  }
  // The last word that it says, but for how far it is; empty if it says none.
  std::string Word(const std::string& script) {
    auto answers = Run(script);
    std::erase_if(answers, [](const SwapAnswer& answer) { return answer.word == "moved"; });
    return answers.empty() ? "" : answers.back().word;
  }
  [[nodiscard]] std::vector<test::TreeLine> Trees() const {
    auto lines = test::ListTree(scratch.path(), {.directory_mtimes = false});
    std::erase_if(lines, [](const test::TreeLine& line) {
      return line.path.starts_with("bin") || line.path.starts_with("count") ||
             line.path.find(".orcio-restore-") != std::string::npos;
    });
    return lines;
  }
  [[nodiscard]] bool HasLeftovers() const {
    return fs::exists(top / (".orcio-restore-" + plan.id)) ||
           fs::exists(scratch / "var" / (".orcio-restore-" + plan.id));
  }

 private:
  void CountIn(const std::string& settings) const {
    for (const char* program : kChanges) {
      std::ofstream out(scratch / "bin" / program);
      out << "#!/bin/sh\n"
          << settings << "\nPATH=${PATH#*:}\nread -r n <" << (scratch / "count").string()
          << " 2>/dev/null || n=0\nn=$((n + 1))\necho $n >" << (scratch / "count").string() << "\n"
          << "[ \"$n\" != \"$number\" ] || [ -n \"$after\" ] || kill -KILL 0\n"
          << program << " \"$@\"\nended=$?\n[ \"$n\" != \"$number\" ] || kill -KILL 0\n"
          << "exit $ended\n";
      out.close();
      fs::permissions(scratch / "bin" / program, fs::perms::owner_all);
    }
  }
};

std::string Content(const fs::path& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

TEST_CASE("A swap that is decided stays, and what it replaced goes once the service runs") {
  Scene scene;
  CHECK(scene.Word(Swap(scene.plan)) == "swapped");
  CHECK(scene.Word(DecideSwap(scene.plan)) == "replaced");
  CHECK(scene.Word(PutBack(scene.plan)) == "replaced");
  CHECK(Content(scene.top / "wiki") == "new wiki");
  CHECK(Content(scene.top / "blog/pages/it's one") == "new blog/pages/it's one");
  CHECK(Content(scene.top / "blog/pages/other") == "old blog/pages/other");
  CHECK(Content(scene.top / "blog/new") == "new blog/new");
  CHECK(Content(scene.top / "-n") == "new -n");
  CHECK(Content(scene.scratch / "var/db") == "new db");
  const bool keep = GENERATE(false, true);
  scene.plan.keep = keep;
  const auto kept = scene.Run(ConcludeSwap(scene.plan));
  CHECK(kept.size() == (keep ? 2U : 0U));
  CHECK(scene.HasLeftovers() == keep);
  if (keep) CHECK(Content(fs::path(kept.back().rest) / "old" / "0" / "a") == "old wiki/a");
}

TEST_CASE(
    "A swap that is killed at any of its steps is undone, however often that is killed, too") {
  // mkdir old, mv, mv for each item; the first swap says how many there are.
  int steps = 0;
  {
    Scene whole;
    whole.KillAt(0, false);
    REQUIRE(whole.Word(Swap(whole.plan)) == "swapped");
    steps = std::stoi(Content(whole.scratch / "count"));
  }
  REQUIRE(steps == 12);
  const bool after = GENERATE(false, true);
  for (int step = 1; step <= steps; ++step) {
    for (int back = 0; back <= 3; ++back) {
      CAPTURE(after, step, back);
      Scene scene;
      const auto before = scene.Trees();
      scene.KillAt(step, after);
      CHECK(scene.Word(Swap(scene.plan)).empty());
      if (back > 0) {
        scene.KillAt(back, after);
        (void)scene.Run(PutBack(scene.plan));
      }
      scene.KillAt(0, false);
      CHECK(scene.Word(PutBack(scene.plan)) == "as-before");
      CHECK(scene.Word(PutBack(scene.plan)) == "as-before");
      CHECK(test::DiffTrees(before, scene.Trees()) == "");
      CHECK(scene.Run(ConcludeSwap(scene.plan)).empty());
      CHECK_FALSE(scene.HasLeftovers());
    }
  }
}

TEST_CASE(
    "A whole swap that was not decided is undone; one that is killed while it is, is either") {
  Scene scene;
  const auto before = scene.Trees();
  CHECK(scene.Word(Swap(scene.plan)) == "swapped");
  const bool after = GENERATE(false, true);
  scene.KillAt(1, after);
  CHECK(scene.Word(DecideSwap(scene.plan)).empty());
  scene.KillAt(0, false);
  CHECK(scene.Word(PutBack(scene.plan)) == (after ? "replaced" : "as-before"));
  CHECK((test::DiffTrees(before, scene.Trees()) == "") == !after);
}

TEST_CASE("What a swap that counts has replaced is known until it is gone") {
  for (int step = 1;; ++step) {
    CAPTURE(step);
    Scene scene;
    REQUIRE(scene.Word(Swap(scene.plan)) == "swapped");
    REQUIRE(scene.Word(DecideSwap(scene.plan)) == "replaced");
    scene.KillAt(step, true);
    const bool killed = !scene.host.Run(ConcludeSwap(scene.plan) + "echo whole\n", {}, {})
                             ->out.ends_with("whole\n");
    scene.KillAt(0, false);
    CHECK(scene.Run(ConcludeSwap(scene.plan)).empty());
    CHECK_FALSE(scene.HasLeftovers());
    CHECK(Content(scene.top / "wiki") == "new wiki");
    if (!killed) {
      CHECK(step > 8);
      break;
    }
  }
}

TEST_CASE("The guard's function does what the command does") {
  Scene scene;
  const auto before = scene.Trees();
  REQUIRE(scene.Word(Swap(scene.plan)) == "swapped");
  // Its own names are not touched, and its directory stays.
  const std::string program = "d=guard name=guard part=guard\n" + PutBackFunction(scene.plan) +
                              "put_back || echo 'orcio-swap: failed x'\n" +
                              "echo \"orcio-swap: $puts_back $d $name $part $(pwd)\"\n";
  const auto answers = scene.Run("cd / && " + program);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].word == "yes");
  CHECK(answers[0].rest == "guard guard guard /");
  CHECK(test::DiffTrees(before, scene.Trees()) == "");
}

TEST_CASE("What somebody puts in the place of what was swapped out is moved aside, and told of") {
  Scene scene;
  const auto before = scene.Trees();
  scene.KillAt(3, false);  // the first item is out of the way, and nothing in its place
  CHECK(scene.Word(Swap(scene.plan)).empty());
  REQUIRE_FALSE(fs::exists(scene.top / "wiki"));
  Write(scene.top / "wiki" / "theirs", "as dockerd makes what is to be mounted");
  scene.KillAt(0, false);
  CHECK(scene.Word(PutBack(scene.plan)) == "as-before");
  CHECK(test::DiffTrees(before, scene.Trees()) == "");
  const auto kept = scene.Run(ConcludeSwap(scene.plan));
  REQUIRE(kept.size() == 1);
  CHECK(fs::exists(fs::path(kept[0].rest) / "found-0" / "theirs"));
}

TEST_CASE("A symlink that the service puts in the way leads nowhere") {
  Scene scene;
  const fs::path elsewhere = scene.scratch / "elsewhere";
  Write(elsewhere / "it's one", "theirs");
  fs::remove_all(scene.top / "blog" / "pages");
  fs::create_directory_symlink(elsewhere, scene.top / "blog" / "pages");
  const auto before = scene.Trees();
  const auto looked = scene.Run(LookForSwap(scene.plan));
  CHECK(std::any_of(looked.begin(), looked.end(), [&](const SwapAnswer& answer) {
    return answer.word == "missing" && answer.rest == (scene.top / "blog/pages/it's one").string();
  }));
  CHECK(scene.Word(Swap(scene.plan)).empty());
  CHECK(Content(elsewhere / "it's one") == "theirs");
  CHECK(scene.Word(PutBack(scene.plan)) == "as-before");
  CHECK(test::DiffTrees(before, scene.Trees()) == "");
}

TEST_CASE("Where something cannot be put back, nothing is said to be as before") {
  Scene scene;
  scene.KillAt(6, false);
  CHECK(scene.Word(Swap(scene.plan)).empty());
  scene.KillAt(0, false);
  fs::rename(scene.top / "blog" / "pages", scene.top / "blog" / "moved");
  CHECK(scene.Word(PutBack(scene.plan)) == "stuck");
  fs::rename(scene.top / "blog" / "moved", scene.top / "blog" / "pages");
  CHECK(scene.Word(PutBack(scene.plan)) == "as-before");
  // A disk that is not mounted has no word on it.
  fs::rename(scene.top, scene.scratch / "away");
  CHECK(scene.Word(PutBack(scene.plan)) == "stuck");
}

TEST_CASE("Looking finds where things are, what is in the way, and what an earlier one has left") {
  Scene scene;
  const auto answers = scene.Run(LookForSwap(scene.plan));
  std::map<std::string, std::vector<std::string>> said;
  for (const SwapAnswer& answer : answers) said[answer.word].push_back(answer.rest);
  CHECK(answers.back().word == "looked");
  CHECK(said["real"].size() == 5);
  CHECK(said["real"][1] == (scene.top / "blog/pages/it's one").string());
  CHECK(said["free"].size() == 2);
  CHECK(said["missing"].empty());
  CHECK(said["other"].empty());
  CHECK(said["left"] == std::vector<std::string>{
                            (scene.scratch / "var" / (".orcio-restore-" + scene.plan.id)).string(),
                            (scene.top / (".orcio-restore-" + scene.plan.id)).string()});
}

TEST_CASE("busybox's tools swap and put back as GNU's do") {
  test::NeedProgram("busybox");
  const test::ScratchDirectory programs;
  test::MustRunShell("busybox --install -s " + programs.path().string());
  Scene scene(programs.path().string());
  const auto in_busybox = [](const std::string& script) {
    return "exec sh -c " + ShellQuote(script);
  };
  const auto before = scene.Trees();
  CHECK(scene.Word(in_busybox(LookForSwap(scene.plan))) == "looked");
  CHECK(scene.Word(in_busybox(Swap(scene.plan))) == "swapped");
  CHECK(scene.Word(in_busybox(PutBack(scene.plan))) == "as-before");
  CHECK(test::DiffTrees(before, scene.Trees()) == "");
  CHECK(scene.Word(in_busybox(Swap(scene.plan))) == "swapped");
  CHECK(scene.Word(in_busybox(DecideSwap(scene.plan))) == "replaced");
  CHECK(scene.Run(in_busybox(ConcludeSwap(scene.plan))).empty());
  CHECK(Content(scene.top / "wiki") == "new wiki");
  CHECK_FALSE(scene.HasLeftovers());
}

TEST_CASE("Mounted places come out of mountinfo as they are, escapes and all") {
  const std::string text =
      "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
      "36 22 0:5 / /srv/a\\040b\\011c\\012d\\134e rw - tmpfs none rw\n"
      "broken line\n"
      "37 22 0:6 / /srv/x\\04 rw - tmpfs none rw\n";
  CHECK(MountedPlaces(text) == std::vector<std::string>{"/", "/srv/a b\tc\nd\\e", "/srv/x\\04"});
  CHECK(MountedPlaces("").empty());
}

}  // namespace orcio
