#include "index/archive/read/archive_reader.h"

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using test::FlipByte;
using test::MakeArchive;
using test::MustRunShell;
using test::ScratchDirectory;
using test::TarOf;

std::string Joined(const std::vector<Slice>& slices) {
  std::string text;
  for (const Slice& slice : slices) text += AsText(slice.bytes);
  return text;
}

void Write(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

// A tree with a few files, its archive in small members, and the archive's reader.
class ReaderFixture {
 public:
  explicit ReaderFixture(size_t tar_bytes = SIZE_MAX) {
    std::filesystem::create_directories(tree());
    Write(tree() / "a", content_a);
    Write(tree() / "empty", "");
    Write(tree() / "z", content_z);
    // Data in 8192..12287 and 40960..45055, holes elsewhere: at both ends too.
    MustRunShell(
        "truncate -s 100000 s; printf %4096s | tr ' ' x > p; "
        "dd if=p of=s bs=4096 seek=2 conv=notrunc status=none; "
        "dd if=p of=s bs=4096 seek=10 conv=notrunc status=none; rm p",
        {.input = {}, .environment = {}, .directory = tree().string()});
    archive = MakeArchive(scratch / "wiki-20221105.tar.gz", TarOf(tree()), {1000, tar_bytes});
    reader = Open();
  }

  std::unique_ptr<ArchiveReader> Open() {
    const auto& files = LocalFileSystem();
    sidecar = ValueOf(Sidecar::Open(files, archive.sidecar));
    return ValueOf(ArchiveReader::Open(files, archive.path, sidecar, cache));
  }
  [[nodiscard]] NodeId Find(std::string_view path) const {
    const auto found = ValueOf(sidecar->Find(path));
    REQUIRE(found.has_value());
    return *found;
  }
  [[nodiscard]] std::filesystem::path tree() const { return scratch / "tree"; }

  const std::string content_a = test::Noise(5000, 1);
  const std::string content_z = test::Noise(20000, 2);
  ScratchDirectory scratch;
  SpanCache cache{uint64_t{1} << 20};
  test::MadeArchive archive;
  std::shared_ptr<const Sidecar> sidecar;
  std::unique_ptr<ArchiveReader> reader;
};

using Position = std::optional<uint64_t>;

}  // namespace

TEST_CASE_METHOD(ReaderFixture, "The tar comes back whole from its members") {
  const size_t tar_bytes = archive.tar.size();
  const std::string whole(AsText(archive.tar));
  CHECK(Joined(ValueOf(reader->ReadTar(0, tar_bytes + 5))) == whole);
  CHECK(Joined(ValueOf(reader->ReadTar(999, 2))) == whole.substr(999, 2));
  CHECK(Joined(ValueOf(reader->ReadTar(tar_bytes - 1, 10))) == whole.substr(tar_bytes - 1));
  CHECK(ValueOf(reader->ReadTar(tar_bytes, 10)).empty());
  CHECK(ValueOf(reader->ReadTar(UINT64_MAX, 10)).empty());
  CHECK(ValueOf(reader->ReadTar(0, 0)).empty());
}

TEST_CASE_METHOD(ReaderFixture, "Any piece of a file reads as it was") {
  const NodeId file = Find("z");
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) {
    const size_t offset = random() % (content_z.size() + 10);
    const size_t size = random() % 4000;
    const std::string expected =
        offset < content_z.size() ? content_z.substr(offset, size) : std::string();
    REQUIRE(Joined(ValueOf(reader->ReadFile(file, offset, size))) == expected);
  }
  CHECK(ValueOf(reader->ReadFile(file, UINT64_MAX, 100)).empty());
  CHECK(Joined(ValueOf(reader->ReadFile(file, 0, SIZE_MAX))) == content_z);
  CHECK(ValueOf(reader->ReadFile(Find("empty"), 0, 10)).empty());
}

TEST_CASE_METHOD(ReaderFixture, "What is read lies in the cached span, without a copy") {
  const auto once = ValueOf(reader->ReadFile(Find("a"), 2000, 10));
  const auto again = ValueOf(reader->ReadFile(Find("a"), 2000, 10));
  REQUIRE(once.size() == 1);
  CHECK(once[0].bytes.data() == again[0].bytes.data());
  CHECK(once[0].owner == again[0].owner);
  cache.Forget(1);
  CHECK(AsText(once[0].bytes) == content_a.substr(2000, 10));
}

