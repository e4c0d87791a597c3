#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/bytes.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/support/files/watched_files.h"
#include "tests/support/noise.h"
#include "tests/unit/fusefs/namespace_fixture.h"

// Archives in the mounted tree that have no index, or a damaged one, or are damaged themselves.

namespace orcio {
namespace {

using namespace test;
using Attributes = Namespace::Attributes;
using Inode = Namespace::Inode;

// Files of which no sidecar can be written before it is opened.
class Gate {
 public:
  void Open() {
    std::scoped_lock lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  // The niceness of the thread that last stood before it.
  [[nodiscard]] int niceness() const { return niceness_; }

  const test::WatchedFiles files{[this](const std::filesystem::path&, size_t) -> Result<void> {
    niceness_ = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
    return {};
  }};

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;  // guarded by mutex_
  std::atomic<int> niceness_ = 0;
};

// Files of which one may not be read.
class ClosedFiles : public test::ForwardingFiles {
 public:
  explicit ClosedFiles(std::string closed) : closed_(std::move(closed)) {}
  Result<std::unique_ptr<RandomAccess>> OpenRead(const std::filesystem::path& path) const override {
    if (path.filename() == closed_) return FailErrno(EACCES, "cannot open " + path.string());
    return ForwardingFiles::OpenRead(path);
  }
  Result<std::unique_ptr<MappedFile>> Map(const std::filesystem::path& path) const override {
    if (path.filename() == closed_) return FailErrno(EACCES, "cannot open " + path.string());
    return ForwardingFiles::Map(path);
  }

 private:
  const std::string closed_;
};

}  // namespace

TEST_CASE_METHOD(NamespaceFixture,
                 "Looking from outside rebuilds no sidecar, touching the inside does") {
  const auto archive = Add(kNewest);
  std::filesystem::remove(archive.sidecar);
  const auto tree = Open();
  const auto root = Walk(*tree, "wiki/2025-11-23T020000Z");
  REQUIRE(root.has_value());
  CHECK(root->type == EntryType::kDirectory);
  CHECK_FALSE(root->settled);
  CHECK(tree->Stat(root->inode).has_value());
  CHECK(ValueOf(tree->ExtendedAttributes(root->inode)).empty());
  CHECK(Names(*tree, InodeAt(*tree, "wiki")).size() == 4);
  CHECK_FALSE(std::filesystem::exists(archive.sidecar));
  CHECK(ReadAt(*tree, "wiki/2025-11-23T020000Z/etc/hello") == "hello");
  CHECK(std::filesystem::exists(archive.sidecar));
  const auto indexed = ValueOf(tree->Stat(root->inode));
  CHECK(indexed.settled);
  // With another one the kernel would take it for another directory.
  CHECK(indexed.generation == root->generation);
  CHECK(LinesWith("rebuilt") == 1);
}

TEST_CASE_METHOD(NamespaceFixture,
                 "Threads that touch an archive together rebuild its sidecar once") {
  const auto archive = Add(kNewest);
  std::filesystem::remove(archive.sidecar);
  const auto tree = Open();
  const Inode root = InodeAt(*tree, "wiki/2025-11-23T020000Z");
  std::atomic<int> found = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto node = tree->Lookup(root, "etc");
        if (node && *node) ++found;
      });
    }
  }
  CHECK(found == 8);
  CHECK(LinesWith("index rebuilt") == 1);
}

TEST_CASE_METHOD(NamespaceFixture,
                 "Who waits for an index may give up, and it is made all the same") {
  std::filesystem::remove(Add(kNewest).sidecar);
  Gate gate;
  const auto tree = Open(std::chrono::hours(1), gate.files);
  const Inode root = InodeAt(*tree, "wiki/2025-11-23T020000Z");
  const auto given_up = tree->Lookup(root, "etc", [] { return true; });
  REQUIRE_FALSE(given_up.has_value());
  CHECK(ErrnoOf(given_up.error()) == EINTR);
  CHECK(LinesWith("index rebuilt") == 0);
  gate.Open();
  CHECK(ValueOf(tree->Lookup(root, "etc")).has_value());
  CHECK(LinesWith("index rebuilt") == 1);
  CHECK(LinesWith("rebuilding it") == 1);
}

