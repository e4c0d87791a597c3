#include "fusefs/tree/link_inside.h"

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>

#include "fusefs/tree/namespace.h"
#include "index/sidecar/read/path_lookup.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

// An archive of what a script has made, and the way from a path to what its symlink says inside.
class LinkedArchive {
 public:
  explicit LinkedArchive(const std::string& script) {
    std::filesystem::create_directory(scratch_ / "tree");
    test::MustRunShell(script, {.input = {}, .environment = {}, .directory = scratch_ / "tree"});
    std::filesystem::create_directory(repository());
    const auto made = test::MakeArchive(repository() / "wiki-2026-11-23T020000Z.tar.gz",
                                        test::TarOf(scratch_ / "tree"));
    sidecar_ = ValueOf(Sidecar::Open(LocalFileSystem(), made.sidecar));
  }

  [[nodiscard]] std::filesystem::path repository() const { return scratch_ / "repository"; }
  [[nodiscard]] std::string Target(const std::string& link) const {
    INFO(link);
    return ValueOf(LinkInside(*sidecar_, ValueOf(FindFollowing(*sidecar_, link, false))));
  }

 private:
  test::ScratchDirectory scratch_;
  std::shared_ptr<const Sidecar> sidecar_;
};

}  // namespace

// Whoever followed one read the live file of the machine that the archive is mounted on.
TEST_CASE("An absolute target is written from the directory that the link is in") {
  const LinkedArchive archive(
      "mkdir -p srv/wiki/data etc; touch etc/passwd; ln -s /etc/passwd top; "
      "ln -s /etc/passwd srv/wiki/deep; ln -s /srv/wiki/data/ srv/wiki/slash; "
      "ln -s //etc//passwd srv/double; ln -s / srv/wiki/root; ln -s / here; "
      "ln -s /nowhere/at/all srv/dangling; ln -s /srv/./wiki/../wiki srv/dots");
  CHECK(archive.Target("top") == "etc/passwd");
  CHECK(archive.Target("srv/wiki/deep") == "../../etc/passwd");
  CHECK(archive.Target("srv/wiki/slash") == "../../srv/wiki/data/");
  CHECK(archive.Target("srv/double") == "../etc/passwd");
  CHECK(archive.Target("srv/wiki/root") == "../../");
  CHECK(archive.Target("here") == ".");
  CHECK(archive.Target("srv/dangling") == "../nowhere/at/all");
  CHECK(archive.Target("srv/dots") == "../srv/./wiki/../wiki");
}

TEST_CASE("A relative target that stays inside is left as it was archived") {
  const LinkedArchive archive(
      "mkdir -p srv/wiki; touch srv/wiki/page; ln -s wiki/page srv/plain; ln -s ../srv srv/up; "
      "ln -s wiki//page srv/double; "
      "ln -s .. srv/wiki/parent; ln -s none/../../../../.. srv/dangling");
  CHECK(archive.Target("srv/plain") == "wiki/page");
  CHECK(archive.Target("srv/up") == "../srv");
  CHECK(archive.Target("srv/double") == "wiki//page");
  CHECK(archive.Target("srv/wiki/parent") == "..");
  // Nobody gets behind a name that is not there.
  CHECK(archive.Target("srv/dangling") == "none/../../../../..");
}

TEST_CASE("No target climbs out of the archive, however many dots it has") {
  const LinkedArchive archive(
      "mkdir -p srv/wiki etc; ln -s ../../../../etc/passwd srv/wiki/climbs; "
      "ln -s /../../etc/passwd srv/wiki/from-root; ln -s ../.. srv/above; "
      "ln -s wiki/../../../etc srv/later");
  CHECK(archive.Target("srv/wiki/climbs") == "../../etc/passwd");
  CHECK(archive.Target("srv/wiki/from-root") == "../../etc/passwd");
  CHECK(archive.Target("srv/above") == "../");
  CHECK(archive.Target("srv/later") == "wiki/../../etc");
}

TEST_CASE("Links on the way count for where they lead, not for the name they have") {
  const LinkedArchive archive(
      "mkdir -p a/b/c etc; ln -s / a/b/c/top; ln -s top/../../etc a/b/c/climbs; "
      "ln -s /a/b/c short; ln -s short/../../../.. over; ln -s short/../.. exact; "
      "ln -s loop loop; ln -s loop/../../.. past-loop; "
      "ln -s /short/../../../../etc a/absolute");
  CHECK(archive.Target("a/b/c/climbs") == "top/etc");
  CHECK(archive.Target("over") == "short/../../../");
  CHECK(archive.Target("exact") == "short/../..");
  CHECK(archive.Target("past-loop") == "loop/../../..");
  CHECK(archive.Target("a/absolute") == "../short/../../../etc");
}

// The kernel knows one target for an inode, and cuts it off at the size it was told.
TEST_CASE("Names of one symlink have targets of their own, and sizes that are theirs") {
  const LinkedArchive archive("mkdir -p a/b; ln -s /etc/passwd one; ln -P one a/b/two");
  SpanCache cache(1);
  const bool inside = GENERATE(false, true);
  Namespace::Options options;
  options.symlinks_inside = inside;
  const auto tree = ValueOf(Namespace::Open(Repository(LocalFileSystem(), archive.repository()),
                                            cache, std::move(options)));
  const auto walk = [&](const std::filesystem::path& path) {
    auto at = ValueOf(tree->Stat(Namespace::kRoot));
    for (const auto& part : path) {
      const auto found = ValueOf(tree->Lookup(at.inode, part.string()));
      REQUIRE(found.has_value());
      at = *found;
    }
    return at;
  };
  const auto one = walk("wiki/2026-11-23T020000Z/one");
  const auto two = walk("wiki/2026-11-23T020000Z/a/b/two");
  CHECK((one.inode == two.inode) == !inside);
  for (const auto& [link, target] : {std::pair{one, inside ? "etc/passwd" : "/etc/passwd"},
                                     {two, inside ? "../../etc/passwd" : "/etc/passwd"}}) {
    CHECK(ValueOf(tree->ReadLink(link.inode)) == target);
    CHECK(link.size == std::string_view(target).size());
  }
  // As readdir(3) has it, too.
  Namespace::Inode listed = 0;
  const auto above = walk("wiki/2026-11-23T020000Z/a/b");
  REQUIRE_OK(tree->List(above.inode, 2, false, [&](std::string_view, const auto& node, uint64_t) {
    listed = node.inode;
    return true;
  }));
  CHECK(listed == two.inode);
}

TEST_CASE("A target that gets too long to stay inside is an error, not a part of it") {
  const LinkedArchive archive(
      "d=$(printf 'd/%.0s' $(seq 100)); mkdir -p $d; t=$(printf 'x/%.0s' $(seq 2000)); "
      "ln -s /$t ${d}link");
  SpanCache cache(1);
  Namespace::Options options;
  options.symlinks_inside = true;
  const auto tree = ValueOf(Namespace::Open(Repository(LocalFileSystem(), archive.repository()),
                                            cache, std::move(options)));
  auto at = ValueOf(
      tree->Lookup(ValueOf(tree->Lookup(Namespace::kRoot, "wiki"))->inode, "2026-11-23T020000Z"));
  for (int i = 0; i < 100; ++i) at = ValueOf(tree->Lookup(at->inode, "d"));
  const auto link = ValueOf(tree->Lookup(at->inode, "link"));
  REQUIRE(link.has_value());
  const auto target = tree->ReadLink(link->inode);
  REQUIRE_FALSE(target.has_value());
  CHECK(ToErrno(target.error()) == ENAMETOOLONG);
}

}  // namespace orcio
