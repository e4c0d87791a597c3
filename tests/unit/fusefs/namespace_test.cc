#include "fusefs/tree/namespace.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/support/files/watched_files.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::MustRunShell;
using Attributes = Namespace::Attributes;
using Inode = Namespace::Inode;

constexpr const char* kNewest = "wiki-2025-11-23T020000Z.tar.gz";

// A repository of small archives, and the tree they make.
class NamespaceFixture {
 public:
  NamespaceFixture() {
    std::filesystem::create_directory(repository());
    MustRunShell(
        "mkdir -p tree/etc/deep; cd tree; echo -n hello > etc/hello; ln etc/hello link; "
        "ln -s etc/hello symlink; setfattr -n user.colour -v blue etc/hello; "
        "for i in $(seq 100); do : > etc/deep/$i; done; chmod 700 .",
        {.input = {}, .environment = {}, .directory = scratch.path().string()});
    tar = test::TarOf(scratch / "tree");
  }

  [[nodiscard]] std::filesystem::path repository() const { return scratch / "repository"; }

  test::MadeArchive Add(const std::string& name) const {
    return test::MakeArchive(repository() / name, tar);
  }

  std::unique_ptr<Namespace> Open(std::chrono::milliseconds retry_after = std::chrono::hours(1),
                                  const FileSystem& files = LocalFileSystem(),
                                  OpenArchives::Limits open_archives = {}) {
    Namespace::Options options;
    options.retry_after = retry_after;
    options.open_archives = open_archives;
    options.latest_pins = latest_pins;
    options.now = wall_clock;
    options.most_waiting = most_waiting;
    options.log = [this](const std::string& line) {
      std::scoped_lock lock(mutex);
      lines.push_back(line);
    };
    return ValueOf(Namespace::Open(Repository(files, repository()), cache, std::move(options)));
  }

  [[nodiscard]] size_t LinesWith(const std::string& text) {
    std::scoped_lock lock(mutex);
    size_t count = 0;
    for (const auto& line : lines) count += line.find(text) == line.npos ? 0 : 1;
    return count;
  }

  test::ScratchDirectory scratch;
  std::vector<std::byte> tar;
  SpanCache cache{uint64_t{1} << 20};
  LatestPins::Options latest_pins;
  std::function<std::chrono::system_clock::time_point()> wall_clock =
      std::chrono::system_clock::now;
  unsigned most_waiting = 100;
  std::mutex mutex;
  std::vector<std::string> lines;
};

// The node at `path`, or nothing.
std::optional<Attributes> Walk(const Namespace& tree, const std::string& path) {
  Attributes at = ValueOf(tree.Stat(Namespace::kRoot));
  for (const auto& part : std::filesystem::path(path)) {
    const auto found = ValueOf(tree.Lookup(at.inode, part.string()));
    if (!found) return std::nullopt;
    at = *found;
  }
  return at;
}

Inode InodeAt(const Namespace& tree, const std::string& path) {
  INFO(path);
  const auto found = Walk(tree, path);
  REQUIRE(found.has_value());
  return found->inode;
}

std::string ReadAt(const Namespace& tree, const std::string& path) {
  const auto file = ValueOf(tree.OpenFile(InodeAt(tree, path)));
  std::string text;
  for (const Slice& slice : ValueOf(file->Read(0, 1000))) text += AsText(slice.bytes);
  return text;
}

std::set<std::string> Names(const Namespace& tree, Inode directory) {
  std::set<std::string> names;
  REQUIRE_OK(tree.List(directory, 0, true, [&](std::string_view name, const auto&, uint64_t) {
    return names.emplace(name).second;
  }));
  return names;
}

int ErrnoOf(const Error& error) {
  return ToErrno(error);
}

// How many of this process's descriptors are archives.
size_t OpenArchiveFiles() {
  size_t count = 0;
  std::error_code gone;
  for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
    const std::string target = std::filesystem::read_symlink(fd.path(), gone);
    if (target.find(".tar.gz") != target.npos) ++count;
  }
  return count;
}

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

