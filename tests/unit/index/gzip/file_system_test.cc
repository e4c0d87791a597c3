#include "index/files/file_system.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/bytes.h"
#include "index/files/file_limit.h"
#include "index/files/part_file.h"
#include "tests/support/catch.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

const FileSystem& files = LocalFileSystem();

void Write(const std::filesystem::path& path, std::string_view text) {
  auto file = ValueOf(files.Create(path));
  REQUIRE_OK(file->Append(AsBytes(text)));
  REQUIRE_OK(file->Sync());
}

std::string Read(const std::filesystem::path& path) {
  const auto bytes = ValueOf(ReadWholeFile(files, path, 1 << 20));
  return std::string(AsText(bytes));
}

}  // namespace

TEST_CASE("A created file is readable by its owner alone, whatever the umask") {
  const test::ScratchDirectory scratch;
  const mode_t umask_before = ::umask(0);
  Write(scratch / "a", "secret");
  ::umask(0777);
  Write(scratch / "b", "secret");
  ::umask(umask_before);
  struct stat status {};
  for (const char* name : {"a", "b"}) {
    REQUIRE(::stat((scratch / name).c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
  }
}

TEST_CASE("Creating does not replace a file and does not follow a symlink") {
  const test::ScratchDirectory scratch;
  Write(scratch / "a", "first");
  CHECK(files.Create(scratch / "a").error().errnum == EEXIST);
  std::filesystem::create_symlink(scratch / "elsewhere", scratch / "link");
  CHECK_FALSE(files.Create(scratch / "link").has_value());
  CHECK_FALSE(std::filesystem::exists(scratch / "elsewhere"));
  CHECK(Read(scratch / "a") == "first");
}

TEST_CASE("Renaming to a new name leaves an existing file alone") {
  const test::ScratchDirectory scratch;
  Write(scratch / "a", "a");
  Write(scratch / "b", "b");
  CHECK(files.RenameNew(scratch / "a", scratch / "b").error().errnum == EEXIST);
  CHECK(Read(scratch / "b") == "b");
  REQUIRE_OK(files.RenameNew(scratch / "a", scratch / "c"));
  CHECK(Read(scratch / "c") == "a");
  REQUIRE_OK(files.Rename(scratch / "c", scratch / "b"));
  CHECK(Read(scratch / "b") == "a");
}

namespace {

// Another process is at hand right before a file is removed, and takes its name if it can.
class RivalFiles : public test::ForwardingFiles {
 public:
  [[nodiscard]] Result<void> Remove(const std::filesystem::path& path) const override {
    if (ORCIO_TRY(files.RemoveAbandoned(path))) rivals = ORCIO_TRY(files.Create(path));
    return ForwardingFiles::Remove(path);
  }

  mutable std::unique_ptr<WritableFile> rivals;
};

}  // namespace

TEST_CASE("What is discarded is never another process's file of the same name") {
  const test::ScratchDirectory scratch;
  const RivalFiles rivals{};
  { const auto part = ValueOf(PartFile::Create(rivals, scratch / ".wiki.part")); }
  CHECK(std::filesystem::exists(scratch / ".wiki.part") == (rivals.rivals != nullptr));
}

TEST_CASE("Reads past the end are short, and a file that must be longer is damaged") {
  const test::ScratchDirectory scratch;
  Write(scratch / "a", "0123456789");
  const auto file = ValueOf(files.OpenRead(scratch / "a"));
  std::array<std::byte, 8> into{};
  CHECK(ValueOf(file->ReadAt(4, into)) == 6);
  CHECK(ValueOf(file->ReadAt(100, into)) == 0);
  const auto read = ReadExactly(*file, 4, into, "a");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::kDamaged);
}

TEST_CASE("What is no regular file is not read as one") {
  const test::ScratchDirectory scratch;
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
  for (const auto& path : {scratch / "fifo", scratch.path()}) {
    CHECK(files.OpenRead(path).error().kind == ErrorKind::kInvalid);
    CHECK(files.Map(path).error().kind == ErrorKind::kInvalid);
  }
  CHECK(files.OpenRead(scratch / "absent").error().kind == ErrorKind::kNotFound);
}

TEST_CASE("A file larger than the limit is not taken into memory") {
  const test::ScratchDirectory scratch;
  Write(scratch / "a", std::string(1000, 'x'));
  CHECK(ReadWholeFile(files, scratch / "a", 999).error().kind == ErrorKind::kLimit);
  CHECK(ValueOf(ReadWholeFile(files, scratch / "a", 1000)).size() == 1000);
}

TEST_CASE("Of the limits to a file's size the smaller one counts") {
  constexpr uint64_t kExt4 = 0xef53, kVfat = 0x4d44, kMostOfFat = 0xffff'ffff;
  CHECK_FALSE(FileLimitBy(RLIM_INFINITY, kExt4));
  CHECK(FileLimitBy(7, kExt4)->bytes == 7);
  CHECK(FileLimitBy(RLIM_INFINITY, kVfat)->bytes == kMostOfFat);
  CHECK(FileLimitBy(RLIM_INFINITY, kVfat)->why.find("FAT") != std::string::npos);
  CHECK(FileLimitBy(kMostOfFat + 1, kVfat)->bytes == kMostOfFat);
  CHECK(FileLimitBy(7, kVfat)->bytes == 7);
  CHECK(FileLimitBy(7, kVfat)->why.find("ulimit -f") != std::string::npos);
}

TEST_CASE("A mapped file that is cut under us reads as zeros and says so") {
  const test::ScratchDirectory scratch;
  Write(scratch / "a", std::string(64 * 1024, 'x'));
  const auto map = ValueOf(files.Map(scratch / "a"));
  CHECK(map->bytes()[40000] == std::byte{'x'});
  CHECK_FALSE(map->faulted());
  REQUIRE(::truncate((scratch / "a").c_str(), 4096) == 0);
  CHECK(map->bytes()[50000] == std::byte{0});
  CHECK(map->faulted());
}

TEST_CASE("An empty file maps to nothing") {
  const test::ScratchDirectory scratch;
  Write(scratch / "a", "");
  CHECK(ValueOf(files.Map(scratch / "a"))->bytes().empty());
}

}  // namespace orcio