TEST_CASE_METHOD(ReaderFixture, "A sparse file reads with its holes as zeros") {
  std::string expected(100000, '\0');
  expected.replace(8192, 4096, 4096, ' ');
  std::ifstream(tree() / "s", std::ios::binary).read(expected.data(), 100000);
  const NodeId file = Find("s");
  CHECK(Joined(ValueOf(reader->ReadFile(file, 0, 200000))) == expected);
  std::mt19937 random(4);
  for (int i = 0; i < 500; ++i) {
    const size_t offset = random() % 100000;
    const size_t size = random() % 50000;
    REQUIRE(Joined(ValueOf(reader->ReadFile(file, offset, size))) == expected.substr(offset, size));
  }
  CHECK(ValueOf(reader->OpenFile(file)).data_bytes() == 8192);
  CHECK(ValueOf(reader->OpenFile(Find("a"))).data_bytes() == 5000);
}

TEST_CASE_METHOD(ReaderFixture, "Holes and data are found as lseek finds them") {
  const auto file = ValueOf(reader->OpenFile(Find("s")));
  const auto data = [&](uint64_t from) { return file.SeekData(from); };
  const auto hole = [&](uint64_t from) { return file.SeekHole(from); };
  CHECK(data(0) == 8192);
  CHECK(data(8191) == 8192);
  CHECK(data(8192) == 8192);
  CHECK(data(12287) == 12287);
  CHECK(data(12288) == 40960);
  CHECK(data(45055) == 45055);
  CHECK(data(45056) == Position());
  CHECK(data(100000) == Position());
  CHECK(hole(0) == 0);
  CHECK(hole(8192) == 12288);
  CHECK(hole(12287) == 12288);
  CHECK(hole(12288) == 12288);
  CHECK(hole(41000) == 45056);
  CHECK(hole(99999) == 99999);
  CHECK(hole(100000) == Position());
}

TEST_CASE_METHOD(ReaderFixture, "A file without holes has one at its end") {
  const auto file = ValueOf(reader->OpenFile(Find("a")));
  CHECK(file.SeekData(4999) == 4999);
  CHECK(file.SeekHole(0) == 5000);
  CHECK(file.SeekData(5000) == Position());
  CHECK(file.SeekHole(5000) == Position());
  CHECK(file.SeekHole(UINT64_MAX) == Position());
  CHECK(ValueOf(reader->OpenFile(Find("empty"))).SeekData(0) == Position());
}

TEST_CASE_METHOD(ReaderFixture, "Files that are open keep apart what is in them") {
  const auto sparse = ValueOf(reader->OpenFile(Find("s")));
  const auto whole = ValueOf(reader->OpenFile(Find("z")));
  CHECK(whole.size() == 20000);
  CHECK(sparse.size() == 100000);
  for (int i = 0; i < 3; ++i) {
    CHECK(Joined(ValueOf(whole.Read(19000, 5000))) == content_z.substr(19000));
    CHECK(Joined(ValueOf(sparse.Read(45055, 3))) == std::string("x\0\0", 3));
  }
  CHECK(ValueOf(whole.Read(20000, 1)).empty());
}

TEST_CASE_METHOD(ReaderFixture, "A directory has no content to read") {
  CHECK(reader->OpenFile(kRootNode).error().kind == ErrorKind::kInvalid);
  const auto read = reader->ReadFile(kRootNode, 0, 10);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::kInvalid);
}

TEST_CASE_METHOD(ReaderFixture, "A flipped byte costs its span and nothing else") {
  const NodeId file = Find("z");
  const uint64_t data = ValueOf(sidecar->Node(file)).data_offset;
  const uint64_t bad = ValueOf(sidecar->SpanHolding(data + 7000));
  const Span& span = archive.spans[bad];
  FlipByte(archive.path, span.archive_offset + span.archive_bytes / 2);
  for (uint64_t index = 0; index < archive.spans.size(); ++index) {
    const Span& read = archive.spans[index];
    const auto bytes = reader->ReadTar(read.tar_offset, read.tar_bytes);
    REQUIRE(bytes.has_value() == (index != bad));
    if (bytes) continue;
    CHECK(bytes.error().kind == ErrorKind::kDamaged);
    CHECK(bytes.error().message.find(archive.path.string()) != std::string::npos);
    CHECK(bytes.error().message.find(std::to_string(span.archive_offset)) != std::string::npos);
  }
  CHECK_FALSE(reader->ReadFile(file, 0, content_z.size()).has_value());
  CHECK(Joined(ValueOf(reader->ReadFile(file, 0, 100))) == content_z.substr(0, 100));
}