// Files whose directories' times of change move by ticks of two seconds; counts how often one is
// listed.
class TickingFiles : public test::ForwardingFiles {
 public:
  // `ago`: how far behind this machine's clock they are; each is `more` than whole seconds.
  explicit TickingFiles(std::chrono::seconds ago, std::chrono::nanoseconds more = {})
      : ahead_ns_((more - ago).count()) {}
  Result<FileStatus> Status(const std::filesystem::path& path) const override {
    FileStatus status = ORCIO_TRY(ForwardingFiles::Status(path));
    constexpr int64_t kTick = 2'000'000'000;
    if (status.is_directory) status.mtime_ns += ahead_ns_ - status.mtime_ns % kTick;
    return status;
  }
  Result<std::vector<std::string>> List(const std::filesystem::path& directory) const override {
    ++listings_;
    return ForwardingFiles::List(directory);
  }
  [[nodiscard]] int listings() const { return listings_; }

 private:
  const int64_t ahead_ns_;
  mutable std::atomic<int> listings_ = 0;
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
                 "Services, dates and the link to the latest are directories' names") {
  Add("wiki-2025-11-16T020000Z.tar.gz");
  Add(kNewest);
  Add("gestionale-db-20221105.tgz");
  const auto tree = Open();
  CHECK(Names(*tree, Namespace::kRoot) ==
        std::set<std::string>{".", "..", "wiki", "gestionale-db"});
  const auto wiki = Walk(*tree, "wiki");
  REQUIRE(wiki.has_value());
  CHECK(Names(*tree, wiki->inode) ==
        std::set<std::string>{".", "..", "2025-11-16T020000Z", "2025-11-23T020000Z", "latest"});
  CHECK(wiki->links == 4);
  CHECK(wiki->mode == 0755);
  CHECK(wiki->uid == ::geteuid());
  CHECK(wiki->mtime.seconds == 1763863200);  // of the newest
  CHECK_FALSE(wiki->settled);
  const auto root = ValueOf(tree->Stat(Namespace::kRoot));
  CHECK(root.inode == Namespace::kRoot);
  CHECK(root.links == 4);
  CHECK(root.mtime.seconds == wiki->mtime.seconds);
  const auto latest = Walk(*tree, "wiki/latest");
  CHECK(latest->type == EntryType::kSymlink);
  CHECK(ValueOf(tree->ReadLink(latest->inode)) == "2025-11-23T020000Z");
  CHECK(latest->size == 18);
  CHECK_FALSE(Walk(*tree, "wiki/2025-11-17T020000Z").has_value());
  CHECK_FALSE(Walk(*tree, "nothing").has_value());
}

TEST_CASE_METHOD(NamespaceFixture, "The link leads to none of the future unless all are") {
  Add("wiki-9998-01-01T000000Z.tar.gz");
  Add("wiki-9999-01-01T000000Z.tar.gz");
  const auto tree = Open();
  const auto target = [&] { return ValueOf(tree->ReadLink(Walk(*tree, "wiki/latest")->inode)); };
  CHECK(target() == "9999-01-01T000000Z");
  Add(kNewest);
  (void)tree->Refresh();
  CHECK(target() == "2025-11-23T020000Z");
  CHECK(Walk(*tree, "wiki/9999-01-01T000000Z").has_value());
}

// A machine without a battery mounts before it hears of the time: the link led to an archive of
// years ago for as long as the mount lasted.
TEST_CASE_METHOD(NamespaceFixture, "The link follows a clock that is set while it is mounted") {
  Add("wiki-2021-11-16T020000Z.tar.gz");
  Add(kNewest);
  // The directory gives no cause to be listed again.
  MustRunShell("touch -d '2000-01-01 UTC' " + repository().string());
  constexpr int64_t kBehind = 1640995200;  // 2022-01-01
  constexpr int64_t kDayBefore = 1763863200 - 86400;
  std::atomic<int64_t> seconds = kBehind;
  wall_clock = [&] { return std::chrono::system_clock::time_point(std::chrono::seconds(seconds)); };
  const auto tree = Open();
  const auto target = [&] { return ValueOf(tree->ReadLink(InodeAt(*tree, "wiki/latest"))); };
  CHECK(target() == "2021-11-16T020000Z");
  seconds = kDayBefore - 1;
  CHECK(target() == "2021-11-16T020000Z");
  seconds = kDayBefore;
  CHECK(target() == "2025-11-23T020000Z");
  seconds = kBehind;
  CHECK(target() == "2021-11-16T020000Z");
}

