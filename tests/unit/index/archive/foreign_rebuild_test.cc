#include <chrono>
#include <fstream>
#include <random>

#include "base/bytes.h"
#include "index/archive/read/archive_reader.h"
#include "index/rebuild/rebuild.h"
#include "index/spans/gzip_spans.h"
#include "tests/support/archives/foreign_archive.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/sanitized.h"
#include "tests/support/scratch_directory.h"

// Archives that orcio did not write, from RebuildSidecar to what ArchiveReader hands out.

namespace orcio {
namespace {

using test::Foreign;
using test::Gzip;
using test::Joined;
using Bytes = std::vector<std::byte>;

const Bytes& Tar() {
  static const Bytes tar = test::MakeTar(5 << 20);
  return tar;
}

void RequireIndexes(std::span<const std::byte> archive, const Bytes& tar) {
  Foreign foreign;
  REQUIRE_OK(foreign.Index(archive));
  foreign.RequireReads(tar);
  CHECK(foreign.Warnings().empty());
}

}  // namespace

TEST_CASE("One gzip member of any kind is indexed, and reads anywhere", "[bytes]") {
  for (const test::GzipOptions& options : std::vector<test::GzipOptions>{
           {},
           {.level = 1},
           {.level = 9, .name = "wiki.tar", .comment = "c", .extra = "xyz", .header_crc = true},
           {.level = 0},                          // stored blocks
           {.level = 6, .strategy = 4},           // fixed codes: Z_FIXED
           {.level = 6, .strategy = 2},           // no matches: Z_HUFFMAN_ONLY
           {.level = 6, .flush_every = 100'000},  // as pigz has it
       }) {
    CAPTURE(options.level, options.strategy, options.flush_every);
    RequireIndexes(Gzip(Tar(), options), Tar());
  }
}

TEST_CASE("Many gzip members are indexed, and read anywhere", "[bytes]") {
  const std::span<const std::byte> tar(Tar());
  RequireIndexes(test::Bgzip(tar), Tar());
  RequireIndexes(
      Joined({Gzip(tar.first(100)), Gzip({}), Gzip(tar.subspan(100, 2'000'000)),
              Gzip({}, {.name = "nothing"}), Gzip(tar.subspan(2'000'100), {.level = 0})}),
      Tar());
  Bytes tiny;
  const Bytes small = test::MakeTar(40'000);
  for (size_t at = 0; at < small.size(); at += 7) {
    const Bytes member = Gzip(std::span(small).subspan(at, std::min<size_t>(7, small.size() - at)));
    tiny.insert(tiny.end(), member.begin(), member.end());
  }
  RequireIndexes(tiny, small);
}

TEST_CASE("What gzip and pigz write is indexed, and reads anywhere") {
  Foreign foreign;
  const auto compress = [&](const std::string& command, const Bytes& tar = Tar()) {
    std::ofstream(foreign.scratch / "tar", std::ios::binary) << AsText(tar);
    test::MustRunShell(command + " < " + (foreign.scratch / "tar").string() + " > " +
                       foreign.archive.string());
    REQUIRE_OK(foreign.Index());
    foreign.RequireReads(tar);
  };
  compress("gzip -6");
  compress("gzip -1");
  if (test::RunShell("command -v pigz").status != 0) return;
  compress("pigz -p 4");
  compress("pigz -i -p 4");
  compress("pigz -11 -b 128 -J 1 -I 1", test::MakeTar(1));  // zopfli
}

TEST_CASE("A plain tar is indexed, and reads anywhere") {
  Foreign foreign("wiki-20221105.tar");
  REQUIRE_OK(foreign.Index(Tar()));
  foreign.RequireReads(Tar());
  REQUIRE_OK(foreign.Index(test::MakeTar(100)));
  CHECK(foreign.sidecar->complete());
}

TEST_CASE("Zeros behind a gzip are nothing, garbage is a warning", "[bytes]") {
  Foreign foreign;
  REQUIRE_OK(foreign.Index(Joined({Gzip(Tar()), Bytes(100'000)})));
  foreign.RequireReads(Tar());
  CHECK(foreign.Warnings().empty());
  REQUIRE_OK(foreign.Index(Joined({Gzip(Tar()), AsBytes("garbage")})));
  foreign.RequireReads(Tar());
  CHECK(foreign.Warnings().find("something that is no gzip follows") != std::string::npos);
}

TEST_CASE("Spans stay near a MiB, and windows take a fraction of 32 KiB", "[bytes]") {
  const Bytes tar = test::MakeTar(20 << 20);
  Foreign foreign;
  REQUIRE_OK(foreign.Index(Gzip(tar)));
  uint64_t windows = 0;
  for (uint64_t i = 0; i < foreign.sidecar->span_count(); ++i) {
    const Span span = ValueOf(foreign.sidecar->SpanAt(i));
    const SpanStart start = ValueOf(foreign.sidecar->StartOf(i));
    CHECK(start.kind == SpanStart::Kind::kDeflate);
    if (i + 1 < foreign.sidecar->span_count()) CHECK(span.tar_bytes >= kSpanTarBytes);
    CHECK(span.tar_bytes < kSpanTarBytes + 200'000);
    if (i == 0) CHECK(start.window_bytes == 0);
    windows += start.window_bytes;
  }
  CHECK(windows < foreign.sidecar->span_count() * 20'000);
  CHECK(foreign.sidecar->span_count() < tar.size() / kSpanTarBytes + 2);
}

TEST_CASE("Members and blocks that hold nothing of the tar lie between spans", "[bytes]") {
  const Bytes tar = test::MakeTar(3 << 20);
  const auto begin = std::span(tar).first(2'000'000);
  Bytes empty;
  for (int i = 0; i < 20'000; ++i) {
    const Bytes member = Gzip({}, {.name = std::string(500, 'n')});
    empty.insert(empty.end(), member.begin(), member.end());
  }
  Foreign foreign;
  REQUIRE_OK(foreign.Index(
      Joined({empty, Gzip(begin), empty, Gzip(std::span(tar).subspan(begin.size())), empty})));
  foreign.RequireReads(tar);
  for (uint64_t i = 0; i < foreign.sidecar->span_count(); ++i)
    CHECK(ValueOf(foreign.sidecar->SpanAt(i)).archive_bytes < 20'000'000);
  CHECK(ValueOf(foreign.sidecar->SpanAt(0)).archive_offset > 10'000'000);
}

TEST_CASE("A span of an endless block begins inside it", "[bytes]") {
  // 40 MiB of zeros in a few blocks of fixed codes, after a header that says one file has them.
  Bytes tar = test::MakeTar(100);
  tar.resize(512);
  tar.resize(tar.size() + (40 << 20));
  Foreign foreign;
  REQUIRE_OK(foreign.Index(Gzip(tar, {.level = 9})));
  REQUIRE(ValueOf(foreign.Read(0, tar.size())) == tar);
  CHECK(foreign.sidecar->span_count() > 15);
}

TEST_CASE("Any byte of a foreign archive that is changed behind its index's back is noticed",
          "[bytes]") {
  Foreign foreign;
  const Bytes archive = Gzip(Tar());
  REQUIRE_OK(foreign.Index(archive));
  std::mt19937_64 random(2);
  size_t refused = 0;
  constexpr size_t kChanges = test::kSanitized ? 8 : 40;
  for (size_t i = 0; i < kChanges; ++i) {
    Bytes changed = archive;
    changed[5'000 + random() % (archive.size() - 10'000)] ^= std::byte{1} << random() % 8;
    std::ofstream(foreign.archive, std::ios::binary) << AsText(changed);
    SpanCache cache(uint64_t{1} << 20);
    const auto reader =
        ValueOf(ArchiveReader::Open(LocalFileSystem(), foreign.archive, foreign.sidecar, cache));
    for (uint64_t at = 0; at < Tar().size(); at += 100'000) {
      const auto read = reader->ReadTar(at, 1000);
      if (!read) {
        ++refused;
        CHECK(read.error().kind == ErrorKind::kDamaged);
        continue;
      }
      for (const Slice& slice : *read) {
        REQUIRE(std::equal(slice.bytes.begin(), slice.bytes.end(),
                           Tar().begin() + static_cast<ptrdiff_t>(at)));
        at += slice.bytes.size();
      }
    }
  }
  CHECK(refused >= kChanges);
}

}  // namespace orcio
