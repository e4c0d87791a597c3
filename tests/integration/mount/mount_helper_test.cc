#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "fusefs/system/mount_table.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

using namespace test;

void Must(int result, const std::string& what) {
  if (result != 0) SkipOrFail("this test needs " + what + ": " + std::strerror(errno));
}

// While this lives, this process and its children have orcio in /usr/local/bin, and an /etc/fstab
// of the test's.
class InstalledProgram {
 public:
  InstalledProgram() {
    if (::access("/sbin/mount.fuse", X_OK) != 0) SkipOrFail("this test needs mount.fuse3");
    Must(::unshare(CLONE_NEWNS), "a mount namespace");
    Must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
    std::filesystem::create_directory(programs());
    std::filesystem::copy_file(BuiltProgram(), programs() / "orcio");
    Must(::mount(programs().c_str(), "/usr/local/bin", nullptr, MS_BIND, nullptr),
         "a private /usr/local/bin");
    std::ofstream(fstab()) << "";
    Must(::mount(fstab().c_str(), "/etc/fstab", nullptr, MS_BIND, nullptr), "a private /etc/fstab");
  }
  ~InstalledProgram() {
    for (const char* covered : {"/etc/fstab", "/usr/local/bin"}) ::umount2(covered, MNT_DETACH);
  }
  InstalledProgram(const InstalledProgram&) = delete;
  InstalledProgram& operator=(const InstalledProgram&) = delete;

  [[nodiscard]] std::filesystem::path programs() const { return scratch_ / "bin"; }
  // The file that covers /etc/fstab: written in place.
  [[nodiscard]] std::filesystem::path fstab() const { return scratch_ / "fstab"; }

 private:
  ScratchDirectory scratch_;
};

const InstalledProgram& Installed() {
  static const InstalledProgram installed;
  return installed;
}

class HelperRepository : public LiveRepository {
 public:
  HelperRepository() {
    Installed();
    std::filesystem::create_directory(mountpoint());
    Write("file", "content");
    Archive("wiki-2025-11-23T020000Z.tar.gz");
  }
  ~HelperRepository() {
    if (mounted()) (void)UnmountDirectory(mountpoint(), true);
  }

  [[nodiscard]] std::filesystem::path mountpoint() const { return scratch_ / "mnt"; }
  [[nodiscard]] bool mounted() const {
    return ValueOf(MountedType(mountpoint())) == std::optional<std::string>("fuse.orcio");
  }
  [[nodiscard]] bool serves() const {
    return ReadAll(mountpoint() / "wiki/latest/file") == "content";
  }
  void WriteFstab(const std::string& options) const {
    std::ofstream(Installed().fstab()) << directory().string() << " " << mountpoint().string()
                                       << " fuse.orcio " << options << " 0 0\n";
  }
  void CheckUnmounts() const {
    CHECK(RunCommand({"umount", mountpoint().string()}).status == 0);
    CHECK_FALSE(mounted());
  }

 private:
  ScratchDirectory scratch_;
};

}  // namespace

TEST_CASE_METHOD(HelperRepository, "mount -t fuse.orcio mounts a repository, and umount unmounts") {
  const Ended mount = RunCommand({"mount", "-t", "fuse.orcio", "-o", "noexec,cache_size=1M",
                                  directory().string(), mountpoint().string()});
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  CHECK(mount.out + mount.err == "");
  CHECK(serves());
  const Ended found =
      RunCommand({"findmnt", "-n", "-o", "SOURCE,FSTYPE,VFS-OPTIONS", mountpoint().string()});
  CHECK(found.out == directory().string() + " fuse.orcio ro,nosuid,nodev,noexec,relatime\n");
  CheckUnmounts();
}

// Options took all words after them: "unknown mount option", and the mountpoint's name.
TEST_CASE_METHOD(HelperRepository, "orcio mount takes its options before its mountpoint") {
  const Ended mount = RunCommand({BuiltProgram(), "-r", directory().string(), "mount", "-o",
                                  "cache_size=1M", "-o", "noexec", mountpoint().string()});
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  CHECK(serves());
  CheckUnmounts();
}

TEST_CASE_METHOD(HelperRepository, "What cannot be mounted is said, and mount's status is 32") {
  const auto mount = [&](const std::string& options, const std::string& source) {
    return RunCommand({"mount", "-t", "fuse.orcio", "-o", options, source, mountpoint().string()});
  };
  const Ended bogus = mount("bogus", directory());
  CHECK(bogus.status == 32);
  CHECK(bogus.err.find("bogus") != std::string::npos);
  const Ended missing = mount("ro", "/no/such/repository");
  CHECK(missing.status == 32);
  CHECK(missing.err.find("/no/such/repository") != std::string::npos);
  CHECK_FALSE(mounted());
}