TEST_CASE_METHOD(NamespaceFixture, "An archive shows its own tree") {
  Add(kNewest);
  const auto tree = Open();
  const std::string top = "wiki/2025-11-23T020000Z";
  const auto root = Walk(*tree, top);
  CHECK(root->mode == 0700);
  CHECK(root->settled);
  CHECK(Names(*tree, root->inode) == std::set<std::string>{".", "..", "etc", "link", "symlink"});
  CHECK(ReadAt(*tree, top + "/etc/hello") == "hello");
  CHECK(ValueOf(tree->ReadLink(InodeAt(*tree, top + "/symlink"))) == "etc/hello");
  const auto hello = Walk(*tree, top + "/etc/hello");
  CHECK(hello->inode == InodeAt(*tree, top + "/link"));
  CHECK(hello->links == 2);
  CHECK(hello->size == 5);
  CHECK(ValueOf(tree->Stat(hello->inode)).mtime == hello->mtime);
  const auto attributes = ValueOf(tree->ExtendedAttributes(hello->inode));
  REQUIRE(attributes.size() == 1);
  CHECK(attributes[0] == ExtendedAttribute{"user.colour", "blue"});
  CHECK(ValueOf(tree->ExtendedAttributes(Namespace::kRoot)).empty());
  const auto opened = tree->OpenFile(InodeAt(*tree, top + "/etc"));
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ErrorKind::kInvalid);
}

TEST_CASE_METHOD(NamespaceFixture, "Dot and dotdot lead to where they should") {
  Add(kNewest);
  const auto tree = Open();
  const auto dots = [&](Inode directory) {
    std::map<std::string, Inode> found;
    REQUIRE_OK(
        tree->List(directory, 0, false, [&](std::string_view name, const auto& node, uint64_t) {
          CHECK(node.type == EntryType::kDirectory);
          found.emplace(name, node.inode);
          return found.size() < 2;
        }));
    return found;
  };
  const std::vector<std::string> paths{"", "wiki", "wiki/2025-11-23T020000Z",
                                       "wiki/2025-11-23T020000Z/etc",
                                       "wiki/2025-11-23T020000Z/etc/deep"};
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto found = dots(InodeAt(*tree, paths[i]));
    CHECK(found.at(".") == InodeAt(*tree, paths[i]));
    CHECK(found.at("..") == InodeAt(*tree, paths[i == 0 ? 0 : i - 1]));
  }
}

TEST_CASE_METHOD(NamespaceFixture, "A listing goes on from every position it handed out") {
  for (int day = 10; day < 30; ++day)
    Add("wiki-2025-11-" + std::to_string(day) + "T020000Z.tar.gz");
  const auto tree = Open();
  for (const char* path : {"", "wiki", "wiki/2025-11-10T020000Z/etc/deep"}) {
    const Inode directory = InodeAt(*tree, path);
    std::vector<std::pair<std::string, uint64_t>> all;
    REQUIRE_OK(
        tree->List(directory, 0, false, [&](std::string_view name, const auto&, uint64_t next) {
          all.emplace_back(name, next);
          return true;
        }));
    REQUIRE(all.size() == Names(*tree, directory).size());
    for (size_t i = 0; i < all.size(); ++i) {
      std::vector<std::string> rest;
      REQUIRE_OK(tree->List(directory, all[i].second, false,
                            [&](std::string_view name, const auto&, uint64_t) {
                              rest.emplace_back(name);
                              return rest.size() < 2;
                            }));
      REQUIRE(rest.size() == std::min<size_t>(2, all.size() - i - 1));
      if (!rest.empty()) REQUIRE(rest[0] == all[i + 1].first);
    }
  }
}

TEST_CASE_METHOD(NamespaceFixture, "Inode numbers follow from names and content alone") {
  Add("wiki-2025-11-16T020000Z.tar.gz");
  Add(kNewest);
  const std::vector<std::string> paths{"wiki", "wiki/latest", "wiki/2025-11-23T020000Z",
                                       "wiki/2025-11-23T020000Z/etc/hello",
                                       "wiki/2025-11-16T020000Z/etc/hello"};
  std::set<Inode> before;
  {
    const auto tree = Open();
    for (const auto& path : paths) before.insert(InodeAt(*tree, path));
  }
  CHECK(before.size() == paths.size());
  CHECK(before.count(0) == 0);
  CHECK(before.count(Namespace::kRoot) == 0);
  Add("another-20221105.tar.gz");
  const auto tree = Open();
  std::set<Inode> after;
  for (const auto& path : paths) after.insert(InodeAt(*tree, path));
  CHECK(after == before);
}

