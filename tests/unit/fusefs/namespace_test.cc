#include "fusefs/tree/namespace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/unit/fusefs/namespace_fixture.h"

namespace orcio {
namespace {

using namespace test;
using Attributes = Namespace::Attributes;
using Inode = Namespace::Inode;

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
