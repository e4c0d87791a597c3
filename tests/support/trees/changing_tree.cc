#include "tests/support/trees/changing_tree.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>

#include "base/unique_fd.h"

namespace orcio::test {
namespace {

constexpr unsigned kFirstFiles = 40;
constexpr size_t kMappedBytes = 16384;

void Write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// In place, so that the inode stays.
void WriteAt(const std::filesystem::path& path, uint64_t offset, const std::string& bytes) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.valid())
    (void)!::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
}

void SetTime(const std::filesystem::path& path, const timespec& mtime) {
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, mtime};
  ::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
}

}  // namespace

ChangingTree::ChangingTree(std::filesystem::path root, uint64_t seed)
    : root_(std::move(root)), random_(seed), prefix_("n" + std::to_string(seed) + "_") {
  std::filesystem::create_directories(root_);
  for (unsigned i = 0; i < kFirstFiles; ++i) Below(5) == 0 ? MakeOther() : MakeFile();
  KeepMapped();
  Change(20);
}

uint64_t ChangingTree::Below(uint64_t bound) {
  return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
}

std::string ChangingTree::Bytes(size_t size) {
  std::string bytes(size, '\0');
  const bool text = Below(2) == 0;
  for (char& byte : bytes) byte = static_cast<char>(text ? 'a' + Below(4) : Below(256));
  return bytes;
}

ChangingTree::Path ChangingTree::NewName() {
  static const std::array<std::string, 5> kOdd = {"", " ", "\n", "'$(x)\"\\", "\xff*?["};
  return Pick(Kind::kDirectory) / (prefix_ + std::to_string(++names_) + kOdd[Below(kOdd.size())]);
}

ChangingTree::Path ChangingTree::Pick(Kind kind) {
  std::vector<Path> found;
  std::error_code gone;
  for (std::filesystem::recursive_directory_iterator it(root_, gone), end; it != end;
       it.increment(gone)) {
    const auto status = it->symlink_status(gone);
    if (kind == Kind::kAny || (kind == Kind::kFile && std::filesystem::is_regular_file(status)) ||
        (kind == Kind::kDirectory && std::filesystem::is_directory(status))) {
      found.push_back(it->path());
    }
  }
  if (found.empty()) return root_;
  std::sort(found.begin(), found.end());
  const size_t at = Below(found.size() + (kind == Kind::kDirectory ? 1 : 0));
  return at == found.size() ? root_ : found[at];
}

void ChangingTree::Change(unsigned changes) {
  for (unsigned i = 0; i < changes; ++i) ChangeOnce();
}

void ChangingTree::ChangeOnce() {
  using OneChange = void (ChangingTree::*)();
  static constexpr std::array<OneChange, 19> kChanges = {
      &ChangingTree::MakeFile,   &ChangingTree::MakeFile,
      &ChangingTree::MakeOther,  &ChangingTree::MakeTwins,
      &ChangingTree::Append,     &ChangingTree::Append,
      &ChangingTree::Overwrite,  &ChangingTree::Overwrite,
      &ChangingTree::Truncate,   &ChangingTree::Punch,
      &ChangingTree::RenameOver, &ChangingTree::Exchange,
      &ChangingTree::Exchange,   &ChangingTree::ExchangeForAMoment,
      &ChangingTree::Link,       &ChangingTree::Link,
      &ChangingTree::Remove,     &ChangingTree::ChangeAttributes,
      &ChangingTree::WriteMapped};
  (this->*kChanges[Below(kChanges.size())])();
}

void ChangingTree::MakeFile() {
  static constexpr std::array<size_t, 5> kSizes = {0, 100, 5000, 70'000, 600'000};
  Write(NewName(), Bytes(kSizes[Below(kSizes.size())]));
}

