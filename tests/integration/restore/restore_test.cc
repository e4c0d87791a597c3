// Bringing things back: what dump and restore make is what tar makes of the same archive.

#include "retrieve/restore/restore.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/integration/mounted_repository.h"
#include "tests/support/archives/look_repository.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/needs.h"
#include "tests/support/program/golden.h"
#include "tests/support/sanitized.h"
#include "tests/support/trees/awkward_tree.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio::test {
namespace {

constexpr const char* kArchive = "wiki-2025-11-23T020000Z.tar.gz";
const std::vector<std::string> kUnpack{"tar",    "--xattrs",        "--xattrs-include=*",
                                       "--acls", "--numeric-owner", "-xpf"};

// The awkward tree, archived, and places to put it to.
struct AwkwardArchive {
  MountedRepository repository;
  ScratchDirectory scratch;
  std::filesystem::path archive;

  AwkwardArchive() {
    MakeAwkwardTree(repository.source(), {.huge_sparse_bytes = 128 << 20, .many_files = 200});
    archive = repository.Archive(kArchive);
  }
  [[nodiscard]] Ended Run(std::vector<std::string> words) const {
    words.insert(words.begin(), {BuiltProgram(), "-r", repository.directory().string()});
    return RunCommand(words);
  }
  std::filesystem::path Place(const std::string& name) const {
    std::filesystem::create_directory(scratch / name);
    return scratch / name;
  }
  // tar's own way, with more words after it.
  void Unpack(const std::filesystem::path& tar, const std::filesystem::path& to,
              const std::vector<std::string>& more = {}) const {
    auto words = kUnpack;
    words.insert(words.end(), {tar.string(), "-C", to.string()});
    words.insert(words.end(), more.begin(), more.end());
    MustRun(words);
  }
};

// Two files, of which the second is damaged.
struct DamagedArchive {
  MountedRepository repository;

  DamagedArchive() {
    repository.Write("a good one", Noise(1000, 1));
    repository.Write("bad", Noise(2'000'000, 2));
    FlipByte(repository.Archive(kArchive), 1'500'000);
  }
  [[nodiscard]] Ended Run(std::vector<std::string> words) const {
    words.insert(words.begin(), {BuiltProgram(), "-r", repository.directory().string()});
    return RunCommand(words);
  }
};

std::vector<nlohmann::json> JsonLines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TreeOptions Everything() {
  TreeOptions options;
  options.data_maps = true;
  return options;
}

}  // namespace

TEST_CASE("What GNU tar makes of a dump is what it makes of the archive") {
  NeedRoot();
  const AwkwardArchive made;
  made.Unpack(made.archive, made.Place("archive"));
  const auto tar = made.scratch / "dump.tar";
  MustRunShell(std::string(BuiltProgram()) + " -r " + made.repository.directory().string() +
               " dump wiki > " + tar.string());
  made.Unpack(tar, made.Place("dump"));
  const auto whole = ListTree(made.scratch / "archive", Everything());
  REQUIRE(whole.size() > 300);
  CHECK(DiffTrees(whole, ListTree(made.scratch / "dump", Everything())) == "");

  // A file's other names may be outside of what is dumped.
  MustRunShell(std::string(BuiltProgram()) + " -r " + made.repository.directory().string() +
               " dump wiki:links/elsewhere > " + tar.string());
  made.Unpack(tar, made.Place("part"));
  CHECK(ReadAll(made.scratch / "part/links/elsewhere/three") == "three names, one file");
  CHECK(ListTree(made.scratch / "part").size() == 3);
}

TEST_CASE("bsdtar reads a dump as well") {
  NeedRoot();
  const AwkwardArchive made;
  const auto tar = made.scratch / "dump.tar";
  const auto dump = [&](const std::string& path) {
    MustRunShell(std::string(BuiltProgram()) + " -r " + made.repository.directory().string() +
                 " dump wiki:" + path + " > " + tar.string());
  };
  made.Unpack(made.archive, made.Place("archive"));
  made.Place("bsdtar");
  // libarchive 3.6 reads fractions of seconds before 1970 wrong, keeps GNU tar's %3D, and has no
  // ids above 2^31 - 1 in ACLs.
  for (const char* path :
       {"content", "links", "sparse", "names", "acls/default", "owners", "modes"}) {
    dump(path);
    MustRun({"bsdtar", "-xpf", tar.string(), "--acls", "--xattrs", "--numeric-owner", "-C",
             (made.scratch / "bsdtar").string()});
    CAPTURE(path);
    TreeOptions options;
    options.directory_mtimes = false;
    CHECK(DiffTrees(ListTree(made.scratch / "archive" / path, options),
                    ListTree(made.scratch / "bsdtar" / path, options)) == "");
  }
}

