#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/unique_fd.h"
#include "fusefs/system/mount_table.h"
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
    return As("65534", words);
  }
  // As one who has nothing to do with it.
  [[nodiscard]] Ended AsOther(const std::vector<std::string>& words) const {
    return As("1", words);
  }
  [[nodiscard]] Ended Orcio(const std::vector<std::string>& words) const {
    return AsUser(Words(words));
  }
  // The same without a home, as systemd and cron start programs; or with one of the user's.
  [[nodiscard]] static std::vector<std::string> Homeless(std::vector<std::string> words) {
    words.insert(words.begin(), {"env", "-u", "HOME", "-u", "XDG_CACHE_HOME"});
    return words;
  }
  [[nodiscard]] std::filesystem::path home() const { return scratch_ / "home"; }
  [[nodiscard]] std::vector<std::string> AtHome(std::vector<std::string> words) const {
    std::filesystem::create_directory(home());
    MustRun({"chown", "65534:65534", home().string()});
    words.insert(words.begin(), {"env", "-u", "XDG_CACHE_HOME", "HOME=" + home().string()});
    return words;
  }
  // orcio -r REPOSITORY WORDS
  [[nodiscard]] std::vector<std::string> Words(const std::vector<std::string>& words) const {
    std::vector<std::string> all{program().string(), "-r", directory().string()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  [[nodiscard]] bool mounted() const {
    return ValueOf(MountedType(mountpoint())) == std::optional<std::string>("fuse.orcio");
  }

 private:
  static Ended As(const std::string& id, const std::vector<std::string>& words) {
    std::vector<std::string> all{"setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups"};
    all.insert(all.end(), words.begin(), words.end());
    return RunCommand(all);
  }
  ScratchDirectory scratch_;
};

bool Has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

// While this lives, a directory cannot be written, by root neither.
class ReadOnly {
 public:
  explicit ReadOnly(std::filesystem::path directory) : directory_(std::move(directory)) {
    (void)Fuse();  // the mount namespace
    MustRun({"mount", "--bind", directory_.string(), directory_.string()});
    MustRun({"mount", "-o", "remount,bind,ro", directory_.string()});
  }
  ~ReadOnly() { (void)::umount2(directory_.c_str(), MNT_DETACH); }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;

 private:
  const std::filesystem::path directory_;
};

// While this lives, what is written below the directory is gone afterwards.
class Emptied {
 public:
  explicit Emptied(std::filesystem::path directory) : directory_(std::move(directory)) {
    (void)Fuse();
    MustRun({"mount", "-t", "tmpfs", "none", directory_.string()});
  }
  ~Emptied() { (void)::umount2(directory_.c_str(), MNT_DETACH); }
  Emptied(const Emptied&) = delete;
  Emptied& operator=(const Emptied&) = delete;

 private:
  const std::filesystem::path directory_;
};

// How many indexes are in there, at any depth.
size_t IndexesBelow(const std::filesystem::path& directory) {
  size_t count = 0;
  if (!std::filesystem::exists(directory)) return count;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    count += entry.path().extension() == ".idx" ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE_METHOD(UserRepository, "A user mounts for that user alone, and unmounts") {
  Write("secret", "of somebody else's");
  std::filesystem::permissions(source() / "secret", std::filesystem::perms(0600));
  Archive("wiki-2025-11-23T020000Z.tar.gz");
  GiveToUser();
  const std::string file = mountpoint() / "wiki/latest/secret";
  const std::vector<std::string> umount{"umount", mountpoint().string()};

  const Ended mount = Orcio({"mount", mountpoint().string()});
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  CHECK(mount.out + mount.err == "");
  REQUIRE(mounted());
  CHECK(AsUser({"stat", "--format=%u %a", file}).out == "0 600\n");
  CHECK(AsUser({"cat", file}).err.find("Permission denied") != std::string::npos);
  CHECK(AsUser({"touch", file}).err.find("Read-only file system") != std::string::npos);
  // Not even root sees it.
  struct stat status {};
  CHECK(::stat(file.c_str(), &status) != 0);
  CHECK(errno == EACCES);

  const Ended unmounted = Orcio(umount);
  INFO(unmounted.err);
  CHECK(unmounted.status == 0);
  CHECK_FALSE(mounted());
  // Whoever can read the archive can read all that is in it, if he says so; nobody else can.
  for (const char* words : {"nodefault_permissions", "uid=65534,gid=65534"}) {
    INFO(words);
    REQUIRE(Orcio({"mount", "-o", words, mountpoint().string()}).status == 0);
    CHECK(AsUser({"cat", file}).out == "of somebody else's");
    CHECK(AsOther({"cat", file}).status != 0);
    CHECK(Orcio(umount).status == 0);
  }
}

TEST_CASE_METHOD(UserRepository, "A user shares a mount only where fuse.conf allows it") {
  Write("open", "to all");
  Write("secret", "of root's");
  std::filesystem::permissions(source() / "secret", std::filesystem::perms(0600));
  Archive("wiki-2025-11-23T020000Z.tar.gz");
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
    return AsOther({"cat", (mountpoint() / "wiki/latest" / name).string()});
  };
  CHECK(cat("open").out == "to all");
  CHECK(cat("secret").err.find("Permission denied") != std::string::npos);
  CHECK(Orcio({"umount", mountpoint().string()}).status == 0);
}

TEST_CASE_METHOD(UserRepository, "With allow_root root looks too, and nobody else") {
  Write("open", "to all");
  Archive("wiki-2025-11-23T020000Z.tar.gz");
  GiveToUser();
  Fuse().Allow("user_allow_other");
  const Ended mount = Orcio({"mount", "-o", "allow_root,umask=0", mountpoint().string()});
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  const std::string file = mountpoint() / "wiki/latest/open";
  // Nor does another user get what the kernel has kept since the first two looked.
  CHECK(AsUser({"cat", file}).out == "to all");
  CHECK(RunCommand({"cat", file}).out == "to all");
  CHECK(RunCommand({"ls", mountpoint() / "wiki"}).status == 0);
  for (const char* program : {"cat", "stat"})
    CHECK(AsOther({program, file}).err.find("Permission denied") != std::string::npos);
  for (const auto& directory : {mountpoint(), mountpoint() / "wiki"})
    CHECK(AsOther({"ls", directory.string()}).status != 0);
  CHECK(Orcio({"umount", mountpoint().string()}).status == 0);
}

// Root's mount was open to all users, whatever root said.
TEST_CASE_METHOD(UserRepository, "Root keeps a mount to itself, or opens it, in so many words") {
  Write("of-a-remote-user", "with the number of a local one");
  Write("open", "to all");
  std::filesystem::permissions(source() / "of-a-remote-user", std::filesystem::perms(0600));
  MustRun({"chown", "1:1", (source() / "of-a-remote-user").string()});
  Archive("wiki-2025-11-23T020000Z.tar.gz");
  struct Case {
    const char* options;
    const char* of_one;  // what the local user 1 reads of it
    const char* open;
  };
  for (const auto& [options, of_one, open] :
       {Case{"ro", "with the number of a local one", "to all"}, Case{"noallow_other", "", ""},
        Case{"allow_root", "", ""}, Case{"nodefault_permissions", "", ""},
        Case{"uid=0,gid=0", "", "to all"}, Case{"umask=077", "", ""}}) {
    CAPTURE(options);
    const std::string at = mountpoint();
    const auto inside = mountpoint() / "wiki/latest";
    const Ended mount =
        RunCommand({program().string(), "-r", directory().string(), "mount", "-o", options, at});
    INFO(mount.err);
    REQUIRE(mount.status == 0);
    CHECK(RunCommand({"cat", inside / "of-a-remote-user"}).out == "with the number of a local one");
    CHECK(AsOther({"cat", inside / "of-a-remote-user"}).out == of_one);
    CHECK(AsOther({"cat", inside / "open"}).out == open);
    CHECK(RunCommand({program().string(), "umount", at}).status == 0);
  }
}

TEST_CASE_METHOD(UserRepository, "Root unmounts what a user has mounted") {
  Write("file", "content");
  Archive("wiki-2025-11-23T020000Z.tar.gz");
  GiveToUser();
  REQUIRE(Orcio({"mount", mountpoint().string()}).status == 0);
  REQUIRE(mounted());
  const Ended umount = RunCommand({program().string(), "umount", mountpoint().string()});
  INFO(umount.err);
  CHECK(umount.status == 0);
  CHECK_FALSE(mounted());
}

TEST_CASE_METHOD(UserRepository, "A user without a readable repository is told which") {
  Archive("wiki-2025-11-23T020000Z.tar.gz");
  GiveToUser();
  std::filesystem::permissions(directory(), std::filesystem::perms(0));
  MustRun({"chown", "0:0", directory().string()});
  const Ended mount = Orcio({"mount", mountpoint().string()});
  CHECK(mount.status == 1);
  CHECK(mount.err.find(directory().string()) != std::string::npos);
  CHECK_FALSE(mounted());
}

TEST_CASE_METHOD(UserRepository, "Archives of another user's are told as such, by every command") {
  // `list` said "index damaged" and exited with 0, `ls` advised `orcio index`.
  Write("file", "content");
  const auto archive = Archive("wiki-2025-11-23T020000Z.tar.gz");
  std::filesystem::permissions(directory(), std::filesystem::perms(0755));
  const bool homeless = GENERATE(true, false);
  if (GENERATE(false, true)) std::filesystem::remove(archive.string() + ".idx");
  const auto run = [&](const std::vector<std::string>& words) {
    return AsUser(homeless ? Homeless(Words(words)) : AtHome(Words(words)));
  };
  const std::vector<std::vector<std::string>> commands{
      {"list"},         {"ls", "wiki"},           {"cat", "wiki:file"},
      {"find", "file"}, {"history", "wiki:file"}, {"index"},
      {"verify"},       {"verify", "--read-data"}};
  for (const auto& words : commands) {
    const Ended ended = run(words);
    INFO(words.front() << ": " << ended.out << ended.err);
    CHECK(ended.status == 1);
    CHECK(Has(ended.err, "cannot open " + archive.string()));
    CHECK(Has(ended.err, "Permission denied; run orcio as"));
    CHECK_FALSE(Has(ended.out + ended.err, "damaged"));
    CHECK_FALSE(Has(ended.err, "orcio index"));
  }
  CHECK(Has(run({"list"}).out, "permission denied"));
}

TEST_CASE_METHOD(UserRepository,
                 "A mount whose archives its user may not read says so, and EACCES") {
  // It was EIO, and the reason in the log alone.
  Write("file", "content");
  Archive("wiki-2025-11-23T020000Z.tar.gz");
  std::filesystem::permissions(directory(), std::filesystem::perms(0755));
  MustRun({"chown", "65534:65534", mountpoint().string()});
  const Ended mount = AsUser(Homeless(Words({"mount", mountpoint().string()})));
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  CHECK(Has(mount.err, "1 of 1 archives"));
  CHECK(Has(mount.err, "wiki-2025-11-23T020000Z.tar.gz"));
  for (const char* path : {"wiki/latest/", "wiki/latest/file"}) {
    const Ended looked = AsUser({"ls", mountpoint() / path});
    CHECK(looked.status != 0);
    CHECK(Has(looked.err, "Permission denied"));
  }
  CHECK(Orcio({"umount", mountpoint().string()}).status == 0);
}

TEST_CASE_METHOD(UserRepository,
                 "A user who may read the archives, not their indexes, has his own") {
  Write("file", "content");
  const auto archive = Archive("wiki-2025-11-23T020000Z.tar.gz");
  std::filesystem::permissions(directory(), std::filesystem::perms(0755));
  std::filesystem::permissions(archive, std::filesystem::perms(0644));
  CHECK(Has(AsUser(Homeless(Words({"list"}))).out, "permission denied"));
  CHECK(Has(AsUser(AtHome(Words({"ls", "wiki"}))).err, "orcio index"));
  const Ended index = AsUser(AtHome(Words({"index"})));
  INFO(index.err);
  CHECK(index.status == 0);
  CHECK(IndexesBelow(home() / ".cache/orcio") == 1);
  CHECK(Has(AsUser(AtHome(Words({"list"}))).out, "complete"));
  CHECK(AsUser(AtHome(Words({"cat", "wiki:file"}))).out == "content");
}

TEST_CASE_METHOD(UserRepository, "A repository that cannot be written is indexed in a cache") {
  // Mounting it exited with 0, browsing it was EIO, and `orcio index` failed when it had decoded
  // all.
  Write("file", "content");
  const auto archive = Archive("wiki-2025-11-23T020000Z.tar.gz");
  std::filesystem::remove(archive.string() + ".idx");
  const ReadOnly read_only(directory());
  const Emptied system_cache("/var/cache");
  const bool homeless = GENERATE(true, false);
  const auto run = [&](const std::vector<std::string>& words) {
    return RunCommand(homeless ? Homeless(Words(words)) : AtHome(Words(words)));
  };
  const std::filesystem::path cache =
      homeless ? std::filesystem::path("/var/cache/orcio") : home() / ".cache/orcio";
  if (GENERATE(true, false)) {
    const Ended index = run({"index"});
    INFO(index.err);
    CHECK(index.status == 0);
    CHECK(IndexesBelow(cache) == 1);
  }
  const Ended mount = run({"mount", mountpoint().string()});
  INFO(mount.err);
  REQUIRE(mount.status == 0);
  CHECK(mount.err.empty());
  // Who listed it twice, or stood inside, got EIO.
  const UniqueFd inside(
      ::open((mountpoint() / "wiki/latest").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(inside.valid());
  for (int i = 0; i < 2; ++i)
    CHECK(MustRun({"ls", (mountpoint() / "wiki/latest/").string()}) == "file\n");
  CHECK(::faccessat(inside.get(), "file", R_OK, 0) == 0);
  CHECK(ReadAll(mountpoint() / "wiki/latest/file") == "content");
  CHECK(IndexesBelow(cache) == 1);
  MustRun({"umount", "--lazy", mountpoint().string()});
}

TEST_CASE_METHOD(UserRepository,
                 "Where no index can be made anywhere, mount and index say so at once") {
  Write("file", "content");
  const auto archive = Archive("wiki-2025-11-23T020000Z.tar.gz");
  std::filesystem::remove(archive.string() + ".idx");
  GiveToUser();
  const ReadOnly read_only(directory());
  const Ended index = AsUser(Homeless(Words({"index"})));
  CHECK(index.status == 1);
  INFO(index.err);
  CHECK(Has(index.err, archive.string() + ": its index cannot be made"));
  CHECK(Has(index.err, "--index-dir"));
  const Ended mount = AsUser(Homeless(Words({"mount", mountpoint().string()})));
  CHECK(mount.status == 0);
  CHECK(Has(mount.err, "1 of 1 archives"));
  CHECK(Has(mount.err, "--index-dir"));
  CHECK(Orcio({"umount", mountpoint().string()}).status == 0);
}

}  // namespace orcio
