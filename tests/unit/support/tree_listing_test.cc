#include "tests/support/trees/tree_listing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/trees/awkward_tree.h"

namespace orcio::test {
namespace {

constexpr const char* kArchive =
    "tar --format=pax --xattrs --xattrs-include='*' --acls --sparse --numeric-owner -C tree -cf - "
    ".";

void Touch(const std::filesystem::path& path, int64_t seconds, long nanoseconds) {
  const timespec times[] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

CommandOptions In(const ScratchDirectory& directory) {
  CommandOptions options;
  options.directory = directory.path().string();
  return options;
}

// A small tree with one of what the comparison must tell apart.
void MakeSmallTree(const std::filesystem::path& root) {
  std::filesystem::create_directory(root);
  std::ofstream(root / "file") << "content";
  std::ofstream(root / "other") << "content";
  std::filesystem::create_symlink("file", root / "symlink");
  REQUIRE(::setxattr((root / "file").c_str(), "user.name", "value", 5, 0) == 0);
  for (const char* name : {"file", "other", "symlink", ""}) Touch(root / name, 1000, 1);
}

}  // namespace

TEST_CASE("The awkward tree comes out of GNU tar as it went in") {
  if (::geteuid() != 0) {
    if (MustHaveAll()) FAIL("this test needs root");
    WARN("this test needs root");
    return;
  }
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "tree");
  std::filesystem::create_directory(scratch / "copy");
  MakeAwkwardTree(scratch / "tree", {.huge_sparse_bytes = uint64_t{3} << 30, .many_files = 300});
  MustRunShell(std::string(kArchive) +
                   " | tar --xattrs --xattrs-include='*' --acls --numeric-owner -p -C copy -xf -",
               In(scratch));
  const auto tree = ListTree(scratch / "tree");
  CHECK(DiffTrees(tree, ListTree(scratch / "copy")) == "");
  CHECK(tree.size() > 400);
  const auto has = [&](const auto& what) { return std::any_of(tree.begin(), tree.end(), what); };
  CHECK(has([](const TreeLine& line) { return line.path.size() == 3900; }));
  CHECK(has([](const TreeLine& line) { return line.mtime_seconds < -1'000'000; }));
  CHECK(has([](const TreeLine& line) { return line.type == 'b'; }));
  CHECK(has([](const TreeLine& line) { return line.attributes.contains("security.capability"); }));
  CHECK_FALSE(has([](const TreeLine& line) { return line.type == 's'; }));
  const auto with_sockets = ListTree(scratch / "tree", {.sockets = true});
  CHECK(with_sockets.size() == tree.size() + 1);
}

TEST_CASE("A comparison of trees shows the smallest change") {
  const ScratchDirectory scratch;
  MakeSmallTree(scratch / "left");
  MakeSmallTree(scratch / "right");
  const std::filesystem::path file = scratch / "right" / "file";
  const auto diff = [&] {
    return DiffTrees(ListTree(scratch / "left", {.root_line = true}),
                     ListTree(scratch / "right", {.root_line = true}));
  };
  REQUIRE(diff() == "");
  SECTION("a byte") {
    std::ofstream(file) << "contenT";
    Touch(file, 1000, 1);
    CHECK(diff().starts_with("file: sha256 "));
  }
  SECTION("a nanosecond") {
    Touch(file, 1000, 2);
    CHECK(diff() == "file: mtime 1000+1ns | 1000+2ns\n");
  }
  SECTION("a nanosecond of a symlink") {
    Touch(scratch / "right" / "symlink", 1000, 2);
    CHECK(diff() == "symlink: mtime 1000+1ns | 1000+2ns\n");
  }
  SECTION("an attribute") {
    REQUIRE(::setxattr(file.c_str(), "user.name", "valuE", 5, 0) == 0);
    CHECK(diff() == "file: attributes user.name=value  | user.name=valuE \n");
  }
  SECTION("a mode") {
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    CHECK(diff() == "file: mode 644 | 600\n");
  }
  SECTION("a hard link instead of a copy") {
    std::filesystem::remove(scratch / "right" / "other");
    std::filesystem::create_hard_link(file, scratch / "right" / "other");
    Touch(scratch / "right", 1000, 1);
    CHECK(diff().find("other: same as  | file\n") != std::string::npos);
  }
  SECTION("a file too many") {
    std::ofstream(scratch / "right" / "new");
    Touch(scratch / "right", 1000, 1);
    CHECK(diff() == "new: only on the right\n");
  }
  SECTION("a file missing") {
    std::filesystem::remove(scratch / "right" / "symlink");
    Touch(scratch / "right", 1000, 1);
    CHECK(diff() == "symlink: only on the left\n");
  }
}

TEST_CASE("Holes of a sparse file are listed where asked for, and never read") {
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "tree");
  MustRunShell(
      "truncate -s 1M tree/sparse && printf x | dd of=tree/sparse bs=1 seek=524288 "
      "conv=notrunc status=none && sha256sum tree/sparse | cut -c1-64 > digest",
      In(scratch));
  const auto lines = ListTree(scratch / "tree", {.data_maps = true});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].data == std::vector<std::pair<uint64_t, uint64_t>>{{524288, 4096}});
  std::string digest;
  std::ifstream(scratch / "digest") >> digest;
  CHECK(lines[0].sha256 == digest);
}

}  // namespace orcio::test
