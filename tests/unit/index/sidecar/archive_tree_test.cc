#include "index/sidecar/write/archive_tree.h"

#include "base/bytes.h"
#include "tests/support/archives/sidecar_bytes.h"
#include "tests/support/catch.h"
#include "tests/support/peak_memory.h"

namespace orcio {
namespace {

using test::EntryMaker;

std::shared_ptr<const Sidecar> Tree(const std::vector<TarEntry>& entries) {
  return ValueOf(test::OpenSidecar(test::BuildSidecar(entries)));
}

// Paths of all nodes, in node order, separated by blanks.
std::string Paths(const Sidecar& sidecar) {
  std::string paths;
  for (NodeId id = 1; id < sidecar.node_count(); ++id)
    paths += (paths.empty() ? "" : " ") + ValueOf(sidecar.Path(id));
  return paths;
}

NodeInfo At(const Sidecar& sidecar, std::string_view path) {
  auto id = ValueOf(sidecar.Find(path));
  INFO(path);
  REQUIRE(id.has_value());
  return ValueOf(sidecar.Node(*id));
}

bool Has(const Sidecar& sidecar, std::string_view path) {
  return ValueOf(sidecar.Find(path)).has_value();
}

std::string Warnings(const Sidecar& sidecar) {
  auto warnings = ValueOf(sidecar.warnings());
  CHECK(warnings.count >= warnings.texts.size());
  return fmt::format("{}", fmt::join(warnings.texts, "\n"));
}

}  // namespace

TEST_CASE("Nodes stand breadth first, the names of a directory in the order of their bytes") {
  EntryMaker make;
  auto tree = Tree({make.Directory("b/"), make.File("b/z"), make.File("b/a"), make.File("a\xff"),
                    make.File("aa"), make.File("b/Z"), make.Directory("b/d"), make.File("b/d/x")});
  CHECK(Paths(*tree) == "aa a\xff b b/Z b/a b/d b/z b/d/x");
  CHECK(tree->entry_count() == 8);
  CHECK(tree->node_count() == 9);
  CHECK(At(*tree, "b").links == 3);
  CHECK(At(*tree, "").links == 3);
}

TEST_CASE("A later entry of the same path wins") {
  EntryMaker make;
  auto tree = Tree({make.File("a", "old"), make.File("a", "newer")});
  CHECK(At(*tree, "a").size == 5);
  CHECK(At(*tree, "a").header_offset == 1024);
  CHECK(tree->node_count() == 2);
}

TEST_CASE("A directory over a directory merges, with the later attributes") {
  EntryMaker make;
  TarEntry again = make.Directory("a");
  again.mode = 0700;
  auto tree = Tree({make.Directory("a"), make.File("a/x"), again, make.File("a/y")});
  CHECK(Paths(*tree) == "a a/x a/y");
  CHECK(At(*tree, "a").mode == 0700);
  CHECK(Warnings(*tree).empty());
}

TEST_CASE("A file over a directory with content is left out, with a warning") {
  EntryMaker make;
  auto tree = Tree({make.Directory("a"), make.File("a/x"), make.File("a"), make.Symlink("a", "b"),
                    make.HardLink("a", "a/x")});
  CHECK(At(*tree, "a").type == EntryType::kDirectory);
  CHECK(ValueOf(tree->warnings()).count == 3);
  CHECK(Warnings(*tree).find("a: is not a directory, but one that is not empty is there") == 0);
  CHECK(At(*tree, "a/x").links == 1);
}

TEST_CASE("A file over an empty directory replaces it, and a directory replaces a file") {
  EntryMaker make;
  auto tree = Tree(
      {make.Directory("a"), make.File("a"), make.File("b"), make.Directory("b"), make.File("b/x")});
  CHECK(At(*tree, "a").type == EntryType::kFile);
  CHECK(At(*tree, "b").type == EntryType::kDirectory);
  CHECK(At(*tree, "").links == 3);
  CHECK(Has(*tree, "b/x"));
}

TEST_CASE("An entry below something that is no directory is left out, with a warning") {
  EntryMaker make;
  auto tree = Tree({make.File("f"), make.File("f/x"), make.Symlink("s", "elsewhere"),
                    make.File("s/x/y"), make.File("d/f"), make.File("d/f/x")});
  CHECK(Paths(*tree) == "d f s d/f");
  CHECK(ValueOf(tree->warnings()).count == 3);
  CHECK(Warnings(*tree).find("s/x/y: is below something that is not a directory") !=
        std::string::npos);
}

TEST_CASE("Below a symlink an entry is where the symlink leads, as tar x has it") {
  EntryMaker make;
  auto tree =
      Tree({make.Directory("d"), make.Symlink("s", "d"), make.Symlink("x/e", "f"),
            make.Directory("x/f"), make.Symlink("x/g", "./e//."), make.File("s/a"),
            make.File("x/g/new/b"), make.HardLink("l", "s/a"), make.HardLink("s/m", "x/e/new/b")});
  CHECK(Paths(*tree) == "d l s x d/a d/m x/e x/f x/g x/f/new x/f/new/b");
  CHECK(At(*tree, "l").inode == At(*tree, "d/a").id);
  CHECK(At(*tree, "d/m").inode == At(*tree, "x/f/new/b").inode);
  CHECK(At(*tree, "s").type == EntryType::kSymlink);
  CHECK(Warnings(*tree).empty());
}

// "tar -c d s/." has "s/./".
TEST_CASE("A directory whose path ends in a dot is the one that a symlink leads to") {
  EntryMaker make;
  const std::string path = GENERATE("s/.", "s/./", "./s//.//");
  CAPTURE(path);
  auto tree = Tree({make.Directory("d"), make.Symlink("s", "d"), make.Directory(path),
                    make.File("s/./a"), make.Directory("new/."), make.Directory("."),
                    make.Symlink("t", "missing"), make.Directory("t/.")});
  CHECK(Paths(*tree) == "d new s t d/a");
  CHECK(At(*tree, "d").header_offset == 2048);
  CHECK(At(*tree, "s").type == EntryType::kSymlink);
  CHECK(ValueOf(tree->warnings()).count == 1);
}

TEST_CASE("What symlinks put deeper than any path may be is left out") {
  EntryMaker make;
  const auto chain = [](const std::string& name, size_t count) {
    std::string path = name;
    while (--count > 0) path += "/" + name;
    return path;
  };
  auto tree =
      Tree({make.Directory(chain("x", 2000)), make.Symlink("s", chain("x", 2000)),
            make.Directory("s/" + chain("y", 2096)), make.Directory("s/" + chain("z", 2097))});
  CHECK(Has(*tree, chain("x", 2000) + "/" + chain("y", 2096)));
  CHECK_FALSE(Has(*tree, chain("x", 2000) + "/" + chain("z", 2097)));
  CHECK(ValueOf(tree->warnings()).count == 1);
  CHECK(ValueOf(tree->Path(tree->node_count() - 1)).size() == 2 * 4096 - 1);
}

TEST_CASE("A symlink that is replaced by a directory leads nowhere any more") {
  EntryMaker make;
  auto tree = Tree({make.Directory("d"), make.Symlink("s", "d"), make.File("s/a"),
                    make.Directory("s"), make.File("s/b")});
  CHECK(Paths(*tree) == "d s d/a s/b");
}

TEST_CASE("No symlink leads an entry out of the tree, or round and round") {
  EntryMaker make;
  const std::string target = GENERATE("/d", "../d", "d/../d", "s", "t", "missing", "file");
  CAPTURE(target);
  auto tree = Tree({make.Directory("d"), make.File("file"), make.Symlink("t", "s"),
                    make.Symlink("s", target), make.File("s/x"), make.HardLink("l", "s/x")});
  CHECK(Paths(*tree) == "d file s t");
  CHECK(ValueOf(tree->warnings()).count == 2);
}

TEST_CASE("A chain of symlinks is followed as far as Linux does") {
  EntryMaker make;
  std::vector<TarEntry> entries{make.Directory("s0")};
  for (int i = 1; i <= 41; ++i)
    entries.push_back(make.Symlink(fmt::format("s{}", i), fmt::format("s{}", i - 1)));
  entries.push_back(make.File("s40/a"));
  entries.push_back(make.File("s41/b"));
  auto tree = Tree(entries);
  CHECK(Has(*tree, "s0/a"));
  CHECK_FALSE(Has(*tree, "s0/b"));
  CHECK(ValueOf(tree->warnings()).count == 1);
}

TEST_CASE("Symlinks are followed while their targets together are no longer than a path") {
  EntryMaker make;
  std::string target = "d/";
  while (target.size() < 2000) target += "./";
  auto tree = Tree({make.Directory("d"), make.Symlink("s", target), make.Symlink("d/t", "."),
                    make.Symlink("d/u", target.substr(2)), make.File("s/t/a"), make.File("s/u/b"),
                    make.File("s/u/u/c")});
  CHECK(Has(*tree, "d/a"));
  CHECK(Has(*tree, "d/b"));
  CHECK_FALSE(Has(*tree, "d/c"));
  CHECK(ValueOf(tree->warnings()).count == 1);
}

TEST_CASE("Directories that no entry names are implied") {
  EntryMaker make;
  auto tree = Tree({make.File("a/b/f"), make.Directory("a/b"), make.File("a/c/f")});
  NodeInfo a = At(*tree, "a");
  CHECK(a.implied);
  CHECK(a.mode == 0755);
  CHECK(a.uid == 0);
  CHECK(a.gid == 0);
  CHECK(a.mtime == Timestamp{1'700'000'000, 123'456'789});
  CHECK(a.header_offset == 0);
  CHECK(At(*tree, "").implied);
  CHECK(At(*tree, "").mtime == a.mtime);
  CHECK_FALSE(At(*tree, "a/b").implied);
  CHECK(At(*tree, "a/b").mode == 0750);
  CHECK(At(*tree, "a/c").mtime == Timestamp{1'700'002'048, 123'456'789});
}

TEST_CASE("An entry for the root itself sets its attributes") {
  for (const char* path : {"./", "/", ".", "", "/../.."}) {
    EntryMaker make;
    auto tree = Tree({make.File("a"), make.Directory(path)});
    INFO(path);
    CHECK(At(*tree, "").mode == 0750);
    CHECK(At(*tree, "").uid == 1000);
    CHECK_FALSE(At(*tree, "").implied);
    CHECK(Paths(*tree) == "a");
  }
}

TEST_CASE("Nothing replaces the root, not even an empty one") {
  EntryMaker make;
  auto tree = Tree({make.File("./"), make.Symlink("/", "x"), make.HardLink(".", "x")});
  CHECK(tree->node_count() == 1);
  CHECK(ValueOf(tree->warnings()).count == 3);
}

TEST_CASE("Paths are brought inside the tree as GNU tar does it") {
  struct Case {
    const char* path;
    const char* inside;
  };
  for (Case c : {Case{"/etc/passwd", "etc/passwd"}, Case{"//etc//passwd", "etc/passwd"},
                 Case{"./a/./b", "a/b"}, Case{"a/../b", "b"}, Case{"../../x", "x"},
                 Case{"a/../../b/../c/d", "c/d"}, Case{"..a/b..", "..a/b.."},
                 Case{"a/...", "a/..."}, Case{"a/b/", "a/b"}, Case{"a/b//.//", "a/b"}}) {
    EntryMaker make;
    auto tree = Tree({make.Directory(c.path)});
    INFO(c.path);
    CHECK(ValueOf(tree->Path(tree->node_count() - 1)) == c.inside);
  }
}

TEST_CASE("A hard link shares the inode of what it links to") {
  EntryMaker make;
  auto tree = Tree({make.File("z/file", "12345"), make.HardLink("a", "z/file"),
                    make.HardLink("b", "./a"), make.HardLink("c", "/z//file")});
  NodeInfo file = At(*tree, "z/file");
  CHECK(file.inode == file.id);
  for (const char* path : {"a", "b", "c"}) {
    NodeInfo link = At(*tree, path);
    CHECK(link.id != file.id);
    CHECK(link.inode == file.id);
    CHECK(link.type == EntryType::kFile);
    CHECK(link.size == 5);
    CHECK(link.mode == 0640);
    CHECK(link.links == 4);
    CHECK(link.data_offset == file.data_offset);
    CHECK(ValueOf(tree->Digest(link.id)) == Sha256::Of(AsBytes("12345")));
    CHECK(ValueOf(tree->Extents(link.id)) == ValueOf(tree->Extents(file.id)));
  }
  CHECK(Warnings(*tree).empty());
}

TEST_CASE("A hard link to something that is not there is left out, with a warning") {
  EntryMaker make;
  auto tree = Tree({make.File("old"), make.HardLink("d/a", "missing"), make.HardLink("b", "old/x"),
                    make.HardLink("old", "missing"), make.HardLink("c", "d")});
  CHECK(Paths(*tree) == "d old");  // as tar x does, with the directory made before the link failed
  CHECK(At(*tree, "old").type == EntryType::kFile);
  CHECK(ValueOf(tree->warnings()).count == 4);
  CHECK(Warnings(*tree).find("c: is a hard link to a directory") != std::string::npos);
}

TEST_CASE("A hard link to itself or to what it links to already changes nothing") {
  EntryMaker make;
  auto tree = Tree({make.File("a"), make.HardLink("a", "a"), make.HardLink("b", "a"),
                    make.HardLink("b", "a"), make.HardLink("a", "b")});
  CHECK(At(*tree, "a").links == 2);
  CHECK(At(*tree, "b").inode == At(*tree, "a").id);
  CHECK(At(*tree, "a").inode == At(*tree, "a").id);
}

TEST_CASE("A file in place of the first of several hard links leaves the others their content") {
  EntryMaker make;
  auto tree = Tree({make.File("a", "old"), make.HardLink("b", "a"), make.HardLink("d/c", "a"),
                    make.File("a", "newer")});
  CHECK(At(*tree, "a").size == 5);
  CHECK(At(*tree, "a").links == 1);
  NodeInfo b = At(*tree, "b");
  CHECK(b.size == 3);
  CHECK(b.links == 2);
  CHECK(b.inode == b.id);  // the lowest node that is left
  CHECK(At(*tree, "d/c").inode == b.id);
  CHECK(ValueOf(tree->Digest(b.id)) == Sha256::Of(AsBytes("old")));
}

TEST_CASE("A hard link in place of a file takes it out of its other links' count") {
  EntryMaker make;
  auto tree = Tree({make.File("a", "1"), make.HardLink("b", "a"), make.File("c", "22"),
                    make.HardLink("b", "c")});
  CHECK(At(*tree, "a").links == 1);
  CHECK(At(*tree, "b").size == 2);
  CHECK(At(*tree, "b").inode == At(*tree, "c").id);
}

TEST_CASE("Symlinks, devices and fifos can have hard links") {
  EntryMaker make;
  TarEntry device = make.Make(EntryType::kBlockDevice, "device");
  device.device_major = 8;
  device.device_minor = 0x12345;
  auto tree = Tree({make.Symlink("symlink", "to/where"), device,
                    make.Make(EntryType::kFifo, "fifo"), make.HardLink("l1", "symlink"),
                    make.HardLink("l2", "device"), make.HardLink("l3", "fifo")});
  CHECK(ValueOf(tree->SymlinkTarget(At(*tree, "l1").id)) == "to/where");
  CHECK(At(*tree, "l1").size == 8);
  CHECK(At(*tree, "l1").inode == At(*tree, "symlink").id);
  CHECK(At(*tree, "l2").type == EntryType::kBlockDevice);
  CHECK(At(*tree, "l2").device_major == 8);
  CHECK(At(*tree, "l2").device_minor == 0x12345);
  CHECK(At(*tree, "l3").type == EntryType::kFifo);
  CHECK(At(*tree, "fifo").links == 2);
}

TEST_CASE("What no tree can hold is left out, with a warning") {
  EntryMaker make;
  std::string deep;
  for (int i = 0; i < 4097; ++i) deep += "d/";
  auto tree =
      Tree({make.File("a/" + std::string(65536, 'n')), make.File(deep),
            make.File(std::string("a\0b", 3)), make.Symlink("s", ""),
            make.Symlink("s", std::string(65536, 't')), make.Symlink("s", std::string("a\0b", 3))});
  CHECK(tree->node_count() == 1);
  CHECK(ValueOf(tree->warnings()).count == 6);
  CHECK(tree->entry_count() == 6);
}

TEST_CASE("The longest names, deepest paths and longest targets are held") {
  EntryMaker make;
  std::string name(65535, 'n');
  std::string target(65535, 't');
  std::string deep = "d";
  for (int i = 1; i < 4096; ++i) deep += "/d";
  auto tree = Tree({make.File(name), make.Symlink("s", target), make.File(deep)});
  CHECK(Has(*tree, name));
  CHECK(ValueOf(tree->SymlinkTarget(At(*tree, "s").id)) == target);
  CHECK(ValueOf(tree->Path(At(*tree, deep).id)) == deep);
  CHECK(Warnings(*tree).empty());
}

// No stack: a call for each component would need more than a process has.
TEST_CASE("A million components and a megabyte of slashes cost no stack and little memory") {
  EntryMaker make;
  std::string path;
  for (int i = 0; i < 1'000'000; ++i) path += "a/";
  std::vector<TarEntry> entries;
  for (int i = 0; i < 20; ++i) entries.push_back(make.File(path));
  entries.push_back(make.File(std::string(1'000'000, '/') + "x"));
  entries.push_back(make.File(path + "../y"));
  const test::PeakMemory memory;
  const auto tree = Tree(entries);
  // Nothing is kept of each component; a path or two is.
  CHECK(memory.Growth() < test::PeakMemory::kFactor * (uint64_t{16} << 20));
  CHECK(Paths(*tree) == "x y");
}

TEST_CASE("At most a hundred warnings are told, all are counted") {
  EntryMaker make;
  std::vector<TarEntry> entries;
  for (int i = 0; i < 250; ++i) entries.push_back(make.HardLink("a", "missing"));
  auto parts = test::MakeParts(1024);
  parts.tar.warnings = {"odd", "odder"};
  parts.tar.warning_count = 7;
  auto tree = ValueOf(test::OpenSidecar(test::BuildSidecar(entries, parts)));
  auto warnings = ValueOf(tree->warnings());
  CHECK(warnings.count == 257);
  REQUIRE(warnings.texts.size() == 102);
  CHECK(warnings.texts[0] == "odd");
  CHECK(warnings.texts[2] == "a: is a hard link to something that is not there; left out");
}

TEST_CASE("Attributes that are equal stand once, whoever they belong to") {
  EntryMaker make;
  std::vector<TarEntry> entries;
  for (int i = 0; i < 100; ++i) {
    entries.push_back(make.File(fmt::format("f{}", i)));
    entries.back().attributes = {{"security.selinux", std::string(1000, 's')},
                                 {"user.a", std::string("\0\xff", 2)}};
  }
  entries.push_back(make.Directory("d"));
  entries.back().attributes = {{"user.b", ""}};
  auto bytes = test::BuildSidecar(entries);
  CHECK(bytes.size() < 30'000);
  auto tree = ValueOf(test::OpenSidecar(bytes));
  CHECK(At(*tree, "f7").has_attributes);
  CHECK(ValueOf(tree->Attributes(At(*tree, "f7").id)) == entries[7].attributes);
  CHECK(ValueOf(tree->Attributes(At(*tree, "d").id)) == entries.back().attributes);
  CHECK_FALSE(At(*tree, "").has_attributes);
  CHECK(ValueOf(tree->Attributes(0)).empty());
}

TEST_CASE("Extents of sparse files come back, a file of nothing but a hole included") {
  EntryMaker make;
  TarEntry sparse = make.File("sparse");
  sparse.size = 1 << 20;
  sparse.extents = {{4096, sparse.data_offset, 512},
                    {8192, sparse.data_offset + 512, 0},
                    {12288, sparse.data_offset + 512, 10}};
  TarEntry hole = make.File("hole");
  hole.size = uint64_t{1} << 40;
  hole.extents = {};
  auto tree = Tree({sparse, hole, make.File("empty", ""), make.File("full", "1234567")});
  CHECK(At(*tree, "sparse").sparse);
  sparse.extents.erase(sparse.extents.begin() + 1);
  CHECK(ValueOf(tree->Extents(At(*tree, "sparse").id)) == sparse.extents);
  CHECK(At(*tree, "hole").sparse);
  CHECK(At(*tree, "hole").size == uint64_t{1} << 40);
  CHECK(ValueOf(tree->Extents(At(*tree, "hole").id)).empty());
  CHECK_FALSE(At(*tree, "empty").sparse);
  CHECK(ValueOf(tree->Extents(At(*tree, "empty").id)).empty());
  CHECK_FALSE(At(*tree, "full").sparse);
  CHECK(ValueOf(tree->Extents(At(*tree, "full").id)) ==
        std::vector<Extent>{{0, At(*tree, "full").data_offset, 7}});
}

TEST_CASE("Times of every age come back to the nanosecond") {
  EntryMaker make;
  std::vector<TarEntry> entries;
  for (Timestamp time :
       {Timestamp{0, 0}, Timestamp{-1, 999'999'999}, Timestamp{-1'000, 1}, Timestamp{INT64_MAX, 5},
        Timestamp{INT64_MIN, 0}, Timestamp{INT64_MIN / 1'000'000'000 - 1, 145'224'192},
        Timestamp{9'223'372'036, 854'775'807}}) {
    entries.push_back(make.File(fmt::format("f{}", entries.size())));
    entries.back().mtime = time;
  }
  auto tree = Tree(entries);
  for (const TarEntry& entry : entries) {
    INFO(entry.path);
    CHECK(At(*tree, entry.path).mtime == entry.mtime);
  }
}

TEST_CASE("Headers of more than 32 MiB before a file are no matter") {
  EntryMaker make;
  TarEntry entry = make.File("a");
  entry.header_offset = 512;
  entry.data_offset = uint64_t{100'000} * 512;
  entry.extents = {{0, entry.data_offset, entry.size}};
  auto tree = ValueOf(
      test::OpenSidecar(test::BuildSidecar({entry}, test::MakeParts(entry.data_offset + 1024))));
  CHECK(At(*tree, "a").header_offset == 512);
  CHECK(At(*tree, "a").data_offset == entry.data_offset);
}

TEST_CASE("A file without a digest says so, and moves nobody else's") {
  EntryMaker make;
  std::vector<TarEntry> entries;
  for (int i = 0; i < 300; ++i) {
    entries.push_back(make.File(fmt::format("f{:03}", i), std::to_string(i)));
    if (i % 3 == 0) entries.back().digest.reset();
  }
  auto tree = Tree(entries);
  for (int i = 0; i < 300; ++i) {
    auto digest = ValueOf(tree->Digest(At(*tree, entries[static_cast<size_t>(i)].path).id));
    CHECK(digest == entries[static_cast<size_t>(i)].digest);
  }
  CHECK_FALSE(ValueOf(tree->Digest(kRootNode)).has_value());
}

TEST_CASE("An archive with a broken entry or without its end is not complete") {
  EntryMaker make;
  TarEntry broken = make.File("a");
  broken.complete = false;
  CHECK_FALSE(Tree({broken})->complete());
  CHECK_FALSE(At(*Tree({broken}), "a").complete);
  CHECK(Tree({make.File("a")})->complete());
  auto parts = test::MakeParts(4096);
  parts.tar.end_marker = false;
  CHECK_FALSE(ValueOf(test::OpenSidecar(test::BuildSidecar({}, parts)))->complete());
}

TEST_CASE("Entries with impossible offsets, times or extents are refused") {
  EntryMaker make;
  std::vector<TarEntry> entries(7, make.File("a", "1234567"));
  entries[0].header_offset = 100;
  entries[1].data_offset = entries[1].header_offset + 1;
  entries[2].header_offset = 10240;
  entries[3].mtime.nanoseconds = 1'000'000'000;
  entries[4].extents = {{4, 512, 4}};
  entries[5].extents = {{4, 512, 1}, {3, 1024, 1}};
  entries[6].extents = {{0, UINT64_MAX, 7}};
  for (const TarEntry& entry : entries) {
    SidecarBuilder builder;
    auto added = builder.Add(TarEntry(entry));
    REQUIRE_FALSE(added.has_value());
    CHECK(added.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("A tree that is full refuses more names") {
  ScratchMemory memory;
  ArchiveTree tree(memory, 5000);
  EntryMaker make;
  Result<void> added;
  int count = 0;
  for (; added && count < 6000; ++count) added = tree.Add(make.File(fmt::format("f{}", count)));
  CHECK(count == 5000);  // with the root; the last one is refused
  REQUIRE_FALSE(added.has_value());
  CHECK(added.error().kind == ErrorKind::kLimit);
}

}  // namespace orcio
