#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <random>

#include "base/bytes.h"
#include "index/tar/tar_scanner.h"
#include "index/tar/tar_source.h"
#include "tests/support/archives/sidecar_bytes.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio {
namespace {

// Makes ustar archives whose entries get in each other's way: few names, all types, every way to
// write a path.
class RandomTar {
 public:
  explicit RandomTar(uint32_t seed) : random_(seed) {}

  // Where symlinks lead to directories, these are made first.
  std::string Make(bool symlinks_lead_somewhere = false) {
    std::string tar;
    if (symlinks_lead_somewhere) {
      targets_ = {"nowhere", "d", "./d", "d/a", "d//a/."};
      for (const char* path : {"d", "d/a", "a", "a/d", "a/d/a"})
        tar += Header(path, '5', 0755, 0, "", 0);
    }
    for (size_t i = 0, count = 5 + Pick(40); i < count; ++i) tar += Entry(i);
    return tar + std::string(1024, '\0');
  }

 private:
  size_t Pick(size_t below) { return random_() % below; }

  std::string Path() {
    static constexpr std::array kStarts{"", "", "", "./", "/", ".//", "//"};
    static constexpr std::array kEnds{"", "", "", "/"};
    std::string path = kStarts[Pick(kStarts.size())];
    for (size_t i = 0, depth = 1 + Pick(3); i < depth; ++i)
      path += std::string(i == 0 ? "" : "/") + static_cast<char>('a' + Pick(3));
    return path + kEnds[Pick(kEnds.size())];
  }

  static std::string WithoutEnd(const std::string& path) {
    return path.substr(0, path.find_last_of("abc") + 1);
  }

  std::string Entry(size_t number) {
    static constexpr std::string_view kTypes = "0000055112226";
    char type = kTypes[Pick(kTypes.size())];
    std::string path = Path();
    // With a slash at its end, a file is a directory to tar, and a symlink nothing at all.
    if (type != '5') path = WithoutEnd(path);
    std::string content = type == '0' ? fmt::format("content {}", number) : "";
    std::string target;
    if (type == '1') target = WithoutEnd(Path());
    if (type == '2') target = targets_.empty() ? "nowhere" : targets_[Pick(targets_.size())];
    const std::string header =
        Header(path, type, (type == '5' ? 0700 : 0600) + Pick(64), content.size(), target, number);
    content.resize((content.size() + 511) / 512 * 512, '\0');
    return header + content;
  }

  static std::string Header(const std::string& path, char type, size_t mode, size_t size,
                            const std::string& target, size_t number) {
    std::string header(512, '\0');
    auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    put(0, path);
    put(100, fmt::format("{:07o}", mode));
    put(108, fmt::format("{:07o}", geteuid()));
    put(116, fmt::format("{:07o}", getegid()));
    put(124, fmt::format("{:011o}", size));
    put(136, fmt::format("{:011o}", 1'600'000'000 + number));
    put(148, std::string(8, ' '));
    header[156] = type;
    put(157, target);
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + '\0');
    return header;
  }

  std::mt19937 random_;
  std::vector<std::string> targets_;  // of symlinks
};

class TextSource : public TarSource {
 public:
  explicit TextSource(std::string_view text) : left_(text) {}
  Result<std::span<const std::byte>> Next() override { return AsBytes(std::exchange(left_, {})); }

