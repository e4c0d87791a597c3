// Files that a tar may have read as others, for their directories changed places meanwhile.

#include "archiver/layers/moved_files.h"

#include "archiver/layers/layer.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

constexpr int64_t kListed = 1'000;  // seconds; directories that changed later may have moved
constexpr int64_t kOld = 500 * kNanosecondsASecond;
constexpr int64_t kLater = 1'001 * kNanosecondsASecond;

HostFile Directory(uint64_t inode, int64_t ctime_ns = kOld) {
  HostFile file;
  file.type = EntryType::kDirectory;
  file.mode = 0755;
  file.inode = inode;
  file.mtime_ns = file.ctime_ns = ctime_ns;
  return file;
}

HostFile Regular(uint64_t inode, uint64_t size, int64_t mtime_ns) {
  HostFile file;
  file.mode = 0644;
  file.inode = inode;
  file.size = size;
  file.mtime_ns = mtime_ns;
  file.ctime_ns = kOld;
  return file;
}

TarEntry EntryOf(std::string path, const HostFile& file) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.type = file.type;
  entry.mode = file.mode;
  entry.size = file.size;
  entry.mtime.seconds = file.mtime_ns / kNanosecondsASecond;
  entry.mtime.nanoseconds = static_cast<uint32_t>(file.mtime_ns % kNanosecondsASecond);
  return entry;
}

// srv with two directories, and what a layer holds of them.
struct Tree {
  ScratchMemory memory;
  InternedBytes paths{memory};
  Layer layer{memory, paths};
  HostListing now{memory, paths};

  // A file that has not changed since, as far as anybody can tell.
  void Add(const std::string& path, const HostFile& file) { Add(path, file, file, file); }
  void Add(const std::string& path, const HostFile& listed, const HostFile& read,
           const HostFile& later) {
    (void)layer.files().Add(path, listed);
    layer.AddEntry(EntryOf(path, read));
    (void)now.Add(path, later);
  }
  void AddDirectory(const std::string& path, uint64_t inode, int64_t later_ns) {
    Add(path, Directory(inode), Directory(inode), Directory(inode, later_ns));
  }

  [[nodiscard]] bool IsHeld(const std::string& path) {
    return WhereHeld(now, {&layer}, {kListed}, memory)[now.Find(path).value()] == 0;
  }
};

}  // namespace

TEST_CASE("Where no directory moved, each file is what its own times say") {
  Tree tree;
  tree.AddDirectory("srv", 1, kLater);
  tree.AddDirectory("srv/a", 2, kOld);
  // Of one look, and not as listed.
  tree.Add("srv/a/twin", Regular(4, 10, kOld));
  tree.Add("srv/twin", Regular(5, 10, kOld), Regular(5, 11, kOld), Regular(5, 10, kOld));
  CHECK(tree.IsHeld("srv/a/twin"));
  CHECK(tree.IsHeld("srv/twin"));
}

TEST_CASE("A directory in which something was made, but not beside it, has not moved") {
  Tree tree;
  tree.AddDirectory("srv", 1, kOld);
  tree.AddDirectory("srv/a", 2, kLater);
  tree.Add("srv/a/twin", Regular(4, 10, kOld));
  tree.Add("srv/twin", Regular(5, 10, kOld));
  CHECK(tree.IsHeld("srv/a/twin"));
}

TEST_CASE("Below a directory that may have moved, a file counts whose header is no other's") {
  Tree tree;
  tree.AddDirectory("srv", 1, kLater);
  tree.AddDirectory("srv/a", 2, kLater);
  tree.AddDirectory("srv/a/deep", 3, kOld);
  tree.AddDirectory("srv/b", 4, kLater);
  tree.Add("srv/a/deep/one", Regular(10, 10, kOld));
  tree.Add("srv/a/deep/two", Regular(11, 10, kOld));
  CHECK(tree.IsHeld("srv/a/deep/one"));
  CHECK(tree.IsHeld("srv/a/deep/two"));

  SECTION("not where the header says that it was another one") {
    const auto file = Regular(12, 20, kOld), other = Regular(13, 20, kOld + 1);
    tree.Add("srv/a/deep/read", file, other, file);
    CHECK_FALSE(tree.IsHeld("srv/a/deep/read"));
  }
  SECTION("not where another file of its name looks the same") {
    tree.Add("srv/a/twin", Regular(12, 20, kOld));
    tree.Add("srv/b/twin", Regular(13, 20, kOld));
    CHECK_FALSE(tree.IsHeld("srv/a/twin"));
    CHECK_FALSE(tree.IsHeld("srv/b/twin"));
  }
  SECTION("not by a part of a second, which not every tar has") {
    tree.Add("srv/a/twin", Regular(12, 20, kOld + 1));
    tree.Add("srv/b/twin", Regular(13, 20, kOld + 2));
    CHECK_FALSE(tree.IsHeld("srv/a/twin"));
  }
  SECTION("not what has other names, or is no regular file") {
    auto linked = Regular(12, 20, kOld);
    linked.links = 2;
    tree.Add("srv/a/one", linked);
    tree.Add("srv/b/other", linked);
    auto symlink = Regular(13, 3, kOld);
    symlink.type = EntryType::kSymlink;
    tree.Add("srv/a/symlink", symlink);
    CHECK_FALSE(tree.IsHeld("srv/a/one"));
    CHECK_FALSE(tree.IsHeld("srv/b/other"));
    CHECK_FALSE(tree.IsHeld("srv/a/symlink"));
  }
}

TEST_CASE("A directory that is another one by now may have been anything") {
  Tree tree;
  tree.AddDirectory("srv", 1, kOld);
  tree.Add("srv/a", Directory(2), Directory(2), Directory(3));
  tree.Add("srv/a/twin", Regular(4, 10, kOld));
  tree.Add("srv/twin", Regular(5, 10, kOld));
  CHECK_FALSE(tree.IsHeld("srv/a/twin"));
  CHECK(tree.IsHeld("srv/twin"));
}

TEST_CASE("What the stopped service had is not asked again") {
  Tree tree;
  tree.AddDirectory("srv", 1, kLater);
  const auto linked = Regular(4, 10, kOld);
  const uint32_t file = tree.layer.files().Add("srv/a/twin", linked);
  tree.layer.AddEntry(file, 0, true);
  (void)tree.now.Add("srv/a", Directory(2, kLater));
  (void)tree.now.Add("srv/a/twin", linked);
  const auto where = WhereHeld(tree.now, {&tree.layer}, {std::nullopt}, tree.memory);
  CHECK(where[tree.now.Find("srv/a/twin").value()] == 0);
}

}  // namespace orcio
