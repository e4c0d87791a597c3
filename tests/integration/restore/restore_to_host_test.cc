// orcio restore --to HOST over a real sshd: what the host's tar makes of it is what a restore here
// makes, and it is there as a whole or not at all.

#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/archives/made_archive.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/files/loop_disk.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/needs.h"
#include "tests/support/noise.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/trees/awkward_tree.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNoisySize = size_t{24} << 20;  // more than all buffers on the way hold

std::vector<std::string> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory))
    names.push_back(entry.path().filename().string());
  std::erase_if(names, LoopDisk::IsItsOwn);
  std::sort(names.begin(), names.end());
  return names;
}

// All that there is of a tree, but for the time of its root, of which no archive of orcio's says
// anything.
std::vector<TreeLine> AllOf(const fs::path& root) {
  TreeOptions options;
  options.root_line = true;
  options.data_maps = true;
  auto lines = ListTree(root, options);
  for (TreeLine& line : lines) {
    if (line.path == ".") line.mtime_seconds = line.mtime_nanoseconds = 0;
  }
  return lines;
}

// An archive of one service, and a directory of the host's to restore into.
class Sender {
 public:
  Sender() : orcio(BuiltProgram(), "SetEnv PATH=" + Bin() + ":/usr/sbin:/usr/bin:/sbin:/bin\n") {
    fs::create_directory(source());
    fs::create_directory(to());
    Configure();
  }
  void Configure(const std::string& of_service = {}, const std::string& of_host = {}) const {
    orcio.Configure("  wiki:\n    host: workshop\n    control: none\n    paths: [" +
                        source().string() + "]\n" + of_service,
                    of_host);
  }
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(source() / name, std::ios::binary) << content;
  }
  void Archive() const {
    const Ended archived = orcio.Run({"archive", "-q"});
    INFO(archived.err);
    REQUIRE(archived.status == 0);
  }
  // A program that the host finds before its own.
  void OnHost(const std::string& program, const std::string& script) const {
    WriteProgram(Bin() + "/" + program, script);
  }
  // The host's tar does this first when it unpacks.
  void BeforeUnpacking(const std::string& script) const {
    OnHost("tar", "case \" $* \" in *' -x '*)\n" + script + "\n;; esac\nexec /bin/tar \"$@\"\n");
  }
  // restore wiki --to workshop --target TO/NAME WORDS...
  [[nodiscard]] Ended Restore(const std::string& name,
                              const std::vector<std::string>& words = {}) const {
    std::vector<std::string> all = Words(name);
    all.insert(all.end(), words.begin(), words.end());
    return orcio.Run(all);
  }
  [[nodiscard]] std::vector<std::string> Words(const std::string& name) const {
    return {"restore", "wiki", "--to", "workshop", "--target", (to() / name).string()};
  }

  [[nodiscard]] fs::path source() const { return orcio.scratch() / "wiki"; }
  [[nodiscard]] fs::path to() const { return orcio.scratch() / "to"; }
  // Where the service's files are in what is restored.
  [[nodiscard]] fs::path Restored(const std::string& name) const {
    return to() / name / source().relative_path();
  }

 private:
  [[nodiscard]] std::string Bin() const { return bin_.path().string(); }
  ScratchDirectory bin_;

 public:
  OrcioFixture orcio;
};

// What busybox does not keep.
std::vector<TreeLine> Coarse(std::vector<TreeLine> lines) {
  for (TreeLine& line : lines) {
    line.mtime_seconds = std::max<int64_t>(line.mtime_seconds, 0);
    line.mtime_nanoseconds = 0;
    if (line.type == 'l') line.mtime_seconds = line.uid = line.gid = 0;
  }
  return lines;
}

}  // namespace