TEST_CASE_METHOD(HelperRepository,
                 "A line in fstab is enough, for mount -a and for the mountpoint") {
  WriteFstab("defaults,nofail,x-systemd.automount");
  REQUIRE(RunCommand({"mount", "-a"}).status == 0);
  CHECK(serves());
  // It is known as mounted by its source, and not mounted again.
  const Ended again = RunCommand({"mount", "-a"});
  CHECK(again.status == 0);
  CHECK(again.err == "");
  CheckUnmounts();
  WriteFstab("ro,noauto");
  REQUIRE(RunCommand({"mount", "-a"}).status == 0);
  CHECK_FALSE(mounted());
  REQUIRE(RunCommand({"mount", mountpoint().string()}).status == 0);
  CHECK(serves());
  CheckUnmounts();
}

// "A subcommand is required": mount.fuse3 starts orcio without one.
TEST_CASE_METHOD(HelperRepository, "Lines of fstab as people write them mount the repository") {
  for (const char* options :
       {"ro,nofail", "defaults,noatime,_netdev,x-systemd.requires-mounts-for=/srv",
        "rw,sync,dirsync,lazytime,nodiratime,norelatime,iversion,mand,comment=archives,X-mount."
        "mkdir",
        "ro,noauto,users,noallow_other,symlinks=inside,cache_size=1M"}) {
    CAPTURE(options);
    WriteFstab(options);
    const Ended mount = RunCommand({"mount", mountpoint().string()});
    INFO(mount.err);
    CHECK(mount.status == 0);
    // What mount(8) has to say of a changed fstab is its own.
    CHECK(mount.err.find("orcio:") == std::string::npos);
    CHECK(serves());
    CheckUnmounts();
  }
  // As mount.fuse has had it before there were types.
  const Ended old = RunCommand(
      {"mount", "-t", "fuse", "-o", "ro", "orcio#" + directory().string(), mountpoint().string()});
  INFO(old.err);
  CHECK(old.status == 0);
  CHECK(serves());
  CheckUnmounts();
}

// It was an unknown option, or, had it been passed over, one that nobody kept.
TEST_CASE_METHOD(HelperRepository, "With nosymfollow in fstab no symlink leads anywhere") {
  WriteFstab("ro,nosymfollow,nofail");
  const Ended mount = RunCommand({"mount", mountpoint().string()});
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  const auto service = mountpoint() / "wiki";
  CHECK(ReadAll(service / "2025-11-23T020000Z/file") == "content");
  CHECK(std::filesystem::read_symlink(service / "latest") == "2025-11-23T020000Z");
  CHECK(::open((service / "latest/file").c_str(), O_RDONLY | O_CLOEXEC) == -1);
  CHECK(errno == ELOOP);
  const Ended found = RunCommand({"findmnt", "-n", "-o", "VFS-OPTIONS", mountpoint().string()});
  CHECK(found.out.starts_with("ro,nosuid,nodev,"));
  CHECK(found.out.find("nosymfollow") != std::string::npos);
  CheckUnmounts();
}

TEST_CASE_METHOD(HelperRepository, "Who would remount with other options is told how") {
  WriteFstab("ro");
  REQUIRE(RunCommand({"mount", mountpoint().string()}).status == 0);
  const Ended remount = RunCommand({"mount", "-o", "remount,noexec", mountpoint().string()});
  CHECK(remount.status != 0);
  INFO(remount.err);
  CHECK(remount.err.find("remount") != std::string::npos);
  CHECK(serves());
  CheckUnmounts();
}

TEST_CASE_METHOD(HelperRepository, "What a server that was killed has left is cleared by mount") {
  WriteFstab("ro");
  const pid_t server = ::fork();
  REQUIRE(server >= 0);
  if (server == 0) {
    ::execl(BuiltProgram(), "orcio", "-r", directory().c_str(), "mount", "-f", mountpoint().c_str(),
            nullptr);
    ::_exit(1);
  }
  REQUIRE(Eventually([&] { return serves(); }));
  REQUIRE(::kill(server, SIGKILL) == 0);
  REQUIRE(::waitpid(server, nullptr, 0) == server);
  CHECK(mounted());
  CHECK_FALSE(serves());
  const Ended mount = RunCommand({"mount", mountpoint().string()});
  INFO(mount.err);
  CHECK(mount.status == 0);
  CHECK(serves());
  CheckUnmounts();
}

TEST_CASE_METHOD(HelperRepository,
                 "A link of the name that mount looks for in /sbin does as well") {
  std::filesystem::create_symlink("/usr/local/bin/orcio",
                                  Installed().programs() / "mount.fuse.orcio");
  const std::string layers = "lowerdir=/usr/sbin:" + Installed().programs().string();
  Must(::mount("overlay", "/usr/sbin", "overlay", MS_RDONLY, layers.c_str()), "overlayfs");
  const Ended mount =
      RunCommand({"mount", "-t", "fuse.orcio", directory().string(), mountpoint().string()});
  ::umount2("/usr/sbin", MNT_DETACH);
  INFO(mount.err);
  CHECK(mount.status == 0);
  CHECK(serves());
  CheckUnmounts();
}

}  // namespace orcio