TEST_CASE("A dump of a damaged archive ends without a tar's end, and says so") {
  const DamagedArchive made;
  const auto dumped = made.Run({"dump", "wiki"});
  CHECK(dumped.status == 4);
  INFO(dumped.err);
  CHECK(dumped.err.starts_with("orcio: bad: " + (made.repository.directory() / kArchive).string() +
                               ": span "));
  CHECK(dumped.out.size() < 1'500'000);
  CHECK(made.Run({"dump", "wiki:a good one"}).status == 0);
  CHECK(made.Run({"dump", "wiki:nothing"}).status == 10);
}

TEST_CASE("A file in a damaged span is named before the span") {
  const DamagedArchive made;
  const auto span = (made.repository.directory() / kArchive).string() + ": span ";
  const auto written = made.Run({"cat", "wiki:a good one", "wiki:bad"});
  INFO(written.err);
  CHECK(written.status == 4);
  CHECK(written.err.starts_with("orcio: wiki:bad: " + span));
  const ScratchDirectory scratch;
  const auto restored = made.Run({"restore", "wiki", "--target", (scratch / "restored").string()});
  INFO(restored.err);
  CHECK(restored.status == 4);
  CHECK(restored.err.find("orcio: bad: left out: " + span) != std::string::npos);
}

TEST_CASE("A restored archive is what tar makes of it: owners, times, links, xattrs, ACLs, holes") {
  NeedRoot();
  const AwkwardArchive made;
  made.Unpack(made.archive, made.Place("tar"));
  const auto target = made.scratch / "restored";
  const auto restored = made.Run({"restore", "wiki", "--target", target.string(), "--verify"});
  CHECK(restored.err.empty());
  CHECK(restored.out.empty());
  REQUIRE(restored.status == 0);
  TreeOptions options = Everything();
  options.root_line = true;
  CHECK(DiffTrees(ListTree(made.scratch / "tar", options), ListTree(target, options)) == "");
}

TEST_CASE("A random part of an archive is restored as tar extracts the same entries") {
  NeedRoot();
  const AwkwardArchive made;
  // Names as tar takes them with --null, and the directories above each.
  const auto all = ListTree(made.repository.source());
  const unsigned seed = GENERATE(range(0U, 8U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::set<std::string> files;
  for (const TreeLine& line : all) {
    if (line.type != 'd' && random() % 8 == 0)
      files.insert(line.same_as.empty() ? line.path : line.same_as);
  }
  std::set<std::string> chosen;
  std::vector<std::string> words{"restore", "wiki", "--target",
                                 (made.scratch / "restored").string()};
  for (const TreeLine& line : all) {
    // All names of a file or none: tar extracts no hard link without the entry that it links to.
    if (!files.contains(line.same_as.empty() ? line.path : line.same_as)) continue;
    words.push_back(line.path);
    for (std::filesystem::path at = line.path; !at.empty(); at = at.parent_path())
      chosen.insert("./" + at.string());
  }
  const auto list = made.scratch / "list";
  std::ofstream names(list, std::ios::binary);
  for (const std::string& name : chosen) names << name << '\0';
  names.close();
  made.Unpack(made.archive, made.Place("tar"),
              {"--no-recursion", "--no-wildcards", "--null", "-T", list.string()});
  std::shuffle(words.begin() + 4, words.end(), random);
  const auto restored = made.Run(words);
  CAPTURE(restored.err);
  REQUIRE(restored.status == 0);
  const auto lines = ListTree(words[3], Everything());
  CHECK(lines.size() >= files.size());
  CHECK(DiffTrees(ListTree(made.scratch / "tar", Everything()), lines) == "");
}

TEST_CASE("restore --dry-run lists and makes nothing, in words and in JSON") {
  const LookRepository repository;
  const auto target = repository / "target";
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"restore", "wiki@2025-11-02", "--dry-run", "--target",
                               target.string(), "--exclude", "long"});
    return repository.Run(words);
  };
  CHECK(DiffGolden("restore-dry-run.txt", run({}).out) == "");
  CHECK(DiffGolden("restore-dry-run.json", run({"--json"}).out) == "");
  CHECK_FALSE(std::filesystem::exists(target));
}