 private:
  std::string_view left_;
};

std::shared_ptr<const Sidecar> ScanToSidecar(const std::string& tar) {
  std::vector<TarEntry> entries;
  TextSource source(tar);
  auto sink = [&](TarEntry&& entry) -> Result<void> {
    entries.push_back(std::move(entry));
    return {};
  };
  auto summary = ValueOf(ScanTar(source, sink));
  auto parts = test::MakeParts(tar.size());
  parts.tar = summary;
  return ValueOf(test::OpenSidecar(test::BuildSidecar(entries, parts)));
}

char TypeLetter(EntryType type) {
  constexpr std::string_view kLetters = "fdl?cbps";
  return kLetters[static_cast<size_t>(type)];
}

test::TreeLine LineOf(const Sidecar& sidecar, NodeId id) {
  NodeInfo info = ValueOf(sidecar.Node(id));
  test::TreeLine line;
  line.path = ValueOf(sidecar.Path(id));
  line.type = TypeLetter(info.type);
  line.mode = info.type == EntryType::kSymlink ? 0777 : info.mode;
  line.uid = info.uid;
  line.gid = info.gid;
  line.size = info.size;
  if (info.type != EntryType::kDirectory) {
    line.links = info.links;
    line.mtime_seconds = info.mtime.seconds;
  }
  if (info.type == EntryType::kSymlink) line.target = ValueOf(sidecar.SymlinkTarget(id));
  if (auto digest = ValueOf(sidecar.Digest(id))) line.sha256 = ToHex(*digest);
  return line;
}

// Whether a directory is there only for entries that were left out: whether tar makes it for such
// an entry depends on why that fails.
bool IsLeftover(const Sidecar& sidecar, NodeId id) {
  NodeInfo info = ValueOf(sidecar.Node(id));
  if (info.type != EntryType::kDirectory || !info.implied) return false;
  auto children = ValueOf(sidecar.ListChildren(id));
  for (NodeId child = children.first; child < children.first + children.count; ++child) {
    if (!IsLeftover(sidecar, child)) return false;
  }
  return true;
}

std::vector<test::TreeLine> TreeOf(const Sidecar& sidecar) {
  std::vector<test::TreeLine> lines;
  std::map<NodeId, std::vector<size_t>> names;  // of each inode
  for (NodeId id = 1; id < sidecar.node_count(); ++id) {
    if (IsLeftover(sidecar, id)) continue;
    names[ValueOf(sidecar.Node(id)).inode].push_back(lines.size());
    lines.push_back(LineOf(sidecar, id));
  }
  for (const auto& [inode, of_inode] : names) {
    std::string first = lines[of_inode[0]].path;
    for (size_t i : of_inode) first = std::min(first, lines[i].path);
    for (size_t i : of_inode) {
      if (lines[i].path != first) lines[i].same_as = first;
    }
  }
  std::sort(lines.begin(), lines.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return lines;
}

// Directories that no entry names belong to whoever extracts.
void ForgiveImplied(const Sidecar& sidecar, std::vector<test::TreeLine>& extracted) {
  std::erase_if(extracted, [&](const test::TreeLine& line) {
    auto id = ValueOf(sidecar.Find(line.path));
    return id && IsLeftover(sidecar, *id);
  });
  for (test::TreeLine& line : extracted) {
    auto id = ValueOf(sidecar.Find(line.path));
    if (id && ValueOf(sidecar.Node(*id)).implied) line.uid = line.gid = 0;
  }
}

}  // namespace

TEST_CASE("A sidecar's tree is the one that GNU tar extracts, whatever gets in its own way") {
  const bool symlinks_lead_somewhere = GENERATE(false, true);
  CAPTURE(symlinks_lead_somewhere);
  int compared = 0;
  for (uint32_t seed = 0; compared < (symlinks_lead_somewhere ? 25 : 50); ++seed) {
    std::string tar = RandomTar(seed).Make(symlinks_lead_somewhere);
    test::ScratchDirectory scratch;
    std::ofstream(scratch / "tar") << tar;
    std::filesystem::create_directory(scratch / "x");
    // Its exit status is 2 if it left out what we leave out.
    test::Ended ended = test::RunShell(
        fmt::format("umask 022; cd {} && tar -xpf ../tar 2>&1", (scratch / "x").string()));
    // It deletes what is in the place of a hard link to a directory before that fails: we do not.
    if (ended.out.find("Operation not permitted") != std::string::npos) continue;
    // Likewise what is on the way to the link's target.
    if (symlinks_lead_somewhere && ended.out.find("Cannot hard link") != std::string::npos)
      continue;
    auto sidecar = ScanToSidecar(tar);
    // Where entries are in no order, it gives a directory its time too early for it to last.
    auto extracted = test::ListTree(scratch / "x", {.directory_mtimes = false});
    ForgiveImplied(*sidecar, extracted);
    ++compared;
    INFO("seed " << seed << "\n" << ended.out);
    REQUIRE(test::DiffTrees(TreeOf(*sidecar), extracted) == "");
    // And only then have we said so.
    const auto warnings = ValueOf(sidecar->warnings());
    CAPTURE(warnings.texts);
    CHECK((warnings.count != 0) == (ended.status != 0));
  }
}

}  // namespace orcio
