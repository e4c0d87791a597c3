// orcio restore --in-place over a real sshd: the service's files are the archived ones or those
// that were there, never some of each, and the service runs again, whoever dies in the middle.

#include <signal.h>

#include <fstream>

#include "index/repository/repository.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/files/loop_disk.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/needs.h"
#include "tests/support/noise.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/services/compose_project.h"
#include "tests/support/services/dockerd_fixture.h"
#include "tests/support/trees/awkward_tree.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

// For tests in which the guard is to fire. Longer than a busy machine keeps orcio from its signs of
// life before that, as a guard that fires without a fault ends a restore.
constexpr const char* kSoon = "15s";

// A service of commands: it runs as long as a file is there, and notes its starts and stops.
class Desk {
 public:
  explicit Desk(const std::string& more = {})
      : orcio(BuiltProgram(), "SetEnv PATH=" + Bin() + ":/usr/sbin:/usr/bin:/sbin:/bin\n") {
    fs::create_directories(source());
    std::ofstream(flag()) << "";
    Configure(more);
  }
  void Configure(const std::string& more, const std::string& guard = "60s") const {
    const std::string to_log = " >>" + (orcio.scratch() / "log").string();
    orcio.Configure("  wiki:\n    host: workshop\n    control: commands\n" +
                    ("    stop: rm " + flag().string() + "; echo stop") + to_log + "\n" +
                    "    start: touch " + flag().string() + "; echo start" + to_log + "\n" +
                    "    status: test -e " + flag().string() + "\n    guard: " + guard +
                    "\n    paths: [" + source().string() + "]\n" + more);
  }
  void Write(const std::string& name, const std::string& content) const {
    fs::create_directories((source() / name).parent_path());
    std::ofstream(source() / name, std::ios::binary) << content;
  }
  void Archive() const {
    const Ended archived = orcio.Run({"archive", "-q"});
    INFO(archived.err);
    REQUIRE(archived.status == 0);
    fs::remove(orcio.scratch() / "log");
  }
  // A program that the host finds before its own.
  void OnHost(const std::string& program, const std::string& script) const {
    WriteProgram(Bin() + "/" + program, script);
  }
  // The host's mv does this first when it moves something of the service's out of its place.
  void BeforeMoving(const std::string& script) const {
    OnHost("mv", "case \" $* \" in *'/old/'*)\n" + script + "\n;; esac\nexec /bin/mv \"$@\"\n");
  }
  [[nodiscard]] std::vector<std::string> Words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"restore", "wiki", "--in-place", "--yes"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  [[nodiscard]] Ended Restore(const std::vector<std::string>& more = {}) const {
    return orcio.Run(Words(more));
  }
  [[nodiscard]] std::vector<std::string> WholeWords() const {
    std::vector<std::string> words{orcio.program(), "-c", orcio.config()};
    for (const std::string& word : Words()) words.push_back(word);
    return words;
  }

  [[nodiscard]] fs::path source() const { return orcio.scratch() / "srv" / "wiki"; }
  [[nodiscard]] fs::path flag() const { return orcio.scratch() / "runs"; }
  [[nodiscard]] bool running() const { return fs::exists(flag()); }
  [[nodiscard]] std::string Log() const { return ReadAll(orcio.scratch() / "log"); }
  [[nodiscard]] bool HasJournal() const { return fs::exists(orcio.repository() / ".wiki.journal"); }
  // Names beside the service's path.
  [[nodiscard]] std::vector<std::string> Beside() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(source().parent_path()))
      names.push_back(entry.path().filename().string());
    std::erase_if(names, LoopDisk::IsItsOwn);
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::vector<TreeLine> Tree() const {
    return ListTree(source(), {.root_line = true});
  }

 private:
  [[nodiscard]] std::string Bin() const { return bin_.path().string(); }
  ScratchDirectory bin_;

 public:
  OrcioFixture orcio;
};

const std::vector<std::string> kAlone{"wiki"};

}  // namespace