TEST_CASE("Patterns choose what is restored") {
  const LookRepository repository;
  const auto listed = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--json", "restore", "wiki@2025-11-02", "--dry-run"});
    std::string names;
    for (const auto& ended = repository.Run(words); const auto& line : JsonLines(ended.out)) {
      const std::string path = line["path"];
      if (line["type"] != "directory") names += path.substr(path.rfind('/') + 1) + " ";
    }
    return names;
  };
  CHECK(listed({"srv/wiki", "--include", "p*"}) == "page photo.jpg ");
  CHECK(listed({"--include", "srv/wiki/*", "--exclude", "names"}) ==
        "back hard link page photo.jpg touched ");
  CHECK(listed({"--include", "names", "--exclude", "srv/*/names/[!c]*"}) == "caf\xc3\xa9 ");
  CHECK(listed({"srv/wiki/page", "srv/wiki/back"}) == "back page ");
  CHECK(repository.Run({"restore", "wiki", "--dry-run", "--include", "nothing"}).status == 10);
  const auto missing = repository.Run({"restore", "wiki@2025-11-02", "srv/wiki/pagee"});
  CHECK(missing.status == 10);
  CHECK(missing.err.find("did you mean `srv/wiki/page`?") != std::string::npos);
  CHECK(repository.Run({"restore", "wiki", "--owners", "nobody"}).status == 2);
}

TEST_CASE("restore makes a directory of its own, tells in JSON, and replaces nothing") {
  const LookRepository repository;
  std::filesystem::create_directory(repository / "here");
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {BuiltProgram(), "-r", repository.directory().string()});
    return RunCommand(words, {.input = {}, .environment = {}, .directory = repository / "here"});
  };
  const auto restored = run({"--json", "restore", "wiki@2025-11-02", "--verify"});
  CHECK(restored.status == 0);
  const auto target = repository / "here/wiki-2025-11-02T020000Z";
  CHECK(ReadAll(target / "srv/wiki/back") == "here\n");
  CHECK(ReadAll(target / LookRepository::LongPath().substr(0, 200)).empty());
  struct stat status {};
  REQUIRE(::stat(target.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  const auto told = JsonLines(restored.out);
  REQUIRE(told.size() == 1);
  CHECK(told[0]["type"] == "restore");
  CHECK(told[0]["target"] == "wiki-2025-11-02T020000Z");
  CHECK(told[0]["problems"] == 0);
  CHECK(told[0]["verified"]["files"] == 13);

  const auto again = run({"restore", "wiki@2025-11-02"});
  CHECK(again.status == 1);
  CHECK(again.err.find("nothing was restored") != std::string::npos);
  // What is not there yet may join what is; directories keep what they are.
  std::filesystem::remove(target / "srv/wiki/back");
  std::ofstream(target / "srv/wiki/page") << "my own";
  REQUIRE(::chmod((target / "srv/wiki").c_str(), 0750) == 0);
  CHECK(run({"restore", "wiki@2025-11-02", "srv/wiki/back", "srv/wiki/page"}).status == 1);
  CHECK_FALSE(std::filesystem::exists(target / "srv/wiki/back"));
  CHECK(run({"restore", "wiki@2025-11-02", "srv/wiki/back"}).status == 0);
  CHECK(ReadAll(target / "srv/wiki/back") == "here\n");
  CHECK(ReadAll(target / "srv/wiki/page") == "my own");
  REQUIRE(::stat((target / "srv/wiki").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0750);
}

TEST_CASE("No symlink in the target leads out of it") {
  const LookRepository repository;
  const auto target = repository / "target";
  const auto outside = repository / "outside";
  std::filesystem::create_directory(target);
  std::filesystem::create_directories(outside / "wiki");
  const auto restore = [&](const std::string& path) {
    return repository.Run({"restore", "wiki@2025-11-02", path, "--target", target.string()});
  };
  SECTION("in place of a directory") {
    std::filesystem::create_directory_symlink(outside, target / "srv");
    CHECK(restore("srv/wiki/page").status == 1);
  }
  SECTION("in place of a file") {
    std::filesystem::create_directories(target / "srv/wiki");
    std::filesystem::create_symlink(outside / "page", target / "srv/wiki/page");
    CHECK(restore("srv/wiki/page").status == 1);
  }
  SECTION("of the archive's own, with entries that would go through it") {
    // A later entry below a symlink: the tree has the last one, whatever tar would do.
    TarText tar;
    tar.Symlink("srv/wiki", outside.string()).File("srv/wiki/page", "escaped");
    repository.Write("hostile-2025-11-23T020000Z.tar.gz", tar);
    CHECK(repository.Run({"restore", "hostile", "--target", target.string()}).status <= 10);
  }
  CHECK(ListTree(outside).size() == 1);
  CHECK(std::filesystem::is_empty(outside / "wiki"));
}

TEST_CASE("What the archive has lost is left out and told of, and no half file stays") {
  const DamagedArchive made;
  const ScratchDirectory scratch;
  const auto target = scratch / "target";
  const auto restored =
      made.Run({"--json", "restore", "wiki", "--target", target.string(), "--verify"});
  CHECK(restored.status == 4);
  CHECK(restored.err.find("bad: left out") != std::string::npos);
  const auto lines = ListTree(target);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].path == "a good one");
  const auto told = JsonLines(restored.out);
  REQUIRE(told.size() == 3);
  CHECK(told[0]["type"] == "problem");
  CHECK(told[0]["path"] == "bad");
  CHECK(told[2]["entries"] == 1);
  CHECK(told[2]["problems"] == 2);  // left out, and not there to be verified
}

