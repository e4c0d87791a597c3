#include "fusefs/namespace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "index/bytes.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/made_archive.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::MustRunShell;
using Attributes = Namespace::Attributes;
using Inode = Namespace::Inode;

constexpr const char* kNewest = "wiki-2026-11-23T020000Z.tar.gz";

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

  std::unique_ptr<Namespace> Open(std::chrono::milliseconds retry_after = std::chrono::hours(1)) {
    Namespace::Options options;
    options.retry_after = retry_after;
    options.log = [this](const std::string& line) {
      std::scoped_lock lock(mutex);
      lines.push_back(line);
    };
    return ValueOf(
        Namespace::Open(Repository(LocalFileSystem(), repository()), cache, std::move(options)));
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

}  // namespace

TEST_CASE_METHOD(NamespaceFixture,
                 "Services, dates and the link to the latest are directories' names") {
  Add("wiki-2026-11-16T020000Z.tar.gz");
  Add(kNewest);
  Add("gestionale-db-20221105.tgz");
  const auto tree = Open();
  CHECK(Names(*tree, Namespace::kRoot) ==
        std::set<std::string>{".", "..", "wiki", "gestionale-db"});
  const auto wiki = Walk(*tree, "wiki");
  REQUIRE(wiki.has_value());
  CHECK(Names(*tree, wiki->inode) ==
        std::set<std::string>{".", "..", "2026-11-16T020000Z", "2026-11-23T020000Z", "latest"});
  CHECK(wiki->links == 4);
  CHECK(wiki->mode == 0755);
  CHECK(wiki->uid == ::geteuid());
  CHECK(wiki->mtime.seconds == 1795399200);  // of the newest
  CHECK_FALSE(wiki->settled);
  const auto root = ValueOf(tree->Stat(Namespace::kRoot));
  CHECK(root.inode == Namespace::kRoot);
  CHECK(root.links == 4);
  CHECK(root.mtime == wiki->mtime);
  const auto latest = Walk(*tree, "wiki/latest");
  CHECK(latest->type == EntryType::kSymlink);
  CHECK(ValueOf(tree->ReadLink(latest->inode)) == "2026-11-23T020000Z");
  CHECK(latest->size == 18);
  CHECK_FALSE(Walk(*tree, "wiki/2026-11-17T020000Z").has_value());
  CHECK_FALSE(Walk(*tree, "nothing").has_value());
}

TEST_CASE_METHOD(NamespaceFixture, "An archive shows its own tree") {
  Add(kNewest);
  const auto tree = Open();
  const std::string top = "wiki/2026-11-23T020000Z";
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
  const std::vector<std::string> paths{"", "wiki", "wiki/2026-11-23T020000Z",
                                       "wiki/2026-11-23T020000Z/etc",
                                       "wiki/2026-11-23T020000Z/etc/deep"};
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto found = dots(InodeAt(*tree, paths[i]));
    CHECK(found.at(".") == InodeAt(*tree, paths[i]));
    CHECK(found.at("..") == InodeAt(*tree, paths[i == 0 ? 0 : i - 1]));
  }
}

