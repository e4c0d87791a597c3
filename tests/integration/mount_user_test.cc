#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "fusefs/mount_table.h"
#include "tests/integration/mounted_repository.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/needs.h"

namespace orcio {
namespace {

using namespace test;

void Must(int result, const std::string& what) {
  if (result != 0) SkipOrFail("this test needs " + what + ": " + std::strerror(errno));
}

// While this lives, this process and its children have a /dev/fuse that anybody may open, as
// distributions have it, whatever the machine's own allows; and an /etc/fuse.conf of the test's.
class PrivateFuse {
 public:
  PrivateFuse() {
    Must(::unshare(CLONE_NEWNS), "a mount namespace");
    Must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
    std::filesystem::create_directory(devices());
    Must(::mount("none", devices().c_str(), "tmpfs", 0, nullptr), "a tmpfs");
    const auto fuse = devices() / "fuse";
    Must(::mknod(fuse.c_str(), S_IFCHR | 0666, ::makedev(10, 229)), "mknod");
    Must(::chmod(fuse.c_str(), 0666), "chmod");
    Must(::mount(fuse.c_str(), "/dev/fuse", nullptr, MS_BIND, nullptr), "a private /dev/fuse");
    const int opened = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
    Must(opened < 0 ? -1 : ::close(opened), "/dev/fuse");
    Allow("");
    Must(::mount(conf().c_str(), "/etc/fuse.conf", nullptr, MS_BIND, nullptr),
         "a private /etc/fuse.conf");
  }
  ~PrivateFuse() {
    for (const char* path : {"/etc/fuse.conf", "/dev/fuse", devices().c_str()})
      (void)::umount2(path, MNT_DETACH);
  }
  void Allow(const char* word) const { std::ofstream(conf()) << word << "\n"; }

 private:
  [[nodiscard]] std::filesystem::path devices() const { return scratch_ / "dev"; }
  [[nodiscard]] std::filesystem::path conf() const { return scratch_ / "fuse.conf"; }
  ScratchDirectory scratch_;
};

const PrivateFuse& Fuse() {
  static const PrivateFuse fuse;
  return fuse;
}

// A repository and a mountpoint of an ordinary user's, who cannot read what root made here.
class UserRepository : public MountedRepository {
 public:
  UserRepository() {
    NeedRoot();
    Fuse().Allow("");
    std::filesystem::create_directory(mountpoint());
    // The program may stand where only root can go.
    std::filesystem::copy_file(BuiltProgram(), program());
    const auto readable = std::filesystem::perms(0755);
    std::filesystem::permissions(scratch_.path(), readable);
    std::filesystem::permissions(directory().parent_path(), readable);
  }
  ~UserRepository() { (void)UnmountDirectory(mountpoint(), true); }

  [[nodiscard]] std::filesystem::path mountpoint() const { return scratch_ / "mnt"; }
  [[nodiscard]] std::filesystem::path program() const { return scratch_ / "orcio"; }

  // To be called once all is archived.
  void GiveToUser() const {
    MustRun({"chown", "-R", "65534:65534", directory().string(), mountpoint().string()});
  }
  [[nodiscard]] Ended AsUser(const std::vector<std::string>& words) const {
    std::vector<std::string> all{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    all.insert(all.end(), words.begin(), words.end());
    return RunCommand(all);
  }
  [[nodiscard]] Ended Orcio(const std::vector<std::string>& words) const {
    std::vector<std::string> all{program().string(), "-r", directory().string()};
    all.insert(all.end(), words.begin(), words.end());
    return AsUser(all);
  }
  [[nodiscard]] bool mounted() const {
    return ValueOf(MountedType(mountpoint())) == std::optional<std::string>("fuse.orcio");
  }

 private:
  ScratchDirectory scratch_;
};

}  // namespace

TEST_CASE_METHOD(UserRepository, "A user mounts for that user alone, and unmounts") {
  Write("secret", "of somebody else's");
  std::filesystem::permissions(source() / "secret", std::filesystem::perms(0600));
  Archive("wiki-2026-11-23T020000Z.tar.gz");
  GiveToUser();
  const std::string file = mountpoint() / "wiki/latest/secret";

  const Ended mount = Orcio({"mount", mountpoint().string()});
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  CHECK(mount.out + mount.err == "");
  REQUIRE(mounted());
  // Whoever can read the archive can read all that is in it: the archived owner guards nothing
  // here.
  CHECK(AsUser({"cat", file}).out == "of somebody else's");
  CHECK(AsUser({"stat", "--format=%u %a", file}).out == "0 600\n");
  CHECK(AsUser({"touch", file}).err.find("Read-only file system") != std::string::npos);
  // Not even root sees it.
  struct stat status {};
  CHECK(::stat(file.c_str(), &status) != 0);
  CHECK(errno == EACCES);

  const Ended umount = Orcio({"umount", mountpoint().string()});
  INFO(umount.err);
  CHECK(umount.status == 0);
  CHECK_FALSE(mounted());
}

TEST_CASE_METHOD(UserRepository, "A user shares a mount only where fuse.conf allows it") {
  Write("open", "to all");
  Write("secret", "of root's");
  std::filesystem::permissions(source() / "secret", std::filesystem::perms(0600));
  Archive("wiki-2026-11-23T020000Z.tar.gz");
  GiveToUser();
  const std::vector<std::string> words{"mount", "-o", "allow_other", mountpoint().string()};

  const Ended refused = Orcio(words);
  CHECK(refused.status != 0);
  INFO(refused.err);
  CHECK(refused.err.find("user_allow_other") != std::string::npos);
  CHECK_FALSE(mounted());

  Fuse().Allow("user_allow_other");
  const Ended shared = Orcio(words);
  INFO(shared.err);
  REQUIRE(shared.status == 0);
  // Now the archived permissions guard: another user reads what all may read, and no more.
  const auto cat = [&](const char* name) {
    return RunCommand({"setpriv", "--reuid=1", "--regid=1", "--clear-groups", "cat",
                       (mountpoint() / "wiki/latest" / name).string()});
  };
  CHECK(cat("open").out == "to all");
  CHECK(cat("secret").err.find("Permission denied") != std::string::npos);
  CHECK(Orcio({"umount", mountpoint().string()}).status == 0);
}

TEST_CASE_METHOD(UserRepository, "Root unmounts what a user has mounted") {
  Write("file", "content");
  Archive("wiki-2026-11-23T020000Z.tar.gz");
  GiveToUser();
  REQUIRE(Orcio({"mount", mountpoint().string()}).status == 0);
  REQUIRE(mounted());
  const Ended umount = RunCommand({program().string(), "umount", mountpoint().string()});
  INFO(umount.err);
  CHECK(umount.status == 0);
  CHECK_FALSE(mounted());
}

TEST_CASE_METHOD(UserRepository, "A user without a readable repository is told which") {
  Archive("wiki-2026-11-23T020000Z.tar.gz");
  GiveToUser();
  std::filesystem::permissions(directory(), std::filesystem::perms(0));
  MustRun({"chown", "0:0", directory().string()});
  const Ended mount = Orcio({"mount", mountpoint().string()});
  CHECK(mount.status == 1);
  CHECK(mount.err.find(directory().string()) != std::string::npos);
  CHECK_FALSE(mounted());
}

}  // namespace orcio
