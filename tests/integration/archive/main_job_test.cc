// The main job with nothing replaced: the program, a real sshd, real tars, a real mount.

#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>

#include "index/sidecar/read/sidecar.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/needs.h"
#include "tests/support/program/orcio_fixture.h"
#include "tests/support/sanitized.h"
#include "tests/support/trees/awkward_tree.h"
#include "tests/support/trees/tree_listing.h"

namespace orcio::test {
namespace {

// Mounted by the program for as long as this lives.
class ProgramMount {
 public:
  explicit ProgramMount(const OrcioFixture& orcio)
      : orcio_(orcio), at_(orcio.scratch() / "backups") {
    std::filesystem::create_directory(at_);
    MustRun({orcio.program(), "-r", orcio.repository().string(), "mount", at_.string()});
  }
  ~ProgramMount() { (void)RunCommand({orcio_.program(), "umount", "--lazy", at_.string()}); }
  ProgramMount(const ProgramMount&) = delete;
  ProgramMount& operator=(const ProgramMount&) = delete;

  [[nodiscard]] const std::filesystem::path& at() const { return at_; }

 private:
  const OrcioFixture& orcio_;
  std::filesystem::path at_;
};

std::string Relative(const std::filesystem::path& path) {
  return path.relative_path().string();
}

std::string ServiceAt(const std::filesystem::path& volume) {
  return "  tree:\n    host: workshop\n    control: none\n    paths: ['" + volume.string() + "']\n";
}

// Requires that nothing differs, and shows what does.
void CheckSame(const std::vector<TreeLine>& left, const std::vector<TreeLine>& right) {
  CHECK(DiffTrees(left, right) == "");
}

const std::vector<std::string> kGnuTar{"tar",    "--xattrs",        "--xattrs-include=*",
                                       "--acls", "--numeric-owner", "-xpzf"};
const std::vector<std::string> kBsdTar{"bsdtar", "--xattrs", "--acls", "--numeric-owner", "-xpf"};

// bsdtar 3.6.2 itself gets these wrong: times with a fraction before 1970, ACLs (it asks the kernel
// to set one on a file whose mode it changed already), names in decomposed accents (it composes
// them).
std::vector<TreeLine> WhatBsdTarCanDo(std::vector<TreeLine> tree) {
  std::erase_if(tree, [](const TreeLine& line) {
    return line.path.starts_with("times/") || line.path.starts_with("attributes") ||
           line.path.starts_with("acls") || line.path.starts_with("names/caf") ||
           line.path == "names";
  });
  return tree;
}

// A source tree, archived by the program.
class ArchivedTree {
 public:
  explicit ArchivedTree(const AwkwardOptions& options)
      : orcio(BuiltProgram()), volume(orcio.scratch() / "srv" / "tree") {
    std::filesystem::create_directories(volume);
    MakeAwkwardTree(volume, options);
    orcio.Configure(ServiceAt(volume));
    const Ended archived = orcio.Run({"archive"});
    INFO(archived.err);
    REQUIRE(archived.status == 0);
    // Silent under cron when all is well.
    CHECK(archived.out.empty());
    CHECK(archived.err.empty());
  }

  [[nodiscard]] std::filesystem::path Untar(const std::vector<std::string>& tar,
                                            const std::string& name) const {
    const std::filesystem::path into = orcio.scratch() / name;
    std::filesystem::create_directory(into);
    std::vector<std::string> words = tar;
    words.insert(words.end(), {orcio.OnlyArchive().string(), "-C", into.string()});
    // bsdtar fails because of what it cannot do: what came out is compared.
    const Ended ended = RunCommand(words, CommandOptions{{}, {{"LC_ALL", "C.UTF-8"}}, {}});
    INFO(ended.err);
    CHECK((ended.status == 0 || tar == kBsdTar));
    return into / Relative(volume);
  }

  OrcioFixture orcio;
  std::filesystem::path volume;
};

}  // namespace

TEST_CASE("Source, tar x by GNU tar and by bsdtar, and the mount are the same tree") {
  NeedRoot();
  NeedFuse();
  const ArchivedTree archived({});
  const auto source = ListTree(archived.volume);
  REQUIRE(source.size() > 50);
  CheckSame(source, ListTree(archived.Untar(kGnuTar, "gnu")));
  const auto bsd = ListTree(archived.Untar(kBsdTar, "bsd"));
  CheckSame(WhatBsdTarCanDo(source), WhatBsdTarCanDo(bsd));

  const ProgramMount mount(archived.orcio);
  const auto mounted = mount.at() / "tree" / "latest" / Relative(archived.volume);
  CheckSame(source, ListTree(mounted));
}

TEST_CASE("Holes are where they were: in a 5 GiB sparse file too") {
  NeedRoot();
  NeedFuse();
  AwkwardOptions options;
  options.huge_sparse_bytes = uint64_t{5} << 30;
  const ArchivedTree archived(options);
  CHECK(std::filesystem::file_size(archived.orcio.OnlyArchive()) < (uint64_t{64} << 20));
  TreeOptions with_holes;
  with_holes.data_maps = true;
  const auto source = ListTree(archived.volume, with_holes);

  const ProgramMount mount(archived.orcio);
  const auto mounted = mount.at() / "tree" / "latest" / Relative(archived.volume);
  CheckSame(source, ListTree(mounted, with_holes));
}

TEST_CASE("A directory of 100,000 files comes through") {
  constexpr size_t kMany = kSanitized ? 10'000 : 100'000;
  NeedRoot();
  NeedFuse();
  AwkwardOptions options;
  options.many_files = kMany;
  const ArchivedTree archived(options);
  const auto source = ListTree(archived.volume / "many");
  REQUIRE(source.size() >= kMany);
  const ProgramMount mount(archived.orcio);
  const auto mounted = mount.at() / "tree" / "latest" / Relative(archived.volume);
  CheckSame(source, ListTree(mounted / "many"));
}

TEST_CASE("One file comes back with cp, and the archive is its owner's alone") {
  NeedRoot();
  NeedFuse();
  const ArchivedTree archived({});
  const auto archive = archived.orcio.OnlyArchive();
  for (const std::string& path : {archive.string(), archive.string() + ".idx"}) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
  }
  const ProgramMount mount(archived.orcio);
  const auto mounted = mount.at() / "tree" / "latest" / Relative(archived.volume);
  const auto copy = archived.orcio.scratch() / "copy";
  MustRun({"cp", "-a", (mounted / "content" / "prose").string(), copy.string()});
  MustRun({"cmp", copy.string(), (archived.volume / "content" / "prose").string()});
}