void ChangingTree::MakeOther() {
  const Path name = NewName();
  std::error_code ignored;
  switch (Below(5)) {
    case 0:
      ::mkfifo(name.c_str(), 0640);
      break;
    case 1:
      ::mknod(name.c_str(), S_IFCHR | 0600, makedev(1, 3));
      break;
    case 2:
      ::symlink("somewhere/else", name.c_str());
      break;
    case 3: {
      Write(name, "");
      ::truncate(name.c_str(), 1 << 20);
      WriteAt(name, 500'000, Bytes(9000));
      break;
    }
    default:
      std::filesystem::create_directory(name, ignored);
  }
}

// Two directories with a file each, of one name, size, time, and mostly of one change time: made
// within a tick. Exchange may swap them.
void ChangingTree::MakeTwins() {
  const Path parent = NewName();
  std::error_code ignored;
  std::filesystem::create_directory(parent, ignored);
  const auto one = Bytes(3000), other = Bytes(3000);
  for (const auto* name : {"a", "b"}) {
    std::filesystem::create_directory(parent / name, ignored);
    Write(parent / name / "twin", *name == 'a' ? one : other);
  }
  for (const auto* name : {"a", "b"}) SetTime(parent / name / "twin", {1'600'000'000, 5});
}

void ChangingTree::Append() {
  const Path file = Pick(Kind::kFile);
  if (std::filesystem::is_regular_file(file))
    std::ofstream(file, std::ios::app | std::ios::binary) << Bytes(1 + Below(3000));
}

// The same size; and, mostly, the time that it had.
void ChangingTree::Overwrite() {
  const Path file = Pick(Kind::kFile);
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
    return;
  const auto size = static_cast<uint64_t>(status.st_size);
  WriteAt(file, Below(size), Bytes(1));
  if (Below(3) != 0) SetTime(file, status.st_mtim);
}

void ChangingTree::Truncate() {
  const Path file = Pick(Kind::kFile);
  std::error_code ignored;
  // No shorter than what may be mapped: writing there would end the test.
  std::filesystem::resize_file(file, kMappedBytes + Below(100'000), ignored);
}

void ChangingTree::Punch() {
  const UniqueFd file(::open(Pick(Kind::kFile).c_str(), O_WRONLY | O_CLOEXEC));
  if (file.valid())
    ::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 16384);
}

void ChangingTree::RenameOver() {
  const Path from = Pick(Kind::kFile);
  ::rename(from.c_str(), (Below(2) == 0 ? Pick(Kind::kFile) : NewName()).c_str());
}

// Two files, or two directories with all that is in them.
void ChangingTree::Exchange() {
  Path one = Pick(Kind::kFile), other = Pick(Kind::kFile);
  if (Below(2) == 0) {
    const Path directory = Pick(Kind::kDirectory);
    one = directory / "a";
    other = directory / "b";
  } else if (Below(2) == 0) {
    one = Pick(Kind::kDirectory);
    other = Pick(Kind::kDirectory);
  }
  ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
}

// Twins, and back again: all their times are what they were.
void ChangingTree::ExchangeForAMoment() {
  std::vector<Path> twins;
  std::error_code gone;
  for (std::filesystem::recursive_directory_iterator it(root_, gone), end; it != end;
       it.increment(gone)) {
    if (it->path().filename() == "a" && std::filesystem::is_directory(it->path() / "../b", gone))
      twins.push_back(it->path().parent_path());
  }
  if (twins.empty()) return;
  std::sort(twins.begin(), twins.end());
  const Path parent = twins[Below(twins.size())];
  for (int i = 0; i < 2; ++i) {
    ::renameat2(AT_FDCWD, (parent / "a").c_str(), AT_FDCWD, (parent / "b").c_str(),
                RENAME_EXCHANGE);
    if (writing_) std::this_thread::sleep_for(std::chrono::microseconds(Below(60'000)));
  }
}

void ChangingTree::Link() {
  const Path file = Pick(Kind::kFile);
  if (std::filesystem::is_regular_file(file)) ::link(file.c_str(), NewName().c_str());
}

void ChangingTree::Remove() {
  const Path victim = Pick(Below(8) == 0 ? Kind::kAny : Kind::kFile);
  std::error_code ignored;
  if (victim != root_) std::filesystem::remove_all(victim, ignored);
}

void ChangingTree::ChangeAttributes() {
  const Path path = Pick(Kind::kAny);
  switch (Below(4)) {
    case 0:
      if (!std::filesystem::is_symlink(path))
        ::chmod(path.c_str(), 0600 | static_cast<mode_t>(Below(0200)));
      break;
    case 1:
      (void)!::lchown(path.c_str(), static_cast<uid_t>(Below(5000)),
                      static_cast<gid_t>(Below(5000)));
      break;
    case 2: {
      const auto value = Bytes(10);
      ::setxattr(path.c_str(), "user.note", value.data(), value.size(), 0);
      break;
    }
    default:
      SetTime(path,
              {static_cast<time_t>(Below(2'000'000'000)), static_cast<long>(Below(1'000'000'000))});
  }
}

// A file that stays mapped, as a database keeps its own.
void ChangingTree::KeepMapped() {
  for (int i = 0; i < 2; ++i) {
    const Path name = root_ / ("mapped" + std::to_string(i));
    Write(name, Bytes(kMappedBytes));
    const UniqueFd file(::open(name.c_str(), O_RDWR | O_CLOEXEC));
    void* begin = ::mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (begin != MAP_FAILED) mappings_.push_back({static_cast<char*>(begin), kMappedBytes});
  }
}

void ChangingTree::WriteMapped() {
  if (mappings_.empty()) return;
  const Mapping& mapping = mappings_.front();  // the other one is WriteMappedOften's
  mapping.begin[Below(mapping.size / 4096) * 4096 + Below(10)] = static_cast<char>(Below(256));
}

void ChangingTree::StartWriting() {
  writing_ = true;
  if (!mappings_.empty())
    mapped_writer_ = std::thread([this, seed = random_()] { WriteMappedOften(seed); });
  writer_ = std::thread([this] {
    while (writing_) {
      Below(3) == 0 ? ChangeOnce() : WriteMapped();
      std::this_thread::sleep_for(std::chrono::microseconds(Below(8000)));
    }
  });
}

// A page that is changed again and again: its file's times tell of the first change alone until it
// is written to disk. No other page of that file changes.
void ChangingTree::WriteMappedOften(uint64_t seed) {
  std::mt19937_64 random(seed);
  while (writing_) {
    mappings_.back().begin[random() % 64] = static_cast<char>(random());
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
}

void ChangingTree::StopWriting() {
  writing_ = false;
  if (writer_.joinable()) writer_.join();
  if (mapped_writer_.joinable()) mapped_writer_.join();
  // As the service's end would.
  for (const Mapping& mapping : mappings_) ::munmap(mapping.begin, mapping.size);
  mappings_.clear();
}

}  // namespace orcio::test