TEST_CASE("What a host unpacks is what a restore here makes: names, links, xattrs, ACLs, holes") {
  NeedRoot();
  const Sender sender;
  MakeAwkwardTree(sender.source(), {.huge_sparse_bytes = 128 << 20, .many_files = 200});
  sender.Archive();
  const fs::path here = sender.orcio.scratch() / "here";
  REQUIRE(sender.orcio.Run({"restore", "wiki", "--target", here}).status == 0);
  const Ended restored = sender.Restore("there", {"--verify"});
  CHECK(restored.err.empty());
  CHECK(restored.out.empty());
  REQUIRE(restored.status == 0);
  const auto lines = AllOf(here);
  REQUIRE(lines.size() > 300);
  CHECK(DiffTrees(lines, AllOf(sender.to() / "there")) == "");
  CHECK(NamesIn(sender.to()) == std::vector<std::string>{"there"});
}

TEST_CASE("A part of an archive is chosen for a host as it is for a restore here") {
  NeedRoot();
  const Sender sender;
  MakeAwkwardTree(sender.source(), {.many_files = 20});
  sender.Archive();
  const std::string root = sender.source().relative_path().string();
  const std::vector<std::string> choice{root + "/links", root + "/names", root + "/modes",
                                        "--exclude",     "*three*",       "--exclude",
                                        "sub*"};
  const fs::path here = sender.orcio.scratch() / "here";
  std::vector<std::string> words{"restore", "wiki", "--target", here};
  words.insert(words.end(), choice.begin(), choice.end());
  REQUIRE(sender.orcio.Run(words).status == 0);
  REQUIRE(sender.Restore("there", choice).status == 0);
  const auto lines = AllOf(here);
  CHECK(lines.size() > 20);
  CHECK(lines.size() < ListTree(sender.source()).size());
  CHECK(DiffTrees(lines, AllOf(sender.to() / "there")) == "");
}

TEST_CASE("Without a directory it goes to one of the service's name and date where one logs in") {
  const Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  const std::string name = sender.orcio.OnlyArchive().filename().string();
  const fs::path there = fs::path(MustRunShell("printf %s ~")) / name.substr(0, name.find('.'));
  const Ended restored = sender.orcio.Run({"restore", "wiki", "--to", "workshop", "--json"});
  const bool is_there = fs::exists(there / sender.source().relative_path() / "page");
  fs::remove_all(there);
  INFO(restored.err);
  CHECK(restored.status == 0);
  CHECK(is_there);
  CHECK(restored.out.find("\"target\":\"workshop:wiki-") != std::string::npos);
}

TEST_CASE("A dry run for a host lists, and connects to nothing") {
  Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  sender.orcio.sshd().Stop();
  const Ended listed = sender.Restore("there", {"--dry-run"});
  CHECK(listed.status == 0);
  CHECK(listed.err.empty());
  CHECK(listed.out.find(sender.source().relative_path().string() + "/page\n") != std::string::npos);
  CHECK(NamesIn(sender.to()).empty());
  CHECK(sender.Restore("there").status == 12);
}

TEST_CASE("An empty directory of the host is taken, and nothing else that is there") {
  const Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  fs::create_directory(sender.to() / "empty");
  const Ended taken = sender.Restore("empty");
  INFO(taken.err);
  CHECK(taken.status == 0);
  CHECK(ReadAll(sender.Restored("empty") / "page") == "text");

  fs::create_directory(sender.to() / "full");
  std::ofstream(sender.to() / "full" / "mine") << "mine";
  std::ofstream(sender.to() / "file") << "mine";
  fs::create_directory(sender.to() / "elsewhere");
  fs::create_directory_symlink(sender.to() / "elsewhere", sender.to() / "link");
  fs::create_symlink("nowhere", sender.to() / "dangling");
  const auto before = ListTree(sender.to());
  for (const char* name : {"full", "file", "link", "dangling", "empty"}) {
    CAPTURE(name);
    const Ended refused = sender.Restore(name);
    CHECK(refused.status == 1);
    CHECK(refused.err.find(std::string(name) + " exists already") != std::string::npos);
  }
  CHECK(DiffTrees(before, ListTree(sender.to())) == "");
}

