#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "fusefs/mount/mount.h"
#include "fusefs/system/mount_table.h"
#include "index/gzip/gzip_member.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/catch.h"
#include "tests/support/program/mount_fixture.h"

namespace orcio {
namespace {

using namespace test;

constexpr const char* kName = "wiki-2025-11-23T020000Z.tar.gz";

ErrorKind KindOf(const Result<void>& result) {
  REQUIRE_FALSE(result.has_value());
  INFO(result.error().message);
  return result.error().kind;
}

Result<void> MountOn(const MountedRepository& repository, const std::filesystem::path& mountpoint,
                     const std::vector<std::string>& options = {}) {
  MountOptions mount;
  mount.mountpoint = mountpoint;
  mount.fuse_options = options;
  return Mount(Repository(LocalFileSystem(), repository.directory()), mount);
}

}  // namespace

TEST_CASE_METHOD(LiveRepository, "SIGTERM, SIGINT and SIGHUP unmount and end the server") {
  Write("file", "content");
  Archive(kName);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const MountFixture mount(directory());
    // Also with a file open: its reader is told.
    const UniqueFd file(::open((mount / "wiki/latest/file").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(file.valid());
    REQUIRE(::kill(mount.server(), signal) == 0);
    CHECK(mount.ServerEnds());
    CHECK_FALSE(mount.mounted());
    CHECK(std::filesystem::is_empty(mount.at()));
  }
}

TEST_CASE_METHOD(LiveRepository, "Unmounting is refused while files are open, unless lazily") {
  Write("file", "content");
  Archive(kName);
  const MountFixture mount(directory());
  UniqueFd file(::open((mount / "wiki/latest/file").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  const auto busy = Unmount(mount.at(), false);
  CHECK(KindOf(busy) == ErrorKind::kInvalid);
  CHECK(busy.error().message.find("--lazy") != std::string::npos);
  CHECK(mount.mounted());
  REQUIRE_OK(Unmount(mount.at(), true));
  CHECK_FALSE(mount.mounted());
  CHECK(PieceAt(file.get(), 0, 100) == "content");
  file.Reset();
  CHECK(mount.ServerEnds());
}

TEST_CASE_METHOD(LiveRepository, "The server ends when it is unmounted by whomever") {
  Archive(kName);
  const MountFixture mount(directory());
  REQUIRE(::umount2(mount.at().c_str(), 0) == 0);
  CHECK(mount.ServerEnds());
  CHECK(KindOf(Unmount(mount.at(), false)) == ErrorKind::kNotFound);
}

TEST_CASE_METHOD(LiveRepository, "In the foreground it stays until it is told to end") {
  Write("file", "content");
  Archive(kName);
  const ScratchDirectory scratch;
  const pid_t server = ::fork();
  REQUIRE(server >= 0);
  if (server == 0) {
    MountOptions mount;
    mount.mountpoint = scratch.path();
    mount.foreground = true;
    ::_exit(Mount(Repository(LocalFileSystem(), directory()), mount) ? 0 : 1);
  }
  REQUIRE(Eventually([&] { return ReadAll(scratch / "wiki/latest/file") == "content"; }));
  REQUIRE(::kill(server, SIGTERM) == 0);
  int status = 0;
  REQUIRE(::waitpid(server, &status, 0) == server);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK_FALSE(ValueOf(MountedType(scratch.path())) == kMountType);
}

TEST_CASE_METHOD(LiveRepository, "A mountpoint or an option that will not do is refused by name") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "file") << "x";
  CHECK(KindOf(MountOn(*this, scratch / "nothing")) == ErrorKind::kInvalid);
  CHECK(KindOf(MountOn(*this, scratch / "file")) == ErrorKind::kInvalid);
  CHECK(KindOf(MountOn(*this, directory())) == ErrorKind::kInvalid);
  CHECK(KindOf(MountOn(*this, directory().parent_path())) == ErrorKind::kInvalid);
  for (const char* option : {"rw", "bogus", "cache_size=lots"}) {
    const auto refused = MountOn(*this, scratch.path(), {option});
    CHECK(KindOf(refused) == ErrorKind::kInvalid);
    CHECK(refused.error().message.find(std::string(option).substr(0, 4)) != std::string::npos);
  }
  std::filesystem::remove_all(directory());
  CHECK(KindOf(MountOn(*this, scratch.path())) == ErrorKind::kNotFound);
}

TEST_CASE_METHOD(LiveRepository,
                 "A second mount on one directory is refused, over a dead one not") {
  Write("file", "content");
  Archive(kName);
  const MountFixture mount(directory());
  const auto second = MountOn(*this, mount.at());
  CHECK(KindOf(second) == ErrorKind::kInvalid);
  CHECK(second.error().message.find("already") != std::string::npos);
  REQUIRE(::kill(mount.server(), SIGKILL) == 0);
  REQUIRE(mount.ServerEnds());
  REQUIRE(mount.mounted());
  REQUIRE_OK(MountOn(*this, mount.at()));
  CHECK(ReadAll(mount / "wiki/latest/file") == "content");
  REQUIRE_OK(Unmount(mount.at(), false));
  CHECK_FALSE(mount.mounted());
}

TEST_CASE_METHOD(LiveRepository,
                 "Flipped bytes in an archive are EIO where they are and nowhere else") {
  std::map<std::string, std::string> contents;
  for (const char* name : {"a", "b", "c"}) {
    contents[name] = Noise(2'000'000, static_cast<unsigned>(contents.size()));
    Write(name, contents[name]);
  }
  const auto archive = Archive(kName);
  const auto sidecar = ValueOf(Sidecar::Open(LocalFileSystem(), archive.string() + ".idx"));
  const NodeId b = *ValueOf(sidecar->Find("b"));
  const uint64_t data = ValueOf(sidecar->Node(b)).data_offset;
  const Span span = ValueOf(sidecar->SpanAt(ValueOf(sidecar->SpanHolding(data + 1'000'000))));
  FlipByte(archive, span.archive_offset + span.archive_bytes / 2);

  const MountFixture mount(directory());
  CHECK(ReadAll(mount / "wiki/latest/a") == contents["a"]);
  CHECK(ReadAll(mount / "wiki/latest/c") == contents["c"]);
  const UniqueFd file(::open((mount / "wiki/latest/b").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  // The kernel reads whole pages: one that the bad span touches fails whole.
  constexpr size_t kPage = 4096;
  const size_t bad_begin = (span.tar_offset - data) / kPage * kPage;
  const size_t bad_end = (span.tar_offset - data + span.tar_bytes + kPage - 1) / kPage * kPage;
  REQUIRE(bad_end < 2'000'000);
  size_t failed = 0;
  for (size_t offset = 0; offset < 2'000'000; offset += kPage) {
    const std::string piece = PieceAt(file.get(), offset, kPage);
    const bool bad = offset >= bad_begin && offset < bad_end;
    if (bad) ++failed;
    REQUIRE(piece == (bad ? "errno " + std::to_string(EIO) : contents["b"].substr(offset, kPage)));
  }
  CHECK(failed >= 64);
}

TEST_CASE_METHOD(LiveRepository, "A sidecar that is missing, cut or damaged anywhere is rebuilt") {
  for (int i = 0; i < 400; ++i)
    Write("d" + std::to_string(i % 7) + "/file " + std::to_string(i), Noise(size_t(i), 1));
  const auto archive = Archive(kName);
  const std::filesystem::path sidecar = archive.string() + ".idx";
  const std::string sound = ReadAll(sidecar);
  REQUIRE(sound.size() > 20'000);
  // Without the root: its attributes are made up for as long as there is no sidecar.
  const auto tar_of = [](const std::filesystem::path& tree) {
    return MustRunShell("tar -c --sort=name d*",
                        {.input = {}, .environment = {}, .directory = tree.string()});
  };
  const std::string expected = tar_of(source());
  const auto check = [&] {
    const MountFixture mount(directory());
    CHECK((tar_of(mount / "wiki/latest") == expected));
    REQUIRE_OK(Sidecar::Open(LocalFileSystem(), sidecar));
  };
  std::filesystem::remove(sidecar);
  check();
  for (const size_t size : {size_t{0}, size_t{100}, size_t{4096}, sound.size() - 1}) {
    INFO(size);
    std::ofstream(sidecar, std::ios::binary) << sound.substr(0, size);
    check();
  }
  // Of each block one byte: headers, nodes, names, digests, spans, checksums. What reading the tree
  // does not touch (digests) may stay as it is.
  for (size_t offset = 50; offset < sound.size(); offset += 4096) {
    INFO(offset);
    std::ofstream(sidecar, std::ios::binary) << sound;
    FlipByte(sidecar, offset);
    check();
  }
}

TEST_CASE_METHOD(LiveRepository, "A sidecar of another archive is not trusted") {
  Write("file", "first");
  const auto archive = Archive(kName);
  Write("file", "second");
  const auto other = Archive("wiki-2025-11-16T020000Z.tar.gz");
  std::filesystem::rename(other.string() + ".idx", archive.string() + ".idx");
  const MountFixture mount(directory());
  CHECK(ReadAll(mount / "wiki/2025-11-23T020000Z/file") == "first");
  CHECK(ReadAll(mount / "wiki/2025-11-16T020000Z/file") == "second");
}

TEST_CASE_METHOD(LiveRepository,
                 "An archive that cannot be read is a directory whose inside is EIO") {
  Write("file", "content");
  Archive(kName);
  std::ofstream(directory() / "wiki-2025-11-16T020000Z.tar.gz") << "no archive at all";
  const MountFixture mount(directory());
  const auto broken = mount / "wiki/2025-11-16T020000Z";
  struct stat status {};
  REQUIRE(::stat(broken.c_str(), &status) == 0);
  CHECK(S_ISDIR(status.st_mode));
  CHECK(::stat((broken / "file").c_str(), &status) != 0);
  CHECK(errno == EIO);
  CHECK(ReadAll(mount / "wiki/latest/file") == "content");
}

}  // namespace orcio