// Five hundred that waited kept all threads, and none was left to hear that they were interrupted.
TEST_CASE_METHOD(NamespaceFixture,
                 "Only so many wait for an index, others are told to come again") {
  std::filesystem::remove(Add(kNewest).sidecar);
  Add("wiki-2025-11-21T020000Z.tar.gz");
  Gate gate;
  most_waiting = 1;
  const auto tree = Open(std::chrono::hours(1), gate.files);
  const Inode root = InodeAt(*tree, "wiki/2025-11-23T020000Z");
  std::atomic<bool> waits = false;
  std::optional<Attributes> found;
  std::jthread first([&] {
    const auto node = tree->Lookup(root, "etc", [&] {
      waits = true;
      return false;
    });
    if (node) found = *node;
  });
  while (!waits) std::this_thread::yield();
  const auto second = tree->Lookup(root, "link");
  REQUIRE_FALSE(second.has_value());
  CHECK(ErrnoOf(second.error()) == EAGAIN);
  // Who does not have to wait is served.
  CHECK(ReadAt(*tree, "wiki/2025-11-21T020000Z/etc/hello") == "hello");
  gate.Open();
  first.join();
  CHECK(found.has_value());
  CHECK(ValueOf(tree->Lookup(root, "link")).has_value());
}

TEST_CASE_METHOD(NamespaceFixture,
                 "Archives are indexed one at a time, at the lowest priority, in nobody's way") {
  std::filesystem::remove(Add(kNewest).sidecar);
  std::filesystem::remove(Add("wiki-2025-11-22T020000Z.tar.gz").sidecar);
  Add("wiki-2025-11-21T020000Z.tar.gz");
  Gate gate;
  const auto tree = Open(std::chrono::hours(1), gate.files);
  std::atomic<int> found = 0;
  std::atomic<bool> waits[2] = {false, false};
  std::vector<std::jthread> threads;
  for (const int i : {0, 1}) {
    const Inode root =
        InodeAt(*tree, i == 0 ? "wiki/2025-11-23T020000Z" : "wiki/2025-11-22T020000Z");
    threads.emplace_back([&, root, i] {
      const auto node = tree->Lookup(root, "etc", [&] {
        waits[i] = true;
        return false;
      });
      if (node && *node) ++found;
    });
  }
  for (const auto& waiting : waits) {
    while (!waiting) std::this_thread::yield();
  }
  // The lowest priority has its time to come to the first of them.
  while (LinesWith("rebuilding it") == 0) std::this_thread::yield();
  CHECK(ReadAt(*tree, "wiki/2025-11-21T020000Z/etc/hello") == "hello");
  CHECK(LinesWith("rebuilding it") == 1);
  gate.Open();
  threads.clear();
  CHECK(found == 2);
  CHECK(LinesWith("index rebuilt") == 2);
  CHECK(gate.niceness() == 19);
}

TEST_CASE_METHOD(NamespaceFixture, "An end of the mount breaks off an indexing") {
  std::filesystem::remove(Add(kNewest).sidecar);
  const auto tree = Open();
  tree->Stop();
  const auto found = tree->Lookup(InodeAt(*tree, "wiki/2025-11-23T020000Z"), "etc");
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().kind == ErrorKind::kCancelled);
}

TEST_CASE_METHOD(NamespaceFixture, "An archive written over in place is noticed") {
  const auto archive = Add(kNewest);
  const auto tree = Open();
  const auto before = Walk(*tree, "wiki/2025-11-23T020000Z/etc/hello");
  const auto file = ValueOf(tree->OpenFile(before->inode));
  std::ofstream(scratch / "tree/new") << "new";
  const auto other = test::MakeArchive(scratch / "other.tar.gz", test::TarOf(scratch / "tree"));
  // The same file with other bytes in it, and its directory as it was.
  std::ofstream(archive.path, std::ios::binary) << std::ifstream(other.path).rdbuf();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!Walk(*tree, "wiki/2025-11-23T020000Z/new")) {
    REQUIRE(std::chrono::steady_clock::now() < end);
  }
  CHECK(ReadAt(*tree, "wiki/2025-11-23T020000Z/new") == "new");
  CHECK(Walk(*tree, "wiki/2025-11-23T020000Z/etc/hello")->generation != before->generation);
  // Whoever has the old file open gets its bytes or none.
  const auto old = file->Read(0, 1000);
  CHECK((!old || AsText(old->at(0).bytes) == "hello"));
}

TEST_CASE_METHOD(NamespaceFixture,
                 "A sidecar found damaged in use is rebuilt, and the answer is right") {
  const auto archive = Add(kNewest);
  const auto sound = ValueOf(ReadWholeFile(LocalFileSystem(), archive.sidecar, uint64_t{1} << 20));
  size_t rebuilt = 0;
  // Block 0 alone is checked when it is opened.
  for (uint64_t offset = 4100; offset < sound.size(); offset += 512) {
    INFO(offset);
    std::ofstream(archive.sidecar, std::ios::binary) << AsText(sound);
    const auto tree = Open();
    CHECK(InodeAt(*tree, "wiki/2025-11-23T020000Z") != 0);  // opens it
    test::FlipByte(archive.sidecar, offset);
    const auto deep = Walk(*tree, "wiki/2025-11-23T020000Z/etc/deep");
    REQUIRE(deep.has_value());
    CHECK(Names(*tree, deep->inode).size() == 102);
    CHECK(ReadAt(*tree, "wiki/2025-11-23T020000Z/etc/hello") == "hello");
    const auto now = Sidecar::Open(LocalFileSystem(), archive.sidecar);
    if (now && (*now)->CheckAll()) ++rebuilt;
  }
  CHECK(rebuilt > 0);
  CHECK(LinesWith("index rebuilt") == rebuilt);
}