TEST_CASE("A place that is taken while the tar is on its way is left as it is") {
  const Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  const fs::path there = sender.to() / "there";
  sender.BeforeUnpacking("mkdir " + there.string() + "; echo mine >" + there.string() + "/mine");
  const Ended refused = sender.Restore("there");
  CHECK(refused.status == 1);
  CHECK(refused.err.find("exists already") != std::string::npos);
  CHECK(NamesIn(sender.to()) == std::vector<std::string>{"there"});
  CHECK(NamesIn(there) == std::vector<std::string>{"mine"});
}

TEST_CASE("A place that cannot be a new directory is refused before anything is sent") {
  NeedRoot();
  const Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  CHECK(sender.Restore("missing/there").status == 10);
  const auto to = [&](const std::string& place) {
    return sender.orcio.Run({"restore", "wiki", "--to", place});
  };
  CHECK(to("workshop:there").status == 2);
  CHECK(to("workshop:/").status == 2);
  CHECK(to("workshop:/srv/..").status == 2);
  CHECK(to("worksop:/srv/there").status == 10);
  CHECK(to("worksop").err.find("workshop") != std::string::npos);
  CHECK(
      sender.orcio.Run({"restore", "wiki", "--to", "workshop:/srv/there", "--target", "/srv/there"})
          .status == 2);
  fs::create_directory(sender.to() / "disk");
  const LoopDisk disk(sender.to() / "disk", 1 << 20);
  fs::remove(sender.to() / "disk" / "lost+found");
  disk.Grow();
  const Ended mounted = sender.Restore("disk");
  CHECK(mounted.status == 2);
  CHECK(mounted.err.find("is a mount point") != std::string::npos);
  CHECK(sender.Restore("disk/there").status == 0);
}

TEST_CASE("A host whose key is another than the known one gets nothing") {
  Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  sender.orcio.sshd().ChangeHostKeys();
  CHECK(sender.Restore("there").status == 12);
  CHECK(NamesIn(sender.to()).empty());
}

TEST_CASE("Where the link breaks or orcio ends meanwhile, nothing is left on the host") {
  Sender sender;
  sender.Write("noise", Noise(kNoisySize, 1));
  sender.Archive();
  LinkProxy link(sender.orcio.sshd().port());
  MustRunShell("sed -i 's/port: .*/port: " + std::to_string(link.port()) + "/' " +
               sender.orcio.config().string());
  const std::string host = "[127.0.0.1]:" + std::to_string(link.port());
  MustRunShell("sed -i 's/^[^ ]* /" + host + " /' " + sender.orcio.sshd().known_hosts().string());
  const fs::path begun = sender.orcio.scratch() / "begun";
  const fs::path told = sender.orcio.scratch() / "told";
  sender.BeforeUnpacking(": >" + begun.string() + "; while [ ! -e " + told.string() +
                         " ]; do sleep 0.05; done");
  const int signal = GENERATE(0, SIGTERM, SIGKILL);
  CAPTURE(signal);
  std::vector<std::string> words{sender.orcio.program(), "-c", sender.orcio.config()};
  for (const std::string& word : sender.Words("there")) words.push_back(word);
  BackgroundCommand restore(words, sender.orcio.scratch() / "log");
  REQUIRE(Eventually([&] { return fs::exists(begun); }));
  CHECK(NamesIn(sender.to()).size() == 1);
  if (signal == 0) {
    link.CutAfter(0);
  } else {
    ::kill(restore.pid(), signal);
  }
  std::ofstream(told).flush();
  CHECK(restore.Wait() == (signal == 0 ? 12 : 128 + signal));
  REQUIRE(Eventually([&] { return NamesIn(sender.to()).empty(); }));
}