TEST_CASE("A service's files are replaced while it is stopped, by what the archive has of them") {
  NeedRoot();
  const Desk desk;
  MakeAwkwardTree(desk.source(), {.huge_sparse_bytes = 128 << 20, .many_files = 100});
  const auto archived = desk.Tree();
  REQUIRE(archived.size() > 150);
  desk.Archive();
  MustRunShell(
      "cd " + desk.source().string() +
      " && rm -rf links && echo spoilt >modes && mkdir -p names/new && chmod 700 . || true");
  REQUIRE(DiffTrees(archived, desk.Tree()) != "");
  const Ended restored = desk.Restore({"--verify", "--json"});
  INFO(restored.err);
  CHECK(restored.status == 0);
  CHECK(restored.out.find("\"replaced\":true") != std::string::npos);
  CHECK(restored.out.find("\"running\":true") != std::string::npos);
  CHECK(DiffTrees(archived, desk.Tree()) == "");
  CHECK(desk.Log() == "stop\nstart\n");
  CHECK(desk.Beside() == kAlone);
  CHECK_FALSE(desk.HasJournal());
}

TEST_CASE("Paths of a service are replaced alone, and what is beside them stays") {
  NeedRoot();
  const Desk desk;
  for (const char* name : {"pages/one", "pages/two", "images/a", "it's here/x"})
    desk.Write(name, "archived");
  desk.Archive();
  for (const char* name : {"pages/one", "pages/two", "pages/three", "images/a", "it's here/x"})
    desk.Write(name, "changed");
  fs::remove(desk.source() / "images" / "a");
  const std::string root = desk.source().relative_path().string();
  const Ended restored =
      desk.Restore({root + "/pages/one", root + "/images", "/" + root + "/it's here/x"});
  INFO(restored.err);
  CHECK(restored.status == 0);
  CHECK(restored.out.empty());
  CHECK(ReadAll(desk.source() / "pages/one") == "archived");
  CHECK(ReadAll(desk.source() / "pages/two") == "changed");
  CHECK(ReadAll(desk.source() / "pages/three") == "changed");
  CHECK(ReadAll(desk.source() / "images/a") == "archived");
  CHECK(ReadAll(desk.source() / "it's here/x") == "archived");
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("What patterns choose is replaced, and what is beside it stays") {
  NeedRoot();
  const Desk desk;
  for (const char* name : {"page", "old/page", "old/note", "thumbs/a", "images/b", "images/c"})
    desk.Write(name, "archived");
  fs::create_hard_link(desk.source() / "images/b", desk.source() / "images/page");
  desk.Archive();
  for (const char* name : {"page", "old/page", "old/note", "thumbs/a", "images/b", "images/new"})
    desk.Write(name, "changed");
  const bool exclude = GENERATE(false, true);
  CAPTURE(exclude);
  const std::vector<std::string> words =
      exclude ? std::vector<std::string>{"--exclude", "thumbs", "--exclude", "**/old/note"}
              : std::vector<std::string>{"--include", "page", "--include", "thumbs"};
  const Ended restored = desk.Restore(words);
  INFO(restored.err);
  CHECK(restored.status == 0);
  const auto is = [&](const std::string& name, bool archived) {
    CAPTURE(name);
    CHECK(ReadAll(desk.source() / name) == (archived ? "archived" : "changed"));
  };
  is("page", true);
  is("old/page", true);
  is("old/note", false);
  is("thumbs/a", !exclude);
  is("images/b", exclude);
  is("images/page", true);
  CHECK(fs::exists(desk.source() / "images/new") == !exclude);
  CHECK(desk.Log() == "stop\nstart\n");
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("More places than a command can name are refused before the service stops") {
  NeedRoot();
  const Desk desk;
  for (int i = 0; i < 1500; ++i) desk.Write("page " + std::to_string(i), "archived");
  for (int i = 0; i < 100; ++i) desk.Write("it's '" + std::to_string(i), "archived");
  desk.Archive();
  fs::remove_all(desk.source());
  fs::create_directory(desk.source());
  const Ended refused = desk.Restore({"--include", "page*"});
  CHECK(refused.status == 2);
  CHECK(refused.err.find("1500 places") != std::string::npos);
  CHECK(desk.Log().empty());
  const Ended restored = desk.Restore({"--include", "it's*"});
  INFO(restored.err);
  CHECK(restored.status == 0);
  CHECK(fs::exists(desk.source() / "it's '99"));
  CHECK_FALSE(fs::exists(desk.source() / "page 1"));
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("A whole service that is gone comes back, and one that did not run is not started") {
  NeedRoot();
  const Desk desk;
  desk.Write("page", "archived");
  desk.Archive();
  fs::remove_all(desk.source());
  fs::remove(desk.flag());
  const Ended restored = desk.Restore();
  INFO(restored.err);
  CHECK(restored.status == 0);
  CHECK(ReadAll(desk.source() / "page") == "archived");
  CHECK_FALSE(desk.running());
  CHECK(desk.Log().empty());
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("Nothing happens without --yes, and a dry run says what would") {
  Desk desk;
  desk.Write("page", "archived");
  desk.Archive();
  desk.Write("page", "changed");
  desk.orcio.sshd().Stop();
  const Ended asked = desk.orcio.Run({"restore", "wiki", "--in-place"});
  CHECK(asked.status == 2);
  CHECK(asked.err.find("say --yes") != std::string::npos);
  CHECK(asked.err.find("workshop:" + desk.source().string()) != std::string::npos);
  const Ended dry = desk.Restore({"--dry-run"});
  CHECK(dry.status == 0);
  CHECK(dry.out == "would stop wiki on workshop, and replace\n  workshop:" +
                       desk.source().string() + "\nby 8 B of wiki@" +
                       desk.orcio.OnlyArchive().filename().string().substr(5, 18) + "\n");
  CHECK(desk.Restore({"--to", "workshop"}).status == 2);
  CHECK(desk.Restore({"--owners", "name"}).status == 2);
  CHECK(desk.Restore({"--include", "nothing"}).status == 10);
  CHECK(desk.Restore({"/etc"}).status == 10);
  CHECK(desk.Restore().status == 12);
  CHECK(ReadAll(desk.source() / "page") == "changed");
  CHECK(desk.running());
}

TEST_CASE("What the archive never had is kept aside, and said") {
  NeedRoot();
  const Desk desk("    exclude: [cache]\n");
  desk.Write("page", "archived");
  desk.Write("cache/x", "cached");
  desk.Archive();
  const Ended restored = desk.Restore();
  CHECK(restored.status == 3);
  CHECK(restored.err.find("has what was replaced") != std::string::npos);
  CHECK_FALSE(fs::exists(desk.source() / "cache"));
  REQUIRE(desk.Beside().size() == 2);
  const fs::path kept = desk.source().parent_path() / desk.Beside()[0] / "old" / "0";
  CHECK(ReadAll(kept / "cache" / "x") == "cached");
  CHECK(ReadAll(kept / "page") == "archived");
}

TEST_CASE("What cannot be swapped is refused before anything is sent or stopped") {
  NeedRoot();
  const Desk desk;
  desk.Write("page", "archived");
  desk.Write("disk/file", "archived");
  desk.Archive();
  const std::string root = desk.source().string();
  const auto refused = [&](const std::vector<std::string>& words, const std::string& why) {
    const Ended ended = desk.Restore(words);
    CAPTURE(why, ended.err);
    CHECK(ended.status != 0);
    CHECK(ended.err.find(why) != std::string::npos);
    CHECK(desk.running());
    CHECK(desk.Log().empty());
    CHECK(desk.Beside() == kAlone);
  };
  fs::rename(desk.source() / "disk", desk.source() / "away");
  refused({root + "/disk/file"}, "is not there");
  fs::create_directory_symlink("away", desk.source() / "disk");
  refused({root + "/disk/file"}, "a symlink on the way");
  fs::remove(desk.source() / "disk");
  fs::create_directory(desk.source() / "disk");
  {
    const LoopDisk disk(desk.source() / "disk", 4 << 20);
    refused({}, "is a mount point");
    refused({root + "/disk/file"}, "another file system");
  }
  desk.OnHost("id", "echo 1000\n");
  refused({}, "not root");
}

TEST_CASE("Where the host's disk is full, everything is as it was") {
  NeedRoot();
  const Desk desk;
  desk.Write("noise", Noise(8 << 20, 1));
  desk.Archive();
  fs::remove(desk.source() / "noise");
  fs::remove(desk.source());
  const LoopDisk disk(desk.source().parent_path(), 4 << 20);
  desk.Write("page", "here");
  const bool known = GENERATE(true, false);
  CAPTURE(known);
  if (!known) desk.OnHost("df", "exit 1\n");
  const Ended restored = desk.Restore();
  INFO(restored.err);
  CHECK(restored.status == 1);
  CHECK(restored.err.find(known ? "are needed" : "Wrote only") != std::string::npos);
  CHECK(ReadAll(desk.source() / "page") == "here");
  CHECK(desk.Log().empty());
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("A swap that fails is undone, and the service runs again") {
  NeedRoot();
  const Desk desk;
  desk.Write("one/page", "archived");
  desk.Write("two/page", "archived");
  desk.Archive();
  desk.Write("one/page", "changed");
  desk.Write("two/page", "changed");
  const TreeOptions options{.directory_mtimes = false};  // their names were moved, and moved back
  const auto before = ListTree(desk.source(), options);
  desk.BeforeMoving("case \" $* \" in *two*) echo 'mv: input/output error' >&2; exit 1;; esac");
  const std::string root = desk.source().string();
  const Ended restored = desk.Restore({root + "/one", root + "/two"});
  CHECK(restored.status == 1);
  CHECK(restored.err.find("input/output error") != std::string::npos);
  CHECK(DiffTrees(before, ListTree(desk.source(), options)) == "");
  CHECK(desk.Log() == "stop\nstart\n");
  CHECK(desk.Beside() == kAlone);
  CHECK_FALSE(desk.HasJournal());
}

// The service stayed down for as long as the host's mv hung.
TEST_CASE("A swap that hangs is undone, and the service runs again") {
  NeedRoot();
  const Desk desk;
  desk.Write("one/page", "archived");
  desk.Write("two/page", "archived");
  desk.Archive();
  // Longer than a busy machine takes to say that the first is in its place.
  desk.Configure("    stall_timeout: 20s\n");
  desk.Write("one/page", "changed");
  desk.Write("two/page", "changed");
  // Once, as what undoes the swap moves things, too.
  const std::string hung = (desk.orcio.scratch() / "hung").string();
  desk.BeforeMoving("case \" $* \" in *two*) mkdir " + hung +
                    " 2>/dev/null && kill -s STOP $$;; esac");
  const std::string root = desk.source().string();
  const Ended restored = desk.Restore({root + "/one", root + "/two"});
  INFO(restored.err);
  CHECK(restored.status == 1);
  CHECK(restored.err.find("nothing came from workshop for 20 s") != std::string::npos);
  CHECK(restored.err.find("the last in place is " + root + "/one") != std::string::npos);
  CHECK(ReadAll(desk.source() / "one/page") == "changed");
  CHECK(ReadAll(desk.source() / "two/page") == "changed");
  CHECK(desk.Log() == "stop\nstart\n");
  CHECK(desk.Beside() == kAlone);
  CHECK_FALSE(desk.HasJournal());
}

TEST_CASE("Whoever starts the service in the middle gets it as it was") {
  NeedRoot();
  const Desk desk;
  desk.Write("page", "archived");
  desk.Archive();
  desk.Write("page", "changed");
  desk.BeforeMoving("touch " + desk.flag().string());
  const Ended restored = desk.Restore();
  INFO(restored.err);
  CHECK(restored.status == 1);
  CHECK(ReadAll(desk.source() / "page") == "changed");
  CHECK(desk.running());
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE(
    "Interrupted, killed or cut off in the middle of a swap, the service gets its files back") {
  NeedRoot();
  Desk desk;
  desk.Write("page", "archived");
  desk.Archive();
  desk.Configure({}, kSoon);
  desk.Write("page", "changed");
  const auto before = desk.Tree();
  LinkProxy link(desk.orcio.sshd().port());
  MustRunShell("sed -i 's/port: .*/port: " + std::to_string(link.port()) + "/' " +
               desk.orcio.config().string());
  const std::string host = "[127.0.0.1]:" + std::to_string(link.port());
  MustRunShell("sed -i 's/^[^ ]* /" + host + " /' " + desk.orcio.sshd().known_hosts().string());
  const fs::path begun = desk.orcio.scratch() / "begun";
  // Once the item is out of its place, and before another takes it: what comes then waits.
  desk.OnHost("mv", "case \" $* \" in *'/tree/'*) : >" + begun.string() + "; sleep 300;; esac\n" +
                        "exec /bin/mv \"$@\"\n");
  const int signal = GENERATE(0, SIGTERM, SIGKILL);
  CAPTURE(signal);
  BackgroundCommand restore(desk.WholeWords(), desk.orcio.scratch() / "orcio.log");
  REQUIRE(Eventually([&] { return fs::exists(begun); }));
  CHECK_FALSE(desk.running());
  CHECK_FALSE(fs::exists(desk.source()));
  if (signal == 0) {
    link.CutAfter(0);
    REQUIRE(Eventually([&] { return desk.running(); }));
    link.Pass();
    CHECK(restore.Wait() == 1);
  } else if (signal == SIGTERM) {
    CHECK(restore.End(signal) == 128 + signal);
  } else {
    CHECK(restore.End(signal) == 128 + signal);
    CHECK(desk.HasJournal());
  }
  REQUIRE(Eventually([&] { return desk.running(); }));
  CHECK(DiffTrees(before, desk.Tree()) == "");
  const Ended recovered = desk.orcio.Run({"recover"});
  INFO(recovered.err);
  CHECK(recovered.status == 0);
  CHECK((recovered.err.find("nothing was restored, all is as before") != std::string::npos) ==
        (signal == SIGKILL));
  CHECK(DiffTrees(before, desk.Tree()) == "");
  CHECK(desk.running());
  CHECK_FALSE(desk.HasJournal());
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("Killed once the swap counts, the service starts with what was restored") {
  NeedRoot();
  const Desk desk;
  desk.Write("page", "archived");
  desk.Archive();
  desk.Configure({}, kSoon);
  desk.Write("page", "changed");
  const fs::path begun = desk.orcio.scratch() / "begun";
  desk.OnHost("mkdir", "/bin/mkdir \"$@\"; ended=$?\ncase \" $* \" in *'/done '*) : >" +
                           begun.string() + "; sleep 300;; esac\nexit $ended\n");
  BackgroundCommand restore(desk.WholeWords(), desk.orcio.scratch() / "orcio.log");
  REQUIRE(Eventually([&] { return fs::exists(begun); }));
  CHECK(restore.End(SIGKILL) == 128 + SIGKILL);
  REQUIRE(Eventually([&] { return desk.running(); }));
  CHECK(ReadAll(desk.source() / "page") == "archived");
  REQUIRE(desk.HasJournal());
  // A run comes to it, too.
  const Ended refused = desk.Restore();
  CHECK(refused.status == 20);
  CHECK(refused.err.find("orcio recover") != std::string::npos);
  const Ended recovered = desk.orcio.Run({"recover"});
  CHECK(recovered.status == 0);
  CHECK(recovered.err.find("what was to be restored is in place") != std::string::npos);
  CHECK(ReadAll(desk.source() / "page") == "archived");
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("Killed while what was replaced is removed, the rest of it is removed by a recovery") {
  NeedRoot();
  const Desk desk;
  desk.Write("page", "archived");
  desk.Write("image", "archived");
  desk.Archive();
  desk.Write("page", "changed");
  const fs::path begun = desk.orcio.scratch() / "begun";
  desk.OnHost("rm", "case \" $* \" in *'/old '*) /bin/rm \"$3/0/page\"; : >" + begun.string() +
                        "; sleep 20;; esac\nexec /bin/rm \"$@\"\n");
  BackgroundCommand restore(desk.WholeWords(), desk.orcio.scratch() / "orcio.log");
  REQUIRE(Eventually([&] { return fs::exists(begun); }));
  CHECK(desk.running());
  CHECK(restore.End(SIGKILL) == 128 + SIGKILL);
  REQUIRE(desk.HasJournal());
  REQUIRE(desk.Beside().size() == 2);
  desk.OnHost("rm", "exec /bin/rm \"$@\"\n");
  const Ended recovered = desk.orcio.Run({"recover"});
  CHECK(recovered.status == 0);
  CHECK(recovered.err.find("what was to be restored is in place") != std::string::npos);
  CHECK(ReadAll(desk.source() / "page") == "archived");
  CHECK(desk.Beside() == kAlone);
  CHECK_FALSE(desk.HasJournal());
}

TEST_CASE("Where the service does not come up with what was restored, what it had is kept") {
  NeedRoot();
  const Desk desk;
  desk.Write("page", "archived");
  desk.Archive();
  desk.Configure("    start_timeout: 2s\n");
  desk.Write("page", "changed");
  MustRunShell("sed -i 's/start: touch [^;]*;/start:/' " + desk.orcio.config().string());
  const Ended restored = desk.Restore();
  INFO(restored.err);
  CHECK(restored.status == 20);
  CHECK(restored.err.find("what was replaced is kept") != std::string::npos);
  CHECK(ReadAll(desk.source() / "page") == "archived");
  REQUIRE(desk.Beside().size() == 2);
  CHECK(ReadAll(desk.source().parent_path() / desk.Beside()[0] / "old" / "0" / "page") ==
        "changed");
}

TEST_CASE("A damaged archive, and one that is being archived meanwhile, replace nothing") {
  NeedRoot();
  const Desk desk;
  desk.Write("noise", Noise(1 << 20, 1));
  desk.Archive();
  desk.Write("noise", "changed");
  const fs::path archive = desk.orcio.OnlyArchive();
  {
    std::fstream bytes(archive, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(fs::file_size(archive) / 2));
    bytes << "damage";
  }
  const Ended restored = desk.Restore();
  INFO(restored.err);
  CHECK(restored.status == 4);
  CHECK(restored.err.ends_with("; nothing was replaced\n"));
  CHECK(ReadAll(desk.source() / "noise") == "changed");
  CHECK(desk.Log().empty());
  CHECK(desk.Beside() == kAlone);
}

TEST_CASE("A compose project gets its volume back, and runs in the same containers") {
  DockerdFixture dockerd;
  ComposeProject project(dockerd, "wiki");
  const OrcioFixture orcio(
      BuiltProgram(),
      "SetEnv PATH=" + dockerd.Environment(DockerdFixture::Compose::kPlugin).at("PATH") + "\n");
  orcio.Configure("  wiki:\n    host: workshop\n    paths: [" + project.volume().string() +
                  "]\n    project: " + project.service().project + "\n");
  std::ofstream(project.volume() / "members") << "all of them";
  REQUIRE(orcio.Run({"archive", "-q"}).status == 0);
  // A shell that has just been started is deaf to what would stop it.
  REQUIRE(Eventually([&] { return project.Lines("starts").size() == 4; }));
  const std::string web = project.Container("web");
  std::ofstream(project.volume() / "members") << "none";
  std::ofstream(project.volume() / "virus") << "x";
  const Ended restored = orcio.Run({"restore", "wiki", "--in-place", "--yes", "--verify", "-v"});
  INFO(restored.err);
  CHECK(restored.status == 0);
  CHECK(restored.out.find("was down for") != std::string::npos);
  CHECK(ReadAll(project.volume() / "members") == "all of them");
  CHECK_FALSE(fs::exists(project.volume() / "virus"));
  CHECK(project.State("db") == "running");
  CHECK(project.State("web") == "running");
  CHECK(project.State("job") == "exited");
  CHECK(project.Container("web") == web);
  // They write where they did before: into what is there now.
  const std::string counted = ReadAll(project.volume() / "web.1");
  REQUIRE(Eventually([&] { return ReadAll(project.volume() / "web.1") != counted; }));
}

}  // namespace orcio::test
