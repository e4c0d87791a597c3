#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/catch.h"
#include "tests/support/program/mount_fixture.h"

namespace orcio {
namespace {

using namespace test;

constexpr const char* kName = "wiki-2025-11-23T020000Z.tar.gz";

struct stat StatusOf(const std::filesystem::path& path) {
  struct stat status {};
  INFO(path);
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

// What user and group `id` gets of a file.
Ended CatAs(const std::string& id, const MountFixture& mount, const std::filesystem::path& path) {
  std::filesystem::permissions(mount.at().parent_path(), std::filesystem::perms(0755));
  return RunCommand({"setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups", "cat", path});
}

// What an NFS server keeps of a file, for as long as its clients do.
class Handle {
 public:
  explicit Handle(const std::filesystem::path& path) : bytes_(sizeof(file_handle) + MAX_HANDLE_SZ) {
    get()->handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    REQUIRE(::name_to_handle_at(AT_FDCWD, path.c_str(), get(), &mount, 0) == 0);
  }
  [[nodiscard]] UniqueFd OpenIn(const std::filesystem::path& mount) {
    const UniqueFd at(::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return UniqueFd(::open_by_handle_at(at.get(), get(), O_RDONLY | O_CLOEXEC));
  }

 private:
  file_handle* get() { return reinterpret_cast<file_handle*>(bytes_.data()); }
  std::vector<char> bytes_;
};

}  // namespace

TEST_CASE_METHOD(LiveRepository,
                 "uid=, gid= and umask= say whose everything is, and who may read") {
  Write("private/file", "content");
  Write("program", "#!/bin/sh");
  using std::filesystem::perms;
  std::filesystem::permissions(source() / "private", perms(0700));
  std::filesystem::permissions(source() / "private/file", perms(04600));
  std::filesystem::permissions(source() / "program", perms(0755));
  MustRun({"setfacl", "-m", "u:4321:r", (source() / "program").string()});
  Archive(kName);
  const MountFixture mount(directory(), {"uid=4321,gid=4322", "umask=027"});
  const auto inside = mount / "wiki/latest/.";
  for (const char* path : {"", "wiki", "wiki/latest/.", "wiki/latest/private"}) {
    const struct stat directory = StatusOf(mount / path);
    INFO(path);
    CHECK(directory.st_uid == 4321);
    CHECK(directory.st_gid == 4322);
    CHECK(directory.st_mode == (S_IFDIR | 0750));
  }
  CHECK(StatusOf(inside / "private/file").st_mode == (S_IFREG | 0640));
  CHECK(StatusOf(inside / "program").st_mode == (S_IFREG | 0750));
  // Also as readdir(3) with attributes gives them.
  CHECK(RunCommand({"find", (inside / "private").string(), "-printf", "%U %G %m "}).out ==
        "4321 4322 750 4321 4322 640 ");
  CHECK(CatAs("4321", mount, inside / "private/file").out == "content");
  CHECK(CatAs("4322", mount, inside / "private/file").out == "content");
  CHECK(CatAs("4323", mount, inside / "private/file").err.find("Permission denied") !=
        std::string::npos);
  // An ACL would say something else than the permissions shown.
  CHECK(::getxattr((inside / "program").c_str(), "system.posix_acl_access", nullptr, 0) < 0);
  CHECK(::listxattr((inside / "program").c_str(), nullptr, 0) == 0);
}

TEST_CASE_METHOD(LiveRepository, "uid= alone leaves permissions and ACLs as they were archived") {
  Write("file", "content");
  std::filesystem::permissions(source() / "file", std::filesystem::perms(0600));
  MustRun({"setfacl", "-m", "u:4321:r", (source() / "file").string()});
  Archive(kName);
  const MountFixture mount(directory(), {"uid=4320"});
  const auto file = mount / "wiki/latest/file";
  CHECK(StatusOf(file).st_uid == 4320);
  CHECK(StatusOf(file).st_gid == 0);
  CHECK(CatAs("4320", mount, file).out == "content");
  CHECK(CatAs("4321", mount, file).out == "content");
  CHECK(CatAs("4322", mount, file).status != 0);
}

TEST_CASE_METHOD(LiveRepository, "A mount that nobody needs unmounts itself, one in use does not") {
  Write("file", "content");
  Archive(kName);
  const MountFixture unused(directory(), {"idle_timeout=3"});
  const MountFixture forever(directory());
  // For longer than it may take, on a busy machine, until a file is open in it.
  constexpr std::chrono::seconds kIdle{15};
  const MountFixture open(directory(), {"idle_timeout=" + std::to_string(kIdle.count())});
  // Servers made after this would have it too.
  UniqueFd file(::open((open / "wiki/latest/file").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  CHECK(unused.ServerEnds());
  CHECK_FALSE(unused.mounted());
  std::this_thread::sleep_for(kIdle + std::chrono::seconds(1));  // longer than it may be idle
  CHECK(open.mounted());
  CHECK(PieceAt(file.get(), 0, 100) == "content");
  file.Reset();
  CHECK(open.ServerEnds());
  CHECK_FALSE(open.mounted());
  CHECK(ReadAll(forever / "wiki/latest/file") == "content");
}

TEST_CASE_METHOD(LiveRepository,
                 "What an NFS server holds on to is found again, also after a remount") {
  Write("directory/deeper/file", "content");
  Archive(kName);
  auto mount = std::make_unique<MountFixture>(directory());
  const auto top = "wiki/2025-11-23T020000Z";
  Handle file(*mount / top / "directory/deeper/file");
  Handle deeper(*mount / top / "directory/deeper");
  Handle service(*mount / "wiki");
  mount = std::make_unique<MountFixture>(directory());
  UniqueFd opened = file.OpenIn(mount->at());
  REQUIRE(opened.valid());
  CHECK(PieceAt(opened.get(), 0, 100) == "content");
  // A directory is tied to the tree again, through all that are above it.
  UniqueFd directory_again = deeper.OpenIn(mount->at());
  REQUIRE(directory_again.valid());
  CHECK(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(directory_again.get())) ==
        mount->at() / top / "directory/deeper");
  UniqueFd service_again = service.OpenIn(mount->at());
  CHECK(::faccessat(service_again.get(), "latest/directory/deeper/file", R_OK, 0) == 0);
  for (UniqueFd* const done : {&opened, &directory_again, &service_again}) done->Reset();
  // Of an archive that is gone nothing is found.
  mount.reset();
  std::filesystem::remove(directory() / kName);
  Archive("wiki-2025-11-24T020000Z.tar.gz");
  mount = std::make_unique<MountFixture>(directory());
  CHECK_FALSE(file.OpenIn(mount->at()).valid());
  CHECK(errno == ESTALE);
}

// A diff against what is live showed no difference: it compared the live file with itself.
TEST_CASE_METHOD(LiveRepository, "With symlinks=inside no symlink leads out of its archive") {
  const auto live = directory().parent_path() / "live";
  std::ofstream(live) << "as it is now";
  Write(live.relative_path(), "as it was archived");
  std::filesystem::create_directory(source() / "srv");
  std::filesystem::create_symlink(live, source() / "srv/absolute");
  std::string dots;
  for (int i = 0; i < 30; ++i) dots += "../";
  std::filesystem::create_symlink(dots + live.string(), source() / "srv/dots");
  Archive(kName);
  for (const auto& [options, content] : {std::pair{"symlinks=archived", "as it is now"},
                                         {"symlinks=inside", "as it was archived"}}) {
    const MountFixture mount(directory(), {options});
    CAPTURE(options);
    const auto inside = mount / "wiki/latest/srv";
    for (const char* link : {"absolute", "dots"}) {
      CAPTURE(link);
      // Both for who looks it up, and for who lists first.
      CHECK(ReadAll(inside / link) == content);
      CHECK(RunCommand({"sh", "-c", "ls -lL \"$0\" >/dev/null; cat \"$0/$1\"", inside, link}).out ==
            content);
      const auto status = StatusOf(inside / link);
      CHECK(static_cast<size_t>(status.st_size) ==
            std::filesystem::read_symlink(inside / link).string().size());
    }
    CHECK(std::filesystem::read_symlink(mount / "wiki/latest") == "2025-11-23T020000Z");
  }
}

}  // namespace orcio