TEST_CASE_METHOD(NamespaceFixture,
                 "A file that was opened before the sidecar was damaged reads right") {
  const std::string content = test::Noise(600000, 1);
  std::ofstream(scratch / "tree/large", std::ios::binary) << content;
  // Small members: the table of spans has blocks of the sidecar to itself, which opening the file
  // does not touch.
  const auto archive =
      test::MakeArchive(repository() / kNewest, test::TarOf(scratch / "tree"), {1000});
  const auto sound = ValueOf(ReadWholeFile(LocalFileSystem(), archive.sidecar, uint64_t{1} << 20));
  for (uint64_t offset = 4196; offset < sound.size(); offset += 4096) {
    INFO(offset);
    std::ofstream(archive.sidecar, std::ios::binary) << AsText(sound);
    const auto tree = Open();
    const auto file = ValueOf(tree->OpenFile(InodeAt(*tree, "wiki/2025-11-23T020000Z/large")));
    test::FlipByte(archive.sidecar, offset);
    for (int i = 0; i < 2; ++i) {
      std::string text;
      for (const Slice& slice : ValueOf(file->Read(0, 600000))) text += AsText(slice.bytes);
      CHECK((text == content));
    }
  }
  CHECK(LinesWith("index rebuilt") > 0);
}

TEST_CASE_METHOD(NamespaceFixture,
                 "An archive that cannot be opened is EIO inside, and tried again later") {
  Add("wiki-2025-11-16T020000Z.tar.gz");
  std::ofstream(repository() / kNewest) << "this is no archive";
  const auto patient = Open();
  const auto broken = Walk(*patient, "wiki/2025-11-23T020000Z");
  REQUIRE(broken.has_value());
  for (int i = 0; i < 3; ++i) {
    const auto inside = patient->Lookup(broken->inode, "etc");
    REQUIRE_FALSE(inside.has_value());
    CHECK(ErrnoOf(inside.error()) == EIO);
  }
  CHECK(LinesWith("rebuilding") == 1);
  CHECK(ReadAt(*patient, "wiki/2025-11-16T020000Z/etc/hello") == "hello");

  // Healed by hand meanwhile: the next try finds out.
  const auto eager = Open(std::chrono::milliseconds(0));
  CHECK_FALSE(eager->Lookup(broken->inode, "etc").has_value());
  const auto sound = test::MakeArchive(scratch / "sound.tar.gz", tar);
  std::filesystem::copy_file(sound.path, repository() / kNewest,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(sound.sidecar, (repository() / kNewest).string() + ".idx");
  CHECK(ReadAt(*eager, "wiki/2025-11-23T020000Z/etc/hello") == "hello");
}

TEST_CASE_METHOD(NamespaceFixture, "An archive that may not be read is EACCES inside, not EIO") {
  Add("wiki-2025-11-16T020000Z.tar.gz");
  const auto archive = Add(kNewest);
  const bool without_sidecar = GENERATE(false, true);
  if (without_sidecar) std::filesystem::remove(archive.sidecar);
  const ClosedFiles files(kNewest);
  const auto tree = Open(std::chrono::hours(1), files);
  const auto closed = Walk(*tree, "wiki/2025-11-23T020000Z");
  REQUIRE(closed.has_value());
  for (int i = 0; i < 3; ++i) {
    const auto inside = tree->Lookup(closed->inode, "etc");
    REQUIRE_FALSE(inside.has_value());
    CHECK(ErrnoOf(inside.error()) == EACCES);
  }
  CHECK(LinesWith("cannot open " + archive.path.string() + ": Permission denied") == 1);
  // Nothing is rebuilt that cannot be read.
  CHECK(LinesWith("rebuilding") == 0);
  CHECK(ReadAt(*tree, "wiki/2025-11-16T020000Z/etc/hello") == "hello");
}

TEST_CASE_METHOD(NamespaceFixture,
                 "A sidecar that may not be read is not taken for a damaged one") {
  const auto archive = Add(kNewest);
  const ClosedFiles files(archive.sidecar.filename().string());
  const auto tree = Open(std::chrono::hours(1), files);
  const auto inside = tree->Lookup(InodeAt(*tree, "wiki/2025-11-23T020000Z"), "etc");
  REQUIRE_FALSE(inside.has_value());
  CHECK(ErrnoOf(inside.error()) == EACCES);
  CHECK(LinesWith("rebuilding") == 0);
}

}  // namespace orcio