TEST_CASE_METHOD(NamespaceFixture, "A listing goes on from every position it handed out") {
  for (int day = 10; day < 30; ++day)
    Add("wiki-2026-11-" + std::to_string(day) + "T020000Z.tar.gz");
  const auto tree = Open();
  for (const char* path : {"", "wiki", "wiki/2026-11-10T020000Z/etc/deep"}) {
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
  Add("wiki-2026-11-16T020000Z.tar.gz");
  Add(kNewest);
  const std::vector<std::string> paths{"wiki", "wiki/latest", "wiki/2026-11-23T020000Z",
                                       "wiki/2026-11-23T020000Z/etc/hello",
                                       "wiki/2026-11-16T020000Z/etc/hello"};
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
  const Inode beyond = InodeAt(*tree, "wiki/2026-11-23T020000Z") + 1'000'000;
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
  const auto root = Walk(*tree, "wiki/2026-11-23T020000Z");
  REQUIRE(root.has_value());
  CHECK(root->type == EntryType::kDirectory);
  CHECK_FALSE(root->settled);
  CHECK(tree->Stat(root->inode).has_value());
  CHECK(ValueOf(tree->ExtendedAttributes(root->inode)).empty());
  CHECK(Names(*tree, InodeAt(*tree, "wiki")).size() == 4);
  CHECK_FALSE(std::filesystem::exists(archive.sidecar));
  CHECK(ReadAt(*tree, "wiki/2026-11-23T020000Z/etc/hello") == "hello");
  CHECK(std::filesystem::exists(archive.sidecar));
  CHECK(ValueOf(tree->Stat(root->inode)).settled);
  CHECK(LinesWith("rebuilt") == 1);
}

TEST_CASE_METHOD(NamespaceFixture,
                 "Threads that touch an archive together rebuild its sidecar once") {
  const auto archive = Add(kNewest);
  std::filesystem::remove(archive.sidecar);
  const auto tree = Open();
  const Inode root = InodeAt(*tree, "wiki/2026-11-23T020000Z");
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
                 "A sidecar found damaged in use is rebuilt, and the answer is right") {
  const auto archive = Add(kNewest);
  const auto sound = ValueOf(ReadWholeFile(LocalFileSystem(), archive.sidecar, uint64_t{1} << 20));
  size_t rebuilt = 0;
  // Block 0 alone is checked when it is opened.
  for (uint64_t offset = 4100; offset < sound.size(); offset += 512) {
    INFO(offset);
    std::ofstream(archive.sidecar, std::ios::binary) << AsText(sound);
    const auto tree = Open();
    CHECK(InodeAt(*tree, "wiki/2026-11-23T020000Z") != 0);  // opens it
    test::FlipByte(archive.sidecar, offset);
    const auto deep = Walk(*tree, "wiki/2026-11-23T020000Z/etc/deep");
    REQUIRE(deep.has_value());
    CHECK(Names(*tree, deep->inode).size() == 102);
    CHECK(ReadAt(*tree, "wiki/2026-11-23T020000Z/etc/hello") == "hello");
    const auto now = Sidecar::Open(LocalFileSystem(), archive.sidecar);
    if (now && (*now)->CheckAll()) ++rebuilt;
  }
  CHECK(rebuilt > 0);
  CHECK(LinesWith("index rebuilt") == rebuilt);
}

TEST_CASE_METHOD(NamespaceFixture,
                 "An archive that cannot be opened is EIO inside, and tried again later") {
  Add("wiki-2026-11-16T020000Z.tar.gz");
  std::ofstream(repository() / kNewest) << "this is no archive";
  const auto patient = Open();
  const auto broken = Walk(*patient, "wiki/2026-11-23T020000Z");
  REQUIRE(broken.has_value());
  for (int i = 0; i < 3; ++i) {
    const auto inside = patient->Lookup(broken->inode, "etc");
    REQUIRE_FALSE(inside.has_value());
    CHECK(ErrnoOf(inside.error()) == EIO);
  }
  CHECK(LinesWith("rebuilding") == 1);
  CHECK(ReadAt(*patient, "wiki/2026-11-16T020000Z/etc/hello") == "hello");

  // Healed by hand meanwhile: the next try finds out.
  const auto eager = Open(std::chrono::milliseconds(0));
  CHECK_FALSE(eager->Lookup(broken->inode, "etc").has_value());
  const auto sound = test::MakeArchive(scratch / "sound.tar.gz", tar);
  std::filesystem::copy_file(sound.path, repository() / kNewest,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(sound.sidecar, (repository() / kNewest).string() + ".idx");
  CHECK(ReadAt(*eager, "wiki/2026-11-23T020000Z/etc/hello") == "hello");
}

TEST_CASE_METHOD(NamespaceFixture, "Archives come and go, and numbers stay") {
  const auto first = Add("wiki-2026-11-16T020000Z.tar.gz");
  const auto tree = Open();
  const Inode before = InodeAt(*tree, "wiki/2026-11-16T020000Z/etc/hello");
  const Inode latest = InodeAt(*tree, "wiki/latest");
  Add(kNewest);
  CHECK(ValueOf(tree->ReadLink(InodeAt(*tree, "wiki/latest"))) == "2026-11-23T020000Z");
  CHECK(InodeAt(*tree, "wiki/latest") != latest);
  CHECK(InodeAt(*tree, "wiki/2026-11-16T020000Z/etc/hello") == before);
  CHECK(ReadAt(*tree, "wiki/2026-11-23T020000Z/etc/hello") == "hello");

  const auto file = ValueOf(tree->OpenFile(before));
  std::filesystem::remove(first.path);
  CHECK_FALSE(Walk(*tree, "wiki/2026-11-16T020000Z").has_value());
  const auto gone = tree->Stat(before);
  REQUIRE_FALSE(gone.has_value());
  CHECK(ErrnoOf(gone.error()) == ESTALE);
  std::string text;
  for (const Slice& slice : ValueOf(file->Read(1, 100))) text += AsText(slice.bytes);
  CHECK(text == "ello");

  std::filesystem::remove(repository() / kNewest);
  CHECK(Names(*tree, Namespace::kRoot) == std::set<std::string>{".", ".."});
}

TEST_CASE_METHOD(NamespaceFixture, "An archive replaced under its name has another generation") {
  const auto archive = Add(kNewest);
  const auto tree = Open();
  const auto before = Walk(*tree, "wiki/2026-11-23T020000Z/etc/hello");
  std::filesystem::remove(archive.path);
  std::filesystem::remove(archive.sidecar);
  std::filesystem::remove(scratch / "tree/symlink");
  tar = test::TarOf(scratch / "tree");
  Add(kNewest);
  const auto after = Walk(*tree, "wiki/2026-11-23T020000Z/etc/hello");
  REQUIRE(after.has_value());
  CHECK(after->generation != before->generation);
  CHECK_FALSE(Walk(*tree, "wiki/2026-11-23T020000Z/symlink").has_value());
}

TEST_CASE("A repository that is not there cannot be mounted") {
  SpanCache cache(1000);
  const auto opened = Namespace::Open(Repository(LocalFileSystem(), "/no/such/directory"), cache);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ErrorKind::kNotFound);
}

}  // namespace orcio