TEST_CASE("A tar that breaks off between two entries is not taken for the whole") {
  const Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  // All but the last entry and the tar's end: GNU tar calls that a tar.
  const std::string sent = (sender.orcio.scratch() / "sent").string();
  sender.BeforeUnpacking("cat >" + sent + "; block=$(/bin/tar -tRf " + sent +
                         " | sed -n 's/^block \\([0-9]*\\): whole$/\\1/p')\n" +
                         "head -c $((block * 512)) " + sent + " | /bin/tar \"$@\"; exit");
  const Ended restored = sender.Restore("there");
  INFO(restored.err);
  CHECK(restored.status == 1);
  CHECK(restored.err.find("was cut short") != std::string::npos);
  CHECK(restored.err.find("nothing of it was kept") != std::string::npos);
  CHECK(NamesIn(sender.to()).empty());
}

TEST_CASE("Where the host's disk is too small, or full, nothing is left there") {
  NeedRoot();
  const Sender sender;
  sender.Write("noise", Noise(8 << 20, 1));
  sender.Archive();
  const LoopDisk disk(sender.to(), 4 << 20);
  const bool known = GENERATE(true, false);
  CAPTURE(known);
  if (!known) sender.OnHost("df", "exit 1\n");
  const Ended restored = sender.Restore("there");
  INFO(restored.err);
  CHECK(restored.status == 1);
  CHECK(restored.err.find(known ? "are needed" : "noise: Wrote only") != std::string::npos);
  CHECK(NamesIn(sender.to()).empty());
  disk.Grow();
  CHECK(sender.Restore("there").status == 0);
}

TEST_CASE("A tar that fails leaves nothing, and what one only complains of is a warning") {
  const Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  sender.BeforeUnpacking("echo \"tar: page: Cannot be as it was\" >&2");
  const Ended warned = sender.Restore("warned");
  CHECK(warned.status == 3);
  CHECK(warned.err.find("page: Cannot be as it was") != std::string::npos);
  CHECK(ReadAll(sender.Restored("warned") / "page") == "text");
  sender.OnHost("tar",
                "case \" $* \" in *' -x '*) /bin/tar \"$@\"; echo 'tar: oh' >&2; exit 2;; esac\n"
                "exec /bin/tar \"$@\"\n");
  const Ended failed = sender.Restore("failed");
  CHECK(failed.status == 1);
  CHECK(failed.err.find("tar: oh") != std::string::npos);
  CHECK(NamesIn(sender.to()) == std::vector<std::string>{"warned"});
}

TEST_CASE("A tar that ends before it has read everything fails the restore, and holds nobody up") {
  const Sender sender;
  sender.Write("noise", Noise(kNoisySize, 1));
  sender.Archive();
  sender.BeforeUnpacking("head -c 100 >/dev/null; echo 'tar: no more' >&2; exit 5");
  const Ended failed = sender.Restore("there");
  CHECK(failed.status == 1);
  CHECK(failed.err.find("tar: no more") != std::string::npos);
  CHECK(NamesIn(sender.to()).empty());
}