TEST_CASE_METHOD(NamespaceFixture, "An inode of an archive that is not there is stale") {
  Add(kNewest);
  const auto tree = Open();
  const Inode beyond = InodeAt(*tree, "wiki/2025-11-23T020000Z") + 1'000'000;
  for (const Inode inode : {Inode{77}, Inode{5} << 32, (Inode{5} << 32) + 3, beyond}) {
    const auto found = tree->Stat(inode);
    REQUIRE_FALSE(found.has_value());
    CHECK(ErrnoOf(found.error()) == ESTALE);
    CHECK_FALSE(tree->Lookup(inode, "x").has_value());
    CHECK_FALSE(tree->OpenFile(inode).has_value());
    CHECK_FALSE(tree->List(inode, 0, false, [](auto, const auto&, auto) { return true; }));
  }
}

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

TEST_CASE_METHOD(NamespaceFixture,
                 "An archive that comes within the same tick of the repository's clock is there") {
  // It stayed invisible until the next change, for there are file systems with times to the second,
  // or two, and servers whose clocks are behind.
  const auto behind =
      GENERATE(std::chrono::seconds(0), std::chrono::seconds(1), std::chrono::seconds(30));
  Add("wiki-2025-11-16T020000Z.tar.gz");
  const TickingFiles files(behind);
  const auto tree = Open(std::chrono::hours(1), files);
  CHECK(Names(*tree, InodeAt(*tree, "wiki")).size() == 4);
  Add("another-20221105.tar.gz");
  CHECK(Names(*tree, Namespace::kRoot).contains("another"));
}

TEST_CASE_METHOD(NamespaceFixture,
                 "A repository whose time is ahead of this machine's is not listed for ever") {
  Add(kNewest);
  const TickingFiles files(-std::chrono::hours(1), std::chrono::nanoseconds(1));
  const auto tree = Open(std::chrono::hours(1), files);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int before = -1; before != files.listings();) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    before = files.listings();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    REQUIRE(Walk(*tree, "wiki").has_value());
  }
}

TEST_CASE_METHOD(NamespaceFixture,
                 "The link to the latest leads a process where it led it before") {
  const auto old = Add("wiki-2025-11-16T020000Z.tar.gz");
  std::atomic<uint64_t> started = 1;
  latest_pins.process_of = [&](pid_t thread) { return Process{thread, started}; };
  const auto tree = Open();
  const auto target = [&](pid_t process) {
    return tree->ReadLink(InodeAt(*tree, "wiki/latest"), {}, Caller{process, 0, 0});
  };
  CHECK(ValueOf(target(5)) == "2025-11-16T020000Z");
  CHECK(ValueOf(target(6)) == "2025-11-16T020000Z");
  Add(kNewest);
  CHECK(ValueOf(target(5)) == "2025-11-16T020000Z");
  CHECK(ValueOf(target(7)) == "2025-11-23T020000Z");
  CHECK(ValueOf(tree->ReadLink(InodeAt(*tree, "wiki/latest"))) == "2025-11-23T020000Z");

  // Replaced under its name it is another archive.
  std::filesystem::remove(old.path);
  std::filesystem::remove(old.sidecar);
  Add("wiki-2025-11-16T020000Z.tar.gz");
  const auto replaced = target(5);
  REQUIRE_FALSE(replaced.has_value());
  CHECK(ErrnoOf(replaced.error()) == ESTALE);
  std::filesystem::remove(old.path);
  const auto gone = target(6);
  REQUIRE_FALSE(gone.has_value());
  CHECK(ErrnoOf(gone.error()) == ESTALE);
  CHECK(ValueOf(target(7)) == "2025-11-23T020000Z");
  started = 2;
  CHECK(ValueOf(target(6)) == "2025-11-23T020000Z");
}

TEST_CASE_METHOD(NamespaceFixture, "A file that is open keeps its process in its archive") {
  Add("wiki-2025-11-16T020000Z.tar.gz");
  const Caller caller{5, 0, 0};
  std::atomic<int> hour = 0;
  latest_pins.process_of = [](pid_t thread) { return Process{thread, 1}; };
  latest_pins.now = [&] { return LatestPins::Clock::time_point(std::chrono::hours(hour)); };
  const auto tree = Open();
  const auto target = [&] {
    return ValueOf(tree->ReadLink(InodeAt(*tree, "wiki/latest"), {}, caller));
  };
  CHECK(target() == "2025-11-16T020000Z");
  auto file =
      ValueOf(tree->OpenFile(InodeAt(*tree, "wiki/2025-11-16T020000Z/etc/hello"), {}, caller));
  Add(kNewest);
  hour = 3;
  CHECK(target() == "2025-11-16T020000Z");
  CHECK(ValueOf(file->Read(0, 100)).size() == 1);
  file.reset();
  hour = 4;
  CHECK(target() == "2025-11-23T020000Z");
}