TEST_CASE("What comes out of an incomplete archive comes with a warning") {
  const LookRepository repository;
  TarText cut;
  cut.Directory("srv/").File("srv/first", "x").File("srv/second", std::string(100'000, 'x'));
  cut.File("srv/third", "x");
  repository.WriteCut("cut-2025-11-30T020000Z.tar.gz", cut, 20'000);
  const auto target = repository / "target";
  const auto restored = repository.Run({"restore", "cut", "--target", target.string()});
  CHECK(restored.status == 4);
  CHECK(restored.err.find("srv/second: left out") != std::string::npos);
  CHECK(restored.err.find("is incomplete: entries may be missing") != std::string::npos);
  CHECK(ListTree(target).size() == 2);
  const auto one =
      repository.Run({"restore", "cut", "srv/first", "--target", target.string() + "2"});
  CHECK(one.status == 3);
  CHECK(repository.Run({"dump", "cut:srv"}).status == 4);
  CHECK(repository.Run({"dump", "cut:srv/first"}).status == 3);
  CHECK(repository.Run({"diff", "cut", "wiki"}).status == 3);
}

TEST_CASE("A full disk ends a restore, with no half file under its own name") {
  NeedRoot();
  const MountedRepository repository;
  repository.Write("a", Noise(500'000, 1));
  repository.Write("b", Noise(3'000'000, 2));
  repository.Archive(kArchive);
  const ScratchDirectory scratch;
  const auto disk = scratch / "disk";
  std::filesystem::create_directory(disk);
  MustRun({"mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk.string()});
  const auto restored = RunCommand({BuiltProgram(), "-r", repository.directory().string(),
                                    "restore", "wiki", "--target", (disk / "target").string()});
  const auto lines = ListTree(disk / "target");
  MustRun({"umount", disk.string()});
  CHECK(restored.status == 1);
  CHECK(restored.err.find("No space left") != std::string::npos);
  CHECK(restored.err.find("is not complete") != std::string::npos);
  for (const TreeLine& line : lines) CHECK(line.path == "a");
}

TEST_CASE("An interrupted restore says where it was, and leaves no half file") {
  const MountedRepository repository;
  constexpr uintmax_t kBytes = 300'000'000;
  repository.Write("directory/large", std::string(kBytes, 'x'));
  repository.Archive(kArchive);
  const ScratchDirectory scratch;
  const auto target = scratch / "target";
  const auto log = scratch / "log";
  BackgroundCommand restore({BuiltProgram(), "-r", repository.directory().string(), "restore",
                             "wiki", "--target", target.string()},
                            log.string());
  // So far; whatever its name is by then.
  const auto restored = [&]() -> uintmax_t {
    std::error_code none;
    for (std::filesystem::directory_iterator file(target / "directory", none), end;
         !none && file != end;) {
      const auto bytes = file->file_size(none);
      return none ? 0 : bytes;
    }
    return 0;
  };
  while (restore.running() && restored() == 0) std::this_thread::yield();
  // It is told while it stands in the middle of the file; one that is past it shows nothing.
  if (restore.running()) ::kill(restore.pid(), SIGSTOP);
  if (!restore.running() || restored() > kBytes / 2) {
    WARN("the restore came to its end before it could be interrupted");
    if (restore.running()) ::kill(restore.pid(), SIGCONT);
    CHECK(restore.Wait() == 0);
    return;
  }
  ::kill(restore.pid(), SIGINT);
  ::kill(restore.pid(), SIGCONT);
  CHECK(restore.Wait() == 130);
  CHECK(std::filesystem::is_empty(target / "directory"));
  const std::string said = ReadAll(log);
  CAPTURE(said);
  CHECK(said.find("orcio: directory/large: interrupted") != std::string::npos);
  CHECK(said.find("is not complete") != std::string::npos);
}

TEST_CASE("--verify finds what the disk has changed") {
  const LookRepository repository;
  // Somebody writes to a file between restore and verification: a file system that always does.
  const auto target = repository / "target";
  REQUIRE(repository.Run({"restore", "db", "--target", target.string()}).status == 0);
  const auto sidecar = ValueOf(Sidecar::Open(
      LocalFileSystem(), repository.directory() / "db-2025-11-16T030000Z.tar.gz.idx"));
  const auto plan = ValueOf(PlanRestore(*sidecar, {}));
  std::vector<RestoreProblem> problems;
  uint64_t read_bytes = 0;
  const auto verify = [&] {
    return ValueOf(VerifyRestored(
        *sidecar, plan, target, [&](const auto& problem) { problems.push_back(problem); },
        [&](uint64_t bytes) { read_bytes = bytes; }, {}));
  };
  CHECK(verify().files == 1);
  CHECK(problems.empty());
  CHECK(read_bytes == plan.bytes);
  FlipByte(target / "srv/db/page", 4000);
  CHECK(verify().files == 0);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].path == "srv/db/page");
  CHECK(problems[0].error.kind == ErrorKind::kDamaged);
}

TEST_CASE("Owners are restored by name where the tar has names, and by number else") {
  NeedRoot();
  const LookRepository repository;
  HandMadeHeader known{.path = "known"};
  known.rest = std::string("daemon") + std::string(26, '\0') + "www-data" + std::string(24, '\0');
  HandMadeHeader unknown{.path = "unknown"};
  unknown.rest = std::string("nobody-of-that-name");
  const std::string tar = known.Block() + unknown.Block() + EndMarker();
  REQUIRE_OK(WriteArchive(LocalFileSystem(), repository.directory(), "names-2025-11-23.tar.gz",
                          AsBytes(tar)));
  const auto owners = [&](const std::string& by) {
    const auto target = repository / by;
    const auto restored =
        repository.Run({"restore", "names", "--target", target.string(), "--owners", by});
    CHECK(restored.status == 0);
    std::string text;
    for (const TreeLine& line : ListTree(target))
      text += fmt::format("{} {}:{} ", line.path, line.uid, line.gid);
    return text;
  };
  CHECK(owners("number") == "known 1000:1001 unknown 1000:1001 ");
  CHECK(owners("name") == "known 1:33 unknown 1000:1001 ");
}

TEST_CASE("Another user than root gets files of their own, without set-ID bits") {
  NeedRoot();
  const LookRepository repository;
  TarText tar;
  tar.File("program", "#!/bin/sh\n", 1'700'000'000, "0006755");
  repository.Write("setid-2025-11-23T020000Z.tar.gz", tar);
  const auto scratch = repository.directory().parent_path();
  MustRun({"chmod", "-R", "a+rX", scratch.string()});
  const auto target = scratch / "unprivileged";
  REQUIRE(::chmod(scratch.c_str(), 0777) == 0);
  const auto restored = RunCommand({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                    BuiltProgram(), "-r", repository.directory().string(),
                                    "restore", "setid", "--target", target.string()});
  CAPTURE(restored.err);
  CHECK(restored.status == 0);
  const auto lines = ListTree(target);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].uid == 65534);
  CHECK(lines[0].mode == 0755);
}

TEST_CASE("Thousands of directories below each other need few descriptors") {
  const LookRepository repository;
  std::string path = "d";
  TarText tar;
  constexpr int kLevels = kSanitized ? 400 : 1500;  // larger stack frames
  for (int i = 0; i < kLevels; ++i) {
    tar.Directory(path + "/");
    path += "/d";
  }
  tar.File(path.substr(0, path.size() - 1) + "f", "deep");
  repository.Write("deep-2025-11-23T020000Z.tar.gz", tar);
  const auto restored = RunShell(
      std::string("ulimit -n 256; ") + BuiltProgram() + " -r " + repository.directory().string() +
      " restore deep --verify --target " + (repository / "target").string());
  CAPTURE(restored.err);
  CHECK(restored.status == 0);
}

}  // namespace orcio::test
