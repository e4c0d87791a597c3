#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/unique_fd.h"
#include "tests/integration/mounted_repository.h"
#include "tests/support/catch.h"
#include "tests/support/needs.h"
#include "tests/support/program/mount_fixture.h"
#include "tests/support/trees/awkward_tree.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio {
namespace {

using namespace test;

// 0, or the errno of a call that says -1.
int ErrnoOf(long result) {
  return result < 0 ? errno : 0;
}

std::map<std::string, ino_t> InodesBelow(const std::filesystem::path& root) {
  std::map<std::string, ino_t> inodes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    struct stat status {};
    REQUIRE(::lstat(entry.path().c_str(), &status) == 0);
    inodes.emplace(entry.path().lexically_relative(root), status.st_ino);
  }
  return inodes;
}

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

std::vector<std::pair<long, std::string>> NamesWithPositions(DIR* directory) {
  std::vector<std::pair<long, std::string>> names;
  for (;;) {
    const long position = ::telldir(directory);
    const dirent* entry = ::readdir(directory);
    if (entry == nullptr) return names;
    names.emplace_back(position, entry->d_name);
  }
}

// Compares pieces of `mounted` with `source`, by pread and through a map. Counts what differs.
int ReadAtRandom(const std::filesystem::path& mounted, const std::string& source, unsigned seed) {
  const UniqueFd file(::open(mounted.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return 1;
  void* const map = ::mmap(nullptr, source.size(), PROT_READ, MAP_SHARED, file.get(), 0);
  if (map == MAP_FAILED) return 1;
  std::mt19937 random(seed);
  std::string buffer(200'000, ' ');
  int wrong = 0;
  for (int i = 0; i < 200; ++i) {
    const size_t offset = random() % source.size();
    const size_t size = std::min<size_t>(random() % buffer.size(), source.size() - offset);
    if (i % 2 == 0) {
      const ssize_t got = ::pread(file.get(), buffer.data(), size, static_cast<off_t>(offset));
      if (got != static_cast<ssize_t>(size)) ++wrong;
    } else {
      std::memcpy(buffer.data(), static_cast<const char*>(map) + offset, size);
    }
    if (std::memcmp(buffer.data(), source.data() + offset, size) != 0) ++wrong;
  }
  ::munmap(map, source.size());
  return wrong;
}

}  // namespace

TEST_CASE(
    "The mounted tree is the archived one: owners, times, links, xattrs, ACLs, holes, bytes") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  MakeAwkwardTree(repository.source(), {.huge_sparse_bytes = uint64_t{2} << 30, .many_files = 100});
  repository.Archive("wiki-2025-11-23T020000Z.tar.gz");
  const MountFixture mount(repository.directory());
  TreeOptions options;
  options.root_line = true;
  options.data_maps = true;
  const auto source = ListTree(repository.source(), options);
  REQUIRE(source.size() > 200);
  CHECK(DiffTrees(source, ListTree(mount / "wiki/latest/.", options)) == "");
}

TEST_CASE("Every call that writes is refused with EROFS") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  repository.Write("file", "content");
  repository.Write("directory/inside", "x");
  repository.Archive("wiki-2025-11-23T020000Z.tar.gz");
  const MountFixture mount(repository.directory());
  // In an archive, in a service's directory, and in the root.
  for (const auto& [in, existing] :
       {std::pair("wiki/latest", "file"), {"wiki", "latest/file"}, {"", "wiki/latest/file"}}) {
    INFO(in);
    const std::string created = mount / in / "new";
    const std::string file = mount / in / existing;
    const std::string directory = mount / in;
    const timespec times[2] = {{1, 0}, {1, 0}};
    CHECK(ErrnoOf(::open(file.c_str(), O_RDWR | O_CLOEXEC)) == EROFS);
    CHECK(ErrnoOf(::open(file.c_str(), O_WRONLY | O_CLOEXEC)) == EROFS);
    CHECK(ErrnoOf(::open(file.c_str(), O_RDONLY | O_TRUNC | O_CLOEXEC)) == EROFS);
    CHECK(ErrnoOf(::open(created.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == EROFS);
    CHECK(ErrnoOf(::mkdir(created.c_str(), 0700)) == EROFS);
    CHECK(ErrnoOf(::mknod(created.c_str(), S_IFIFO | 0600, 0)) == EROFS);
    CHECK(ErrnoOf(::symlink("x", created.c_str())) == EROFS);
    CHECK(ErrnoOf(::link(file.c_str(), created.c_str())) == EROFS);
    CHECK(ErrnoOf(::rename(file.c_str(), created.c_str())) == EROFS);
    CHECK(ErrnoOf(::unlink(file.c_str())) == EROFS);
    CHECK(ErrnoOf(::rmdir((mount / "wiki/latest/directory").c_str())) == EROFS);
    CHECK(ErrnoOf(::chmod(file.c_str(), 0777)) == EROFS);
    CHECK(ErrnoOf(::chown(file.c_str(), 1, 1)) == EROFS);
    CHECK(ErrnoOf(::chmod(directory.c_str(), 0777)) == EROFS);
    CHECK(ErrnoOf(::truncate(file.c_str(), 0)) == EROFS);
    CHECK(ErrnoOf(::utimensat(AT_FDCWD, file.c_str(), times, 0)) == EROFS);
    CHECK(ErrnoOf(::setxattr(file.c_str(), "user.x", "y", 1, 0)) == EROFS);
    CHECK(ErrnoOf(::removexattr(file.c_str(), "user.x")) == EROFS);
    CHECK(ErrnoOf(::access(file.c_str(), W_OK)) == EROFS);
  }
  const UniqueFd file(::open((mount / "wiki/latest/file").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  CHECK(ErrnoOf(::write(file.get(), "x", 1)) == EBADF);
  CHECK(ErrnoOf(::fallocate(file.get(), 0, 0, 100)) == EBADF);
  CHECK(ErrnoOf(::ftruncate(file.get(), 0)) == EINVAL);
  CHECK(ErrnoOf(::fchmod(file.get(), 0600)) == EROFS);
  CHECK(ReadAll(mount / "wiki/latest/file") == "content");
}

TEST_CASE("Eight threads reading and mapping files at random get the archived bytes") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  std::map<std::string, std::string> contents;
  for (const char* name : {"a", "b", "c"}) {
    contents[name] = Noise(3'000'000, static_cast<unsigned>(contents.size()));
    repository.Write(name, contents[name]);
  }
  repository.Archive("wiki-2025-11-23T020000Z.tar.gz");
  const MountFixture mount(repository.directory(), {"cache_size=8M"});
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 0; seed < 8; ++seed) {
      threads.emplace_back([&, seed] {
        for (const auto& [name, content] : contents)
          wrong += ReadAtRandom(mount / "wiki/latest" / name, content, seed);
      });
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Inode numbers are the same after a remount, and hard links share one") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  for (int i = 0; i < 50; ++i)
    repository.Write("d" + std::to_string(i % 5) + "/" + std::to_string(i), "x");
  std::filesystem::create_hard_link(repository.source() / "d0/0", repository.source() / "link");
  repository.Archive("wiki-2025-11-16T020000Z.tar.gz");
  repository.Archive("wiki-2025-11-23T020000Z.tar.gz");
  repository.Archive("other-20221105.tar.gz");
  std::map<std::string, ino_t> first;
  {
    const MountFixture mount(repository.directory());
    first = InodesBelow(mount.at());
  }
  REQUIRE(first.size() > 150);
  const MountFixture mount(repository.directory());
  CHECK(InodesBelow(mount.at()) == first);
  std::set<ino_t> distinct;
  for (const auto& [path, inode] : first) distinct.insert(inode);
  CHECK(distinct.size() == first.size() - 3);  // a link in each of three archives
  CHECK(first.at("other/2022-11-05/link") == first.at("other/2022-11-05/d0/0"));
  CHECK(distinct.count(0) == 0);
  CHECK(distinct.count(1) == 0);
}

TEST_CASE("A directory goes on from wherever seekdir puts it") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  for (int i = 0; i < 3000; ++i) repository.Write("many/file " + std::to_string(i), "");
  for (int i = 10; i < 13; ++i)
    repository.Archive("wiki-2025-11-" + std::to_string(i) + "T020000Z.tar.gz");
  const MountFixture mount(repository.directory());
  for (const auto& [path, count] :
       {std::pair("wiki/latest/many", size_t{3002}), {"wiki", size_t{6}}, {"", size_t{3}}}) {
    INFO(path);
    const Directory directory(::opendir((mount / path).c_str()));
    REQUIRE(directory != nullptr);
    const auto names = NamesWithPositions(directory.get());
    REQUIRE(names.size() == count);
    std::set<std::string> distinct;
    for (const auto& [position, name] : names) distinct.insert(name);
    CHECK(distinct.size() == count);
    auto shuffled = names;
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
    for (const auto& [position, name] : shuffled) {
      ::seekdir(directory.get(), position);
      const dirent* entry = ::readdir(directory.get());
      REQUIRE(entry != nullptr);
      REQUIRE(entry->d_name == name);
    }
  }
}

TEST_CASE("A directory of 100,000 files is listed whole, and each has its size") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  constexpr size_t kFiles = 100'000;
  for (size_t i = 0; i < kFiles; ++i) repository.Write(std::to_string(i), i % 100 == 0 ? "x" : "");
  repository.Archive("wiki-2025-11-23T020000Z.tar.gz");
  const MountFixture mount(repository.directory());
  std::set<std::string> names;
  size_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(mount / "wiki/latest/")) {
    names.insert(entry.path().filename());
    bytes += std::filesystem::file_size(entry.path());
  }
  CHECK(names.size() == kFiles);
  CHECK(bytes == kFiles / 100);
}