TEST_CASE_METHOD(NamespaceFixture, "Archives come and go, and numbers stay") {
  const auto first = Add("wiki-2025-11-16T020000Z.tar.gz");
  const auto tree = Open();
  const Inode before = InodeAt(*tree, "wiki/2025-11-16T020000Z/etc/hello");
  const Inode latest = InodeAt(*tree, "wiki/latest");
  Add(kNewest);
  CHECK(ValueOf(tree->ReadLink(InodeAt(*tree, "wiki/latest"))) == "2025-11-23T020000Z");
  CHECK(InodeAt(*tree, "wiki/latest") != latest);
  CHECK(InodeAt(*tree, "wiki/2025-11-16T020000Z/etc/hello") == before);
  CHECK(ReadAt(*tree, "wiki/2025-11-23T020000Z/etc/hello") == "hello");

  const auto file = ValueOf(tree->OpenFile(before));
  std::filesystem::remove(first.path);
  CHECK_FALSE(Walk(*tree, "wiki/2025-11-16T020000Z").has_value());
  const auto gone = tree->Stat(before);
  REQUIRE_FALSE(gone.has_value());
  CHECK(ErrnoOf(gone.error()) == ESTALE);
  std::string text;
  for (const Slice& slice : ValueOf(file->Read(1, 100))) text += AsText(slice.bytes);
  CHECK(text == "ello");

  std::filesystem::remove(repository() / kNewest);
  CHECK(Names(*tree, Namespace::kRoot) == std::set<std::string>{".", ".."});
}

TEST_CASE_METHOD(
    NamespaceFixture,
    "An archive replaced under its name has other inodes, and its old root leads there") {
  const auto archive = Add(kNewest);
  const auto tree = Open();
  const Inode root = InodeAt(*tree, "wiki/2025-11-23T020000Z");
  const auto before = Walk(*tree, "wiki/2025-11-23T020000Z/etc/hello");
  const auto file = ValueOf(tree->OpenFile(before->inode));
  std::filesystem::remove(archive.path);
  std::filesystem::remove(archive.sidecar);
  std::filesystem::remove(scratch / "tree/symlink");
  tar = test::TarOf(scratch / "tree");
  Add(kNewest);
  const auto after = Walk(*tree, "wiki/2025-11-23T020000Z/etc/hello");
  REQUIRE(after.has_value());
  CHECK(after->inode != before->inode);
  CHECK(after->generation != before->generation);
  CHECK_FALSE(Walk(*tree, "wiki/2025-11-23T020000Z/symlink").has_value());
  // What the kernel knows of the old inodes is not to be taken for what is there now.
  const auto stale = tree->Stat(before->inode);
  REQUIRE_FALSE(stale.has_value());
  CHECK(ErrnoOf(stale.error()) == ESTALE);
  CHECK_FALSE(tree->OpenFile(before->inode).has_value());
  CHECK(AsText(ValueOf(file->Read(0, 100)).at(0).bytes) == "hello");
  const auto etc = ValueOf(tree->Lookup(root, "etc"));
  REQUIRE(etc.has_value());
  CHECK(etc->inode == InodeAt(*tree, "wiki/2025-11-23T020000Z/etc"));
  CHECK_FALSE(ValueOf(tree->Lookup(root, "symlink")).has_value());
  // The same at the next mount.
  CHECK(InodeAt(*Open(), "wiki/2025-11-23T020000Z/etc/hello") == after->inode);
}

