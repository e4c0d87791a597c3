#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "fusefs/tree/namespace.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

// What the tests of the mounted tree share.
namespace orcio::test {

inline constexpr const char* kNewest = "wiki-2025-11-23T020000Z.tar.gz";

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
    tar = TarOf(scratch / "tree");
  }

  [[nodiscard]] std::filesystem::path repository() const { return scratch / "repository"; }

  MadeArchive Add(const std::string& name) const { return MakeArchive(repository() / name, tar); }

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

  ScratchDirectory scratch;
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
inline std::optional<Namespace::Attributes> Walk(const Namespace& tree, const std::string& path) {
  Namespace::Attributes at = ValueOf(tree.Stat(Namespace::kRoot));
  for (const auto& part : std::filesystem::path(path)) {
    const auto found = ValueOf(tree.Lookup(at.inode, part.string()));
    if (!found) return std::nullopt;
    at = *found;
  }
  return at;
}

inline Namespace::Inode InodeAt(const Namespace& tree, const std::string& path) {
  INFO(path);
  const auto found = Walk(tree, path);
  REQUIRE(found.has_value());
  return found->inode;
}

inline std::string ReadAt(const Namespace& tree, const std::string& path) {
  const auto file = ValueOf(tree.OpenFile(InodeAt(tree, path)));
  std::string text;
  for (const Slice& slice : ValueOf(file->Read(0, 1000))) text += AsText(slice.bytes);
  return text;
}

inline std::set<std::string> Names(const Namespace& tree, Namespace::Inode directory) {
  std::set<std::string> names;
  REQUIRE_OK(tree.List(directory, 0, true, [&](std::string_view name, const auto&, uint64_t) {
    return names.emplace(name).second;
  }));
  return names;
}

inline int ErrnoOf(const Error& error) {
  return ToErrno(error);
}

}  // namespace orcio::test