TEST_CASE("Who is not root on the host makes no files that run as somebody else") {
  NeedRoot();
  const Sender sender;
  sender.Write("page", "text");
  REQUIRE(::chmod((sender.source() / "page").c_str(), 06755) == 0);
  sender.Archive();
  const bool root = GENERATE(true, false);
  CAPTURE(root);
  if (!root) sender.OnHost("id", "echo 1000\n");
  REQUIRE(sender.Restore("there").status == 0);
  struct stat status {};
  REQUIRE(::stat((sender.Restored("there") / "page").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == (root ? 06755 : 0755));
}

TEST_CASE("busybox tar restores all but what it has no place for, which is said") {
  NeedRoot();
  NeedProgram("busybox");
  const Sender sender;
  MakeAwkwardTree(sender.source(), {.huge_sparse_bytes = 32 << 20, .many_files = 20});
  fs::remove(sender.source() / "links" / "long");  // 4,095 bytes: it calls that a bad archive
  sender.Archive();
  sender.OnHost("tar", "exec busybox tar \"$@\"\n");
  sender.OnHost("mv", "exec busybox mv \"$@\"\n");
  sender.OnHost("sh", "exec busybox sh \"$@\"\n");
  const fs::path here = sender.orcio.scratch() / "here";
  REQUIRE(sender.orcio.Run({"restore", "wiki", "--target", here}).status == 0);
  const Ended restored = sender.Restore("there");
  INFO(restored.err);
  REQUIRE(restored.status == 3);
  CHECK(restored.err.find("busybox tar restores no extended attributes") != std::string::npos);
  TreeOptions options;
  options.attributes = false;
  options.directory_mtimes = false;
  CHECK(DiffTrees(Coarse(ListTree(here, options)),
                  Coarse(ListTree(sender.to() / "there", options))) == "");
}

TEST_CASE("Owners go by number, or by the host's number for the archived name") {
  NeedRoot();
  const Sender sender;
  const fs::path tree = sender.orcio.scratch() / "foreign";
  fs::create_directory(tree);
  std::ofstream(tree / "page") << "text";
  const fs::path archive = sender.orcio.repository() / "old-2020-01-01.tar.gz";
  MustRun({"tar", "-C", tree, "--owner=games:4242", "--group=nobodyhere:4343", "-czf", archive,
           "page"});
  REQUIRE(sender.orcio.Run({"index"}).status == 0);
  const bool by_name = GENERATE(false, true);
  CAPTURE(by_name);
  const Ended restored =
      sender.orcio.Run({"restore", "old", "--to", "workshop:" + (sender.to() / "there").string(),
                        "--owners", by_name ? "name" : "number"});
  INFO(restored.err);
  REQUIRE(restored.status == 0);
  struct stat status {};
  REQUIRE(::stat((sender.to() / "there" / "page").c_str(), &status) == 0);
  CHECK(status.st_uid == (by_name ? std::stoul(MustRun({"id", "-u", "games"})) : 4242));
  CHECK(status.st_gid == 4343);
}

TEST_CASE("Files that are not as archived on the host's disk are named") {
  const Sender sender;
  sender.Write("page", "text");
  sender.Write("other\nname", "text");
  sender.Archive();
  const Ended good = sender.Restore("good", {"--verify", "--json"});
  INFO(good.err);
  CHECK(good.status == 0);
  CHECK(good.out.find("\"verified\":{\"files\":1,\"skipped\":1}") != std::string::npos);
  sender.OnHost("mv", "/bin/mv \"$@\" && echo x >>" + (sender.Restored("bad") / "page").string());
  const Ended bad = sender.Restore("bad", {"--verify"});
  CHECK(bad.status == 4);
  CHECK(bad.err.find("/page: FAILED") != std::string::npos);
}

TEST_CASE("A damaged archive is not restored onto a host") {
  const Sender sender;
  sender.Write("noise", Noise(2'000'000, 1));
  sender.Archive();
  FlipByte(sender.orcio.OnlyArchive(), 1'500'000);
  const Ended restored = sender.Restore("there");
  CHECK(restored.status == 4);
  REQUIRE(Eventually([&] { return NamesIn(sender.to()).empty(); }));
}

TEST_CASE("What must not leave the premises goes back to the service's own host alone") {
  Sender sender;
  sender.Write("page", "text");
  sender.Archive();
  const HostConfig host = sender.orcio.sshd().Config();
  sender.Configure("    offsite: never\n",
                   "  other:\n    address: 127.0.0.1\n  rescue:\n    address: " + host.address +
                       "\n    port: " + std::to_string(*host.port) + "\n");
  const Ended refused = sender.orcio.Run({"restore", "wiki", "--to", "other:/srv/there"});
  CHECK(refused.status == 1);
  CHECK(refused.err.find("wiki has `offsite: never`") != std::string::npos);
  CHECK(sender.Restore("there").status == 0);
  // The same machine, where this key is not let in.
  const Ended rescue = sender.orcio.Run({"restore", "wiki", "--to", "rescue:/srv/there"});
  INFO(rescue.err);
  CHECK(rescue.status == 12);
}

}  // namespace orcio::test