TEST_CASE_METHOD(NamespaceFixture, "What has changed is told once, whoever has noticed it") {
  const auto first = Add("wiki-2025-11-16T020000Z.tar.gz");
  const auto tree = Open();
  const Inode wiki = InodeAt(*tree, "wiki");
  const Inode root = InodeAt(*tree, "wiki/2025-11-16T020000Z");
  CHECK(tree->Refresh().names.empty());
  CHECK(tree->Refresh().inodes.empty());
  using Told = std::set<std::pair<Inode, std::string>>;
  const auto told = [&] {
    Told names;
    for (const auto& [directory, name] : tree->Refresh().names) names.emplace(directory, name);
    return names;
  };

  Add(kNewest);
  CHECK(Walk(*tree, "wiki/2025-11-23T020000Z").has_value());  // noticed by somebody who looks
  CHECK(told() == Told{{wiki, "2025-11-23T020000Z"}, {wiki, "latest"}});
  CHECK(told().empty());
  Add("wiki-2025-11-17T020000Z.tar.gz");
  // Latest stays what it is, and yet the directory's time is another: of that the kernel knows.
  const auto time_before = ValueOf(tree->Stat(wiki)).mtime;
  Add("wiki-2025-11-18T020000Z.tar.gz");
  const auto time_after = ValueOf(tree->Stat(wiki)).mtime;
  CHECK(time_after.seconds == time_before.seconds);
  CHECK(time_after.nanoseconds != time_before.nanoseconds);
  CHECK(told() == Told{{wiki, "2025-11-17T020000Z"}, {wiki, "2025-11-18T020000Z"}});
  Add("other-20221105.tar.gz");
  CHECK(told() == Told{{Namespace::kRoot, "other"}});

  // Replaced: also whoever is inside must look again.
  std::filesystem::remove(first.path);
  std::filesystem::remove(first.sidecar);
  std::ofstream(scratch / "tree/new") << "new";
  tar = test::TarOf(scratch / "tree");
  Add("wiki-2025-11-16T020000Z.tar.gz");
  const auto replaced = tree->Refresh();
  REQUIRE(replaced.names.size() == 1);
  CHECK(replaced.names[0].name == "2025-11-16T020000Z");
  CHECK(std::set<Inode>(replaced.inodes.begin(), replaced.inodes.end()) ==
        std::set<Inode>{Namespace::kRoot, wiki, root});

  std::filesystem::remove(repository() / kNewest);
  CHECK(told() == Told{{wiki, "2025-11-23T020000Z"}, {wiki, "latest"}});
  std::filesystem::remove(repository() / "other-20221105.tar.gz");
  CHECK(told().contains({Namespace::kRoot, "other"}));
}

TEST_CASE_METHOD(NamespaceFixture, "No more archives stay open than are allowed") {
  for (int day = 10; day < 30; ++day) Add(fmt::format("wiki-2025-11-{}T020000Z.tar.gz", day));
  const auto tree = Open(std::chrono::hours(1), LocalFileSystem(), {.most = 3});
  for (int round = 0; round < 2; ++round) {
    for (int day = 10; day < 30; ++day) {
      const auto top = fmt::format("wiki/2025-11-{}T020000Z", day);
      CHECK(ReadAt(*tree, top + "/etc/hello") == "hello");
      CHECK(OpenArchiveFiles() <= 3);
    }
    // From outside, too.
    for (int day = 10; day < 30; ++day)
      CHECK(Walk(*tree, fmt::format("wiki/2025-11-{}T020000Z", day))->settled);
    CHECK(OpenArchiveFiles() <= 3);
  }
}

TEST_CASE_METHOD(NamespaceFixture, "An archive with open files stays open though it is long idle") {
  const auto archive = Add(kNewest);
  Add("wiki-2025-11-16T020000Z.tar.gz");
  const auto tree = Open(std::chrono::hours(1), LocalFileSystem(),
                         {.most = 192, .idle = std::chrono::milliseconds(20)});
  CHECK(ReadAt(*tree, "wiki/2025-11-16T020000Z/etc/hello") == "hello");
  const auto file = ValueOf(tree->OpenFile(InodeAt(*tree, "wiki/2025-11-23T020000Z/etc/hello")));
  std::filesystem::remove(archive.path);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (OpenArchiveFiles() > 1) REQUIRE(std::chrono::steady_clock::now() < end);
  CHECK(AsText(ValueOf(file->Read(0, 100)).at(0).bytes) == "hello");
  CHECK(OpenArchiveFiles() == 1);
}

TEST_CASE("A repository that is not there cannot be mounted") {
  SpanCache cache(1000);
  const auto opened = Namespace::Open(Repository(LocalFileSystem(), "/no/such/directory"), cache);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ErrorKind::kNotFound);
}

}  // namespace orcio