TEST_CASE_METHOD(ReaderFixture, "An archive cut short under its reader is damaged, not shorter") {
  std::filesystem::resize_file(archive.path, archive.spans[3].archive_offset + 5);
  CHECK(reader->ReadTar(0, 3000).has_value());
  const auto cut = reader->ReadTar(3000, 10);
  REQUIRE_FALSE(cut.has_value());
  CHECK(cut.error().kind == ErrorKind::kDamaged);
}

TEST_CASE_METHOD(ReaderFixture, "A member that is sound but not the one indexed is damaged") {
  const uint64_t data = ValueOf(sidecar->Node(Find("z"))).data_offset;
  const Span& span = archive.spans[ValueOf(sidecar->SpanHolding(data + 7000))];
  const std::string other = test::Noise(span.tar_bytes, 5);
  std::vector<std::byte> member;
  MemberEncoder().Encode(AsBytes(other), member);
  REQUIRE(member.size() == span.archive_bytes);  // neither compresses
  std::fstream file(archive.path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(span.archive_offset));
  file.write(reinterpret_cast<const char*>(member.data()),
             static_cast<std::streamsize>(member.size()));
  file.close();
  const auto read = reader->ReadTar(span.tar_offset, 10);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::kDamaged);
  CHECK(read.error().message.find("CRC") != std::string::npos);
}

TEST_CASE_METHOD(ReaderFixture, "A sidecar of another archive is refused") {
  const auto other = MakeArchive(scratch / "other-20221105.tar.gz", TarOf(tree() / ".."));
  const auto opened = ArchiveReader::Open(LocalFileSystem(), other.path, sidecar, cache);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ErrorKind::kDamaged);
}

TEST_CASE_METHOD(ReaderFixture, "Readers of one cache do not see each other's spans") {
  const auto other = MakeArchive(scratch / "other-20221105.tar.gz", TarOf(tree() / ".."), {1000});
  const auto other_sidecar = ValueOf(Sidecar::Open(LocalFileSystem(), other.sidecar));
  const auto second =
      ValueOf(ArchiveReader::Open(LocalFileSystem(), other.path, other_sidecar, cache));
  CHECK(Joined(ValueOf(reader->ReadTar(0, 5000))) == AsText(archive.tar).substr(0, 5000));
  CHECK(Joined(ValueOf(second->ReadTar(0, 5000))) == AsText(other.tar).substr(0, 5000));
}

TEST_CASE_METHOD(ReaderFixture, "Nothing of an archive stays in the cache after its reader") {
  REQUIRE_OK(reader->ReadTar(0, 5000));
  CHECK(cache.counters().bytes > 0);
  reader.reset();
  CHECK(cache.counters().bytes == 0);
}

TEST_CASE("What a cut tar lost of a file is damage, what it has is there") {
  ReaderFixture whole;
  const uint64_t data = ValueOf(whole.sidecar->Node(whole.Find("z"))).data_offset;
  ReaderFixture cut(data + 7000);
  const NodeId file = cut.Find("z");
  CHECK_FALSE(ValueOf(cut.sidecar->Node(file)).complete);
  const auto opened = ValueOf(cut.reader->OpenFile(file));
  const uint64_t there = opened.data_bytes();  // whole blocks of what the scanner was handed
  REQUIRE(there > 6000);
  REQUIRE(there <= 7000);
  CHECK(Joined(ValueOf(cut.reader->ReadFile(file, 0, there))) == cut.content_z.substr(0, there));
  for (const uint64_t offset : {there - 1, there, uint64_t{19999}}) {
    const auto lost = cut.reader->ReadFile(file, offset, 2);
    REQUIRE_FALSE(lost.has_value());
    CHECK(lost.error().kind == ErrorKind::kDamaged);
  }
  // No hole: whoever copies the file must not take what was lost for zeros.
  CHECK(opened.SeekData(15000) == 15000);
  CHECK(opened.SeekHole(0) == 20000);
  CHECK(Joined(ValueOf(cut.reader->ReadFile(cut.Find("a"), 0, 5000))) == cut.content_a);
}

TEST_CASE_METHOD(ReaderFixture, "Threads reading at random all get the right bytes") {
  const auto file = ValueOf(reader->OpenFile(Find("z")));
  const NodeId sparse = Find("s");
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&, seed] {
        std::mt19937 random(seed);
        for (int i = 0; i < 300; ++i) {
          const size_t offset = random() % 20000;
          const auto read = file.Read(offset, 3000);
          if (!read || Joined(*read) != content_z.substr(offset, 3000)) ++wrong;
          if (!reader->ReadFile(sparse, offset, 3000)) ++wrong;
        }
      });
    }
  }
  CHECK(wrong == 0);
}

}  // namespace orcio