TEST_CASE("list, ls and cat answer without a mount, for people and in JSON") {
  NeedRoot();
  const ArchivedTree archived({});
  const std::string prose = Relative(archived.volume) + "/content/prose";

  const Ended list = archived.orcio.Run({"list"});
  CHECK(list.status == 0);
  CHECK(list.out.find("complete") != std::string::npos);
  const Ended list_json = archived.orcio.Run({"--json", "list", "tree"});
  CHECK(list_json.out.find("\"complete\":true") != std::string::npos);
  CHECK(list_json.out.find("\"service\":\"tree\"") != std::string::npos);

  const Ended ls =
      archived.orcio.Run({"ls", "-l", "tree:" + Relative(archived.volume) + "/content"});
  CHECK(ls.status == 0);
  CHECK(ls.out.find(" prose\n") != std::string::npos);
  const std::string digest =
      MustRun({"sha256sum", (archived.volume / "content" / "prose").string()}).substr(0, 64);
  const Ended ls_json = archived.orcio.Run({"ls", "--json", "tree:" + prose});
  CHECK(ls_json.out.find("\"sha256\":\"" + digest + "\"") != std::string::npos);
  CHECK(ls_json.out.find("\"path\":\"" + prose + "\"") != std::string::npos);

  const Ended cat = archived.orcio.Run({"cat", "tree@latest:" + prose});
  CHECK(cat.status == 0);
  CHECK(cat.out == MustRun({"cat", (archived.volume / "content" / "prose").string()}));

  CHECK(archived.orcio.Run({"ls", "nope"}).status == 10);
  CHECK(archived.orcio.Run({"list", "nope"}).status == 10);
  CHECK(archived.orcio.Run({"ls", "tree@1999"}).status == 10);
  CHECK(archived.orcio.Run({"cat", "tree:no/such/file"}).status == 10);
  CHECK(archived.orcio.Run({"cat", "tree:" + Relative(archived.volume)}).status == 2);
}

TEST_CASE("An index that was deleted or damaged is made again, the same but for the run's facts") {
  NeedRoot();
  const ArchivedTree archived({});
  const std::filesystem::path index = archived.orcio.OnlyArchive().string() + ".idx";
  const auto before = ValueOf(Sidecar::Open(LocalFileSystem(), index));
  MustRun({"cp", index.string(), (archived.orcio.scratch() / "kept.idx").string()});
  const auto kept =
      ValueOf(Sidecar::Open(LocalFileSystem(), archived.orcio.scratch() / "kept.idx"));

  std::filesystem::resize_file(index, std::filesystem::file_size(index) / 2);
  CHECK(archived.orcio.Run({"list"}).out.find("index damaged") != std::string::npos);
  CHECK(archived.orcio.Run({"index"}).status == 0);
  const auto damaged_then_rebuilt = ValueOf(Sidecar::Open(LocalFileSystem(), index));
  REQUIRE_OK(damaged_then_rebuilt->CheckAll());
  std::filesystem::remove(index);
  CHECK(archived.orcio.Run({"list"}).out.find("not indexed") != std::string::npos);
  CHECK(archived.orcio.Run({"index", "tree"}).status == 0);
  const auto rebuilt = ValueOf(Sidecar::Open(LocalFileSystem(), index));

  CHECK(rebuilt->archive() == kept->archive());
  CHECK(rebuilt->entry_count() == kept->entry_count());
  REQUIRE(rebuilt->node_count() == kept->node_count());
  REQUIRE(rebuilt->span_count() == kept->span_count());
  for (NodeId id = 0; id < kept->node_count(); ++id) {
    CHECK(ValueOf(rebuilt->Path(id)) == ValueOf(kept->Path(id)));
    CHECK(ValueOf(rebuilt->Digest(id)) == ValueOf(kept->Digest(id)));
    if (ValueOf(kept->Node(id)).type == EntryType::kFile) {
      CHECK(ValueOf(rebuilt->Extents(id)) == ValueOf(kept->Extents(id)));
    }
    CHECK(ValueOf(rebuilt->Attributes(id)) == ValueOf(kept->Attributes(id)));
  }
  for (uint64_t i = 0; i < kept->span_count(); ++i)
    CHECK(ValueOf(rebuilt->SpanAt(i)) == ValueOf(kept->SpanAt(i)));
}

}  // namespace orcio::test
