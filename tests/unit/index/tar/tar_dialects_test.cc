#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/bytes.h"
#include "index/files/file_system.h"
#include "index/tar/tar_scanner.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/trees/awkward_tree.h"
#include "tests/support/trees/tree_listing.h"

// Tars that other programs make, each held against the tree it was made of.
namespace orcio {
namespace {

using test::ContentOf;
using test::ScannedTar;
using test::ScratchDirectory;
using test::TreeLine;

std::string ReadAll(const std::filesystem::path& path) {
  return std::string(AsText(ValueOf(ReadWholeFile(LocalFileSystem(), path, uint64_t{1} << 30))));
}

// A case of many in its program is left out without root, loudly, and fails if CI=true.
bool IsRoot() {
  if (::geteuid() == 0) return true;
  if (test::MustHaveAll()) FAIL("this test needs root");
  WARN("this test needs root");
  return false;
}

// Runs `command` beside the directory "tree"; it writes the tar to its standard output.
std::string MakeTar(const ScratchDirectory& scratch, const std::string& command) {
  test::CommandOptions options;
  options.directory = scratch.path().string();
  test::MustRunShell("(" + command + ") > made.tar 2> complaints", options);
  return ReadAll(scratch / "made.tar");
}

std::string WithoutDotSlash(std::string path) {
  if (path.starts_with("./")) path.erase(0, 2);
  if (path.ends_with('/')) path.pop_back();
  return path.empty() ? "." : path;
}

char LetterOf(EntryType type) {
  return std::string_view("fdlhcbps")[static_cast<size_t>(type)];
}

// The tree that the entries describe, as ListTree would show it.
std::vector<TreeLine> LinesOf(const ScannedTar& scanned, std::string_view tar) {
  std::map<std::string, TreeLine> lines;
  std::map<std::string, std::vector<std::string>> groups;  // by the first entry's path
  for (const TarEntry& entry : scanned.entries) {
    TreeLine line;
    line.path = WithoutDotSlash(entry.path);
    if (entry.type == EntryType::kHardLink) {
      const std::string target = WithoutDotSlash(entry.link_target);
      const std::string path = line.path;
      line = lines.at(target);
      line.path = path;
      groups[target].push_back(path);
    } else {
      line.type = LetterOf(entry.type);
      line.mode = entry.mode;
      line.uid = entry.uid;
      line.gid = entry.gid;
      line.mtime_seconds = entry.mtime.seconds;
      line.mtime_nanoseconds = entry.mtime.nanoseconds;
      line.links = line.type == 'd' ? 0 : 1;
      line.size = line.type == 'l' ? entry.link_target.size() : entry.size;
      line.target = entry.link_target;
      line.device_major = entry.device_major;
      line.device_minor = entry.device_minor;
      for (const auto& [name, value] : entry.attributes) line.attributes.emplace(name, value);
      if (line.type == 'f') {
        REQUIRE(entry.digest.has_value());
        line.sha256 = ToHex(*entry.digest);
        REQUIRE(line.sha256 == ToHex(Sha256::Of(AsBytes(ContentOf(entry, tar)))));
      }
      groups[line.path].push_back(line.path);
    }
    REQUIRE(entry.complete);
    lines[line.path] = line;
  }
  for (auto& [first, paths] : groups) {
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      TreeLine& line = lines.at(path);
      if (line.type != 'd') line.links = paths.size();
      if (path != paths.front()) line.same_as = paths.front();
    }
  }
  std::vector<TreeLine> sorted;
  for (auto& [path, line] : lines) {
    if (path != ".") sorted.push_back(std::move(line));
  }
  return sorted;
}

void CheckWhole(const ScannedTar& scanned, std::string_view tar) {
  REQUIRE_OK(scanned.summary);
  CHECK(scanned.summary->end_marker);
  CHECK(scanned.summary->warnings == std::vector<std::string>{});
  CHECK(scanned.summary->tar_bytes == tar.size());
  CHECK(scanned.summary->entries == scanned.entries.size());
  // Each entry starts where the one before it ends.
  uint64_t end = 0;
  for (const TarEntry& entry : scanned.entries) {
    CHECK(entry.header_offset == end);
    CHECK(entry.data_offset > entry.header_offset);
    end = entry.data_offset;
    if (!entry.extents.empty()) {
      end = entry.extents.back().tar_offset + entry.extents.back().length;
    }
    end = (end + 511) / 512 * 512;
  }
  CHECK(scanned.summary->end_of_entries == end);
  CHECK(tar.substr(static_cast<size_t>(end)).find_first_not_of('\0') == std::string_view::npos);
}

// What every dialect can hold, with whole seconds and ids and lengths that fit everywhere.
void MakePlainTree(const std::filesystem::path& root) {
  std::filesystem::create_directories(root / "directory");
  std::ofstream(root / "directory" / "file") << "some content";
  std::ofstream(root / "directory" / "two blocks") << std::string(700, 'b');
  std::ofstream(root / "empty");
  std::filesystem::create_symlink("directory/file", root / "symlink");
  std::filesystem::create_hard_link(root / "empty", root / "zero");
  std::ofstream(root / "citt\xc3\xa0 \xff") << "bytes of no encoding";
  std::filesystem::permissions(root / "empty", std::filesystem::perms(04750));
  test::MustRun({"chown", "-h", "-R", "1000:2000", root.string()});
  test::MustRun({"chmod", "4750", (root / "empty").string()});
  test::MustRunShell("find '" + root.string() + "' -print0 | xargs -0 touch -h -d @1000000001");
}

void MakeDevices(const std::filesystem::path& root) {
  REQUIRE(::mknod((root / "fifo").c_str(), S_IFIFO | 0620, 0) == 0);
  REQUIRE(::mknod((root / "null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)) == 0);
  REQUIRE(::mknod((root / "disk").c_str(), S_IFBLK | 0660, ::makedev(8, 17)) == 0);
  test::MustRunShell("cd '" + root.string() + "' && touch -h -d @5 fifo null disk .");
}

}  // namespace

TEST_CASE("Every dialect of every tar program is read as the tree it was made of") {
  if (!IsRoot()) return;
  const ScratchDirectory scratch;
  MakePlainTree(scratch / "tree");
  const bool with_devices = GENERATE(false, true);
  const std::string command =
      GENERATE("tar --format=pax -C tree -c .", "tar --format=gnu -C tree -c .",
               "tar --format=oldgnu -C tree -c .", "tar --format=ustar -C tree -c .",
               "tar --format=v7 -C tree -c .", "bsdtar --format pax -C tree -c .",
               "bsdtar --format ustar -C tree -c .", "bsdtar --format gnutar -C tree -c .",
               "busybox tar -C tree -c -f - .", "cd tree && tar --format=pax -c *");
  CAPTURE(command, with_devices);
  if (with_devices) {
    // v7 has no type for them.
    if (command.find("v7") != std::string::npos) return;
    MakeDevices(scratch / "tree");
  }
  const std::string tar = MakeTar(scratch, command);
  const ScannedTar scanned = test::ScanBytes(tar);
  CheckWhole(scanned, tar);
  CHECK(test::DiffTrees(test::ListTree(scratch / "tree"), LinesOf(scanned, tar)) == "");
}

TEST_CASE("GNU tar's pax form of the awkward tree is read as the tree itself") {
  if (!IsRoot()) return;
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "tree");
  test::MakeAwkwardTree(scratch / "tree");
  const std::string sparse = GENERATE("1.0", "0.1", "0.0");
  const std::string tar =
      MakeTar(scratch,
              "tar --format=pax --xattrs --xattrs-include='*' --acls --sparse --numeric-owner "
              "--sparse-version=" +
                  sparse + " -C tree -c .");
  const size_t piece = GENERATE(100U, 512U, 10240U, 262144U);
  CAPTURE(sparse, piece);
  const ScannedTar scanned = test::ScanBytes(tar, piece);
  CheckWhole(scanned, tar);
  CHECK(test::DiffTrees(test::ListTree(scratch / "tree"), LinesOf(scanned, tar)) == "");
  CHECK(scanned.At("./sparse/nothing").extents.empty());
  CHECK(scanned.At("./sparse/many pieces").extents.size() == 200);
}

TEST_CASE("The GNU form of the awkward tree loses fractions and attributes, and nothing else") {
  if (!IsRoot()) return;
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "tree");
  test::MakeAwkwardTree(scratch / "tree");
  const std::string tar = MakeTar(scratch, "tar --format=gnu --sparse -C tree -c .");
  const ScannedTar scanned = test::ScanBytes(tar);
  CheckWhole(scanned, tar);
  auto tree = test::ListTree(scratch / "tree", {.attributes = false});
  for (TreeLine& line : tree) line.mtime_nanoseconds = 0;
  CHECK(test::DiffTrees(tree, LinesOf(scanned, tar)) == "");
}

TEST_CASE("bsdtar's pax form of the awkward tree is read as the tree itself") {
  if (!IsRoot()) return;
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "tree");
  test::MakeAwkwardTree(scratch / "tree");
  // bsdtar writes fractions of times before 1970, and ACLs with ids only, wrongly.
  std::filesystem::remove_all(scratch / "tree/times");
  std::filesystem::remove_all(scratch / "tree/acls");
  const std::string tar =
      MakeTar(scratch, "bsdtar --format pax --numeric-owner --xattrs --acls -C tree -c .");
  const ScannedTar scanned = test::ScanBytes(tar);
  CheckWhole(scanned, tar);
  CHECK(test::DiffTrees(test::ListTree(scratch / "tree"), LinesOf(scanned, tar)) == "");
}

TEST_CASE("Names are the archive's bytes whatever the locale") {
  const std::string was = ::setlocale(LC_ALL, nullptr);
  const std::string locale = GENERATE("C", "C.UTF-8");
  REQUIRE(::setlocale(LC_ALL, locale.c_str()) != nullptr);
  // libarchive would compose these accents, and complain of the last one.
  for (const std::string name : {"cafe\xcc\x81", "caf\xc3\xa9", "\xff\xfe"}) {
    const std::string tar = test::PaxHeader({"path=" + name, "linkpath=to " + name}) +
                            test::HandMadeHeader{.type = '2', .link_target = "x"}.Block() +
                            test::EndMarker();
    const ScannedTar scanned = test::ScanBytes(tar);
    CheckWhole(scanned, tar);
    REQUIRE(scanned.entries.size() == 1);
    CHECK(scanned.entries[0].path == name);
    CHECK(scanned.entries[0].link_target == "to " + name);
  }
  ::setlocale(LC_ALL, was.c_str());
}

}  // namespace orcio