TEST_CASE("Archived permissions and ACLs guard the archived files") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  for (const char* name : {"secret", "granted", "denied", "open"}) repository.Write(name, name);
  MustRunShell(
      "chmod 755 .; chmod 600 secret; chmod 600 granted; setfacl -m u:1234:r granted; "
      "chmod 644 denied; setfacl -m u:1234:- denied; chmod 644 open",
      {.input = {}, .environment = {}, .directory = repository.source().string()});
  repository.Archive("wiki-2025-11-23T020000Z.tar.gz");
  const MountFixture mount(repository.directory());
  MustRun({"chmod", "755", mount.at().parent_path().string()});
  const auto read_as_user = [&](const char* name) {
    return RunCommand({"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "cat",
                       (mount / "wiki/latest" / name).string()})
        .out;
  };
  CHECK(read_as_user("open") == "open");
  CHECK(read_as_user("secret").empty());
  CHECK(read_as_user("granted") == "granted");
  CHECK(read_as_user("denied").empty());
}

TEST_CASE("The mount says how much room the repository has, and that it is read-only") {
  NeedRoot();
  NeedFuse();
  MountedRepository repository;
  const MountFixture mount(repository.directory(), {"noexec"});
  struct statvfs mounted {};
  struct statvfs below {};
  REQUIRE(::statvfs(mount.at().c_str(), &mounted) == 0);
  REQUIRE(::statvfs(repository.directory().c_str(), &below) == 0);
  CHECK(mounted.f_blocks * mounted.f_frsize == below.f_blocks * below.f_frsize);
  const unsigned long expected = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
  CHECK((mounted.f_flag & expected) == expected);
}

}  // namespace orcio
