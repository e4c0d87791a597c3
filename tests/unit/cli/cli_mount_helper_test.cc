#include "cli/mount/mount_helper.h"
#include "tests/support/catch.h"

namespace orcio::cli {
namespace {

using Words = std::vector<std::string>;

std::optional<MountHelperCall> Read(const Words& words) {
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  return ReadMountHelperCall(pointers);
}

Words WordsOf(const Words& words) {
  const auto call = Read(words);
  REQUIRE(call.has_value());
  return call->words;
}

}  // namespace

TEST_CASE("A call of mount(8)'s is one of `orcio mount`") {
  const Words expected{"mount.fuse.orcio", "--repository", "/srv/b", "mount", "/b"};
  CHECK(WordsOf({"mount.fuse.orcio", "/srv/b", "/b"}) == expected);
  CHECK(WordsOf({"mount.fuse.orcio", "/srv/b", "/b", "-o", "rw"}) == expected);
  CHECK(WordsOf({"mount.fuse.orcio", "/srv/b", "/b", "-n", "-s", "-v", "-t", "fuse.orcio"}) ==
        expected);
  Words with_options = expected;
  with_options.insert(with_options.end(), {"-o", "noexec,uid=5"});
  CHECK(WordsOf({"mount.fuse.orcio", "/srv/b", "/b", "-o", "rw,noexec,dev,suid,uid=5"}) ==
        with_options);
  // As mount.fuse3 does it.
  CHECK(WordsOf({"orcio", "/srv/b", "/b", "-o", "rw"})[0] == "orcio");
  // A link's name may come with its directory, a repository without.
  CHECK(WordsOf({"/sbin/mount.orcio", "backups", "/b"})[2] == "backups");
}

TEST_CASE("Only options that are exactly mount(8)'s defaults are dropped") {
  CHECK(WordsOf({"mount.orcio", "/r", "/b", "-o", "rwx,devs,bogus"}).back() == "rwx,devs,bogus");
}

TEST_CASE("What mount(8) does not say is left to be complained about") {
  CHECK(WordsOf({"mount.orcio", "/r", "/b", "--bogus"}).back() == "--bogus");
  CHECK(WordsOf({"mount.orcio", "/r", "/b", "-o"}).back() == "-o");
}

TEST_CASE("mount -f asks for nothing to be done") {
  CHECK(Read({"mount.orcio", "/r", "/b", "-f"})->fake);
  CHECK_FALSE(Read({"mount.orcio", "/r", "/b"})->fake);
}

TEST_CASE("Calls of people's are not mount(8)'s") {
  for (const Words& words : std::vector<Words>{{"orcio"},
                                               {"orcio", "mount"},
                                               {"orcio", "mount", "/backups"},
                                               {"orcio", "-r", "/srv/b", "mount", "/b"},
                                               {"orcio", "umount", "/b", "--lazy"},
                                               {"mount.orcio", "--help", "/b"},
                                               {"mount.orcio", "/srv/b"}}) {
    CHECK_FALSE(Read(words).has_value());
  }
}

}  // namespace orcio::cli
