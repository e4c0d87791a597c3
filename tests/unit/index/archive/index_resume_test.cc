#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "base/bytes.h"
#include "index/rebuild/digest_trail.h"
#include "index/rebuild/rebuild.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/support/files/watched_files.h"
#include "tests/support/sanitized.h"
#include "tests/support/scratch_directory.h"

// Indexing that is interrupted and gone on with. The sidecar must not tell.
namespace orcio {
namespace {

using test::Gzip;
using test::Joined;
using Bytes = std::vector<std::byte>;

// An archive that orcio did not write, and what indexing it without any interruption makes.
struct Interrupted {
  test::ScratchDirectory scratch;
  std::filesystem::path archive = scratch / "wiki-20221105.tar.gz";
  std::filesystem::path sidecar = archive.string() + ".idx";
  std::filesystem::path log = scratch / ".wiki-20221105.tar.gz.idx.resume";
  Bytes expected;
  std::vector<std::string> notes;
  std::vector<uint64_t> resumed;  // from where in the archive

  explicit Interrupted(const Bytes& bytes) {
    Put(bytes);
    expected = Whole();
  }
  void Put(const Bytes& bytes) const {
    std::ofstream(archive, std::ios::binary | std::ios::trunc) << AsText(bytes);
  }
  static Bytes Read(const std::filesystem::path& path) {
    return ValueOf(ReadWholeFile(LocalFileSystem(), path, uint64_t{1} << 30));
  }
  [[nodiscard]] Bytes Whole() const {
    const auto apart = scratch / "whole.idx";
    REQUIRE_OK(RebuildSidecar(LocalFileSystem(), archive, apart, {}, {}));
    Bytes made = Read(apart);
    std::filesystem::remove(apart);
    return made;
  }
  [[nodiscard]] std::set<std::string> Names() const {
    const auto names = ValueOf(LocalFileSystem().List(scratch.path()));
    return {names.begin(), names.end()};
  }
  // What every span is kept with.
  RebuildOptions Options() {
    RebuildOptions options;
    options.keep_every = 1;
    options.note = [this](const std::string& note) { notes.push_back(note); };
    options.resumed = [this](uint64_t done, uint64_t) { resumed.push_back(done); };
    return options;
  }
  // Indexes until `spans` have been decoded, then is asked to stop, or kills itself.
  Result<void> Run(size_t spans, bool killed = false, const FileSystem& files = LocalFileSystem()) {
    std::stop_source stop;
    RebuildOptions options = Options();
    options.progress = [&, seen = size_t{0}](uint64_t, uint64_t) mutable {
      if (++seen < spans) return;
      if (killed) ::kill(::getpid(), SIGKILL);
      stop.request_stop();
    };
    return RebuildSidecar(files, archive, sidecar, options, stop.get_token());
  }
  Result<void> RunToTheEnd() {
    return RebuildSidecar(LocalFileSystem(), archive, sidecar, Options(), {});
  }
  void KillAfter(size_t spans) {
    const pid_t child = ::fork();
    if (child == 0) {
      (void)Run(spans, true);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
  }
  void RequireDone() const {
    CHECK(Names() ==
          std::set<std::string>{archive.filename().string(), sidecar.filename().string()});
    REQUIRE(Read(sidecar) == expected);
  }
};

// A disk with so much room for the record of indexing, and so much that it says is free.
class SmallDisk : public test::WatchedFiles {
 public:
  SmallDisk(uint64_t room, uint64_t free_bytes)
      : WatchedFiles([this](const auto& path, size_t bytes) { return Take(path, bytes); }),
        room_(room),
        free_bytes_(free_bytes) {}
  [[nodiscard]] Result<uint64_t> FreeBytes(const std::filesystem::path&) const override {
    return free_bytes_;
  }

 private:
  Result<void> Take(const std::filesystem::path& path, size_t bytes) {
    if (path.string().find(".resume") == std::string::npos) return {};
    if (bytes > room_) return FailErrno(ENOSPC, path.string());
    room_ -= bytes;
    return {};
  }

  uint64_t room_;
  const uint64_t free_bytes_;
};

// Where the file at `bad` can be opened and not be read, or not even that.
class BadSector : public test::ForwardingFiles {
 public:
  BadSector(std::filesystem::path bad, int errnum, bool opens)
      : bad_(std::move(bad)), errnum_(errnum), opens_(opens) {}
  [[nodiscard]] Result<std::unique_ptr<RandomAccess>> OpenRead(
      const std::filesystem::path& path) const override {
    if (path != bad_) return ForwardingFiles::OpenRead(path);
    if (!opens_) return FailErrno(errnum_, "cannot open it");
    return std::make_unique<Unreadable>(errnum_);
  }

 private:
  struct Unreadable : RandomAccess {
    explicit Unreadable(int errnum_in) : errnum(errnum_in) {}
    [[nodiscard]] Result<size_t> ReadAt(uint64_t, std::span<std::byte>) const override {
      return FailErrno(errnum, "cannot read it");
    }
    [[nodiscard]] uint64_t size() const override { return 1000; }
    const int errnum;
  };

  const std::filesystem::path bad_;
  const int errnum_;
  const bool opens_;
};

// Where the bytes of the file at `bad` from `begin` up to `end` cannot be read.
class BadStretch : public test::ForwardingFiles {
 public:
  BadStretch(std::filesystem::path bad, uint64_t begin, uint64_t end)
      : bad_(std::move(bad)), begin_(begin), end_(end) {}
  [[nodiscard]] Result<std::unique_ptr<RandomAccess>> OpenRead(
      const std::filesystem::path& path) const override {
    auto file = ORCIO_TRY(ForwardingFiles::OpenRead(path));
    if (path != bad_) return file;
    return std::make_unique<Damaged>(std::move(file), begin_, end_);
  }

 private:
  class Damaged : public RandomAccess {
   public:
    Damaged(std::unique_ptr<RandomAccess> file, uint64_t begin, uint64_t end)
        : file_(std::move(file)), begin_(begin), end_(end) {}
    [[nodiscard]] Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
      if (offset < end_ && offset + into.size() > begin_)
        return FailErrno(EIO, "cannot read the archive");
      return file_->ReadAt(offset, into);
    }
    [[nodiscard]] uint64_t size() const override { return file_->size(); }

   private:
    const std::unique_ptr<RandomAccess> file_;
    const uint64_t begin_;
    const uint64_t end_;
  };

  const std::filesystem::path bad_;
  const uint64_t begin_;
  const uint64_t end_;
};

const Bytes& Tar() {
  static const Bytes tar = test::MakeTar(16 << 20);
  return tar;
}

// Interrupts it again and again, until it is done.
void RequireSameInParts(const Bytes& bytes) {
  Interrupted indexing(bytes);
  std::mt19937_64 random(1);
  Result<void> done;
  size_t runs = 0;
  do {
    REQUIRE(runs < 100);
    done = indexing.Run(2 + random() % 4);
    if (!done) REQUIRE(done.error().kind == ErrorKind::kCancelled);
    ++runs;
  } while (!done);
  CHECK(indexing.notes.empty());
  CHECK(indexing.resumed.size() >= runs - 1);
  REQUIRE(runs > 3);
  CHECK(std::ranges::is_sorted(indexing.resumed));
  CHECK(indexing.resumed.back() > bytes.size() / 2);
  indexing.RequireDone();
}

}  // namespace

TEST_CASE("Gzip of any kind that is indexed in parts gets the sidecar of one that was not",
          "[bytes]") {
  for (const test::GzipOptions& options : std::vector<test::GzipOptions>{
           {},
           {.level = 1, .name = "wiki.tar", .header_crc = true},
           {.level = 0},                          // stored blocks
           {.level = 6, .strategy = 4},           // fixed codes: Z_FIXED
           {.level = 6, .flush_every = 100'000},  // as pigz has it
       }) {
    CAPTURE(options.level, options.strategy, options.flush_every);
    RequireSameInParts(Gzip(Tar(), options));
  }
}

TEST_CASE("Many gzip members that are indexed in parts get the sidecar of those that were not",
          "[bytes]") {
  const std::span<const std::byte> tar(Tar());
  RequireSameInParts(test::Bgzip(tar));
  RequireSameInParts(
      Joined({Gzip(tar.first(3'000'000)), Gzip({}), Gzip(tar.subspan(3'000'000, 5'000'000)),
              Gzip(tar.subspan(8'000'000)), AsBytes("garbage")}));
}

TEST_CASE("Spans that end inside long blocks end there also behind an interruption", "[bytes]") {
  // Between literals the decoder stops once in three times: where depends on its input buffer.
  std::mt19937_64 random(3);
  std::string content;
  while (content.size() < 48 << 20) {
    for (size_t literals = random() % 4; literals > 0; --literals)
      content.push_back(static_cast<char>(random()));
    content.append(516, '\0');
  }
  const auto tar =
      test::HandMadeHeader{.path = "disk", .size = test::SizeField(content.size())}.Block() +
      test::Padded(content) + test::EndMarker();
  const Bytes gzip = Gzip(AsBytes(tar));
  REQUIRE(gzip.size() > 256 * 1024);
  RequireSameInParts(gzip);
}

TEST_CASE("Damage before and behind an interruption is told as without it", "[bytes]") {
  const std::span<const std::byte> tar(Tar());
  Bytes bad = Gzip(tar.first(3'000'000));
  bad[bad.size() - 8] ^= std::byte{1};  // its CRC
  const Bytes rest = Gzip(tar.subspan(3'000'000));
  RequireSameInParts(Joined({bad, rest}));
  RequireSameInParts(Joined({bad, std::span(rest).first(rest.size() - 1'000'000)}));
}

TEST_CASE("A plain tar that is indexed in parts gets the sidecar of one that was not", "[bytes]") {
  RequireSameInParts(test::MakeTar(6 << 20));
}

TEST_CASE("Indexing that is killed again and again is gone on with") {
  if (ORCIO_TSAN != 0) return;  // it has no threads in a forked child
  Interrupted indexing(Gzip(Tar()));
  for (const size_t spans : {size_t{4}, size_t{3}, size_t{5}}) indexing.KillAfter(spans);
  CHECK(std::filesystem::exists(indexing.log));
  const auto mode = std::filesystem::status(indexing.log).permissions();
  CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  REQUIRE_OK(indexing.RunToTheEnd());
  REQUIRE(indexing.resumed.size() == 1);
  CHECK(indexing.resumed[0] > indexing.Read(indexing.archive).size() / 4);
  CHECK(indexing.notes.empty());
  indexing.RequireDone();
}

TEST_CASE("What was found of an archive that has changed since is not used", "[bytes]") {
  Interrupted indexing(Gzip(Tar()));
  const auto time = std::filesystem::last_write_time(indexing.archive);
  const auto interrupt_and_index = [&] {
    indexing.notes.clear();
    indexing.resumed.clear();
    REQUIRE_FALSE(indexing.Run(5));
    REQUIRE(std::filesystem::exists(indexing.log));
  };
  const auto require_anew = [&] {
    indexing.expected = indexing.Whole();
    REQUIRE_OK(indexing.RunToTheEnd());
    CHECK(indexing.resumed.empty());
    REQUIRE(indexing.notes.size() == 1);
    CHECK(indexing.notes[0].find("another state of the archive") != std::string::npos);
    indexing.RequireDone();
  };
  interrupt_and_index();
  std::filesystem::last_write_time(indexing.archive, time + std::chrono::seconds(1));
  require_anew();
  interrupt_and_index();
  Bytes other = Interrupted::Read(indexing.archive);
  other.back() ^= std::byte{1};
  indexing.Put(other);
  std::filesystem::last_write_time(indexing.archive, time + std::chrono::seconds(1));
  require_anew();
  interrupt_and_index();
  indexing.Put(Joined({other, Bytes(512)}));
  std::filesystem::last_write_time(indexing.archive, time + std::chrono::seconds(1));
  require_anew();
}

TEST_CASE("A damaged record of interrupted indexing is used up to the damage or not at all",
          "[bytes]") {
  Interrupted indexing(Gzip(test::MakeTar(6 << 20)));
  REQUIRE_FALSE(indexing.Run(5));
  const Bytes log = Interrupted::Read(indexing.log);
  std::mt19937_64 random(2);
  size_t anew = 0;
  for (int i = 0; i < 40; ++i) {
    Bytes damaged = log;
    const size_t at = random() % log.size();
    if (i % 2 == 0) damaged.resize(at);
    if (i % 2 == 1) damaged[at] ^= std::byte{0x10};
    std::ofstream(indexing.log, std::ios::binary | std::ios::trunc) << AsText(damaged);
    indexing.notes.clear();
    indexing.resumed.clear();
    REQUIRE_OK(indexing.RunToTheEnd());
    CHECK(indexing.notes.size() + indexing.resumed.size() == 1);
    anew += indexing.notes.size();
    indexing.RequireDone();
  }
  CHECK(anew < 40);
  std::ofstream(indexing.log, std::ios::trunc).flush();
  indexing.notes.clear();
  REQUIRE_OK(indexing.RunToTheEnd());
  REQUIRE(indexing.notes.size() == 1);
  CHECK(indexing.notes[0].find(indexing.log.string()) == 0);
  CHECK(indexing.notes[0].find("indexing begins anew") != std::string::npos);
  indexing.RequireDone();
}

TEST_CASE("Where one call fails while an archive is indexed the sidecar is right or there is none",
          "[bytes]") {
  Interrupted indexing(Gzip(test::MakeTar(4 << 20)));
  test::FailingFiles files(LocalFileSystem());
  size_t done = 0;
  for (size_t call = 1;; ++call) {
    REQUIRE(call < 1000);
    std::filesystem::remove(indexing.sidecar);
    std::filesystem::remove(indexing.log);
    if (call % 2 == 0) REQUIRE_FALSE(indexing.Run(3));
    files.FailAt(call);
    const auto made =
        RebuildSidecar(files, indexing.archive, indexing.sidecar, indexing.Options(), {});
    if (made) REQUIRE(Interrupted::Read(indexing.sidecar) == indexing.expected);
    if (made && files.failed()) ++done;
    if (!files.failed()) break;
  }
  // Where the record could not be written, indexing went on.
  CHECK(done > 3);
  REQUIRE_OK(indexing.RunToTheEnd());
  indexing.RequireDone();
}

TEST_CASE("Where the disk gets full no record of indexing takes the room that the sidecar needs",
          "[bytes]") {
  Interrupted indexing(Gzip(Tar()));
  constexpr uint64_t kPlenty = uint64_t{1} << 40;
  constexpr uint64_t kLittle = 100'000;  // a place to go on from takes a third of it
  for (const auto& [room, free_bytes] :
       {std::pair(kLittle, kPlenty), std::pair(kPlenty, kLittle)}) {
    for (const bool earlier : {false, true}) {
      CAPTURE(room, free_bytes, earlier);
      if (earlier) REQUIRE_FALSE(indexing.Run(6));
      REQUIRE(std::filesystem::exists(indexing.log) == earlier);
      indexing.notes.clear();
      const SmallDisk disk(room, free_bytes);
      const auto made = indexing.Run(earlier ? 2 : 8, false, disk);
      REQUIRE_FALSE(made);
      CHECK(made.error().kind == ErrorKind::kCancelled);
      CHECK(indexing.Names() == std::set<std::string>{indexing.archive.filename().string()});
      REQUIRE(indexing.notes.size() == 1);
      CHECK(indexing.notes[0].find("it will begin anew") != std::string::npos);
    }
  }
  REQUIRE_OK(indexing.RunToTheEnd());
  indexing.RequireDone();
}

TEST_CASE("A sidecar for which the disk has no room gets that of the record of its indexing",
          "[bytes]") {
  Interrupted indexing(Gzip(test::MakeTar(6 << 20)));
  REQUIRE_FALSE(indexing.Run(4));
  const test::WatchedFiles full([&](const std::filesystem::path& path, size_t) -> Result<void> {
    if (path.string().ends_with(".idx.part")) return FailErrno(ENOSPC, path.string());
    return {};
  });
  const auto made = RebuildSidecar(full, indexing.archive, indexing.sidecar, {}, {});
  REQUIRE_FALSE(made);
  CHECK(made.error().errnum == ENOSPC);
  CHECK(made.error().message.find(indexing.archive.string() + ": its index cannot be made: ") == 0);
  CHECK(made.error().message.find("; free space there, or name another directory for indexes with "
                                  "--index-dir") != std::string::npos);
  CHECK(indexing.Names() == std::set<std::string>{indexing.archive.filename().string()});
}

TEST_CASE("A record of interrupted indexing that cannot be read keeps no archive from its index",
          "[bytes]") {
  Interrupted indexing(Gzip(test::MakeTar(6 << 20)));
  for (const auto& [errnum, opens] :
       {std::pair(EIO, true), std::pair(EIO, false), std::pair(EACCES, true)}) {
    CAPTURE(errnum, opens);
    std::filesystem::remove(indexing.sidecar);
    REQUIRE_FALSE(indexing.Run(4));
    indexing.notes.clear();
    const BadSector files(indexing.log, errnum, opens);
    REQUIRE_OK(RebuildSidecar(files, indexing.archive, indexing.sidecar, indexing.Options(), {}));
    CHECK(indexing.resumed.empty());
    REQUIRE(indexing.notes.size() == 1);
    CHECK(indexing.notes[0].find(indexing.log.string() + " cannot be read: cannot ") == 0);
    CHECK(indexing.notes[0].find(FailErrno(errnum, "it").value().message) != std::string::npos);
    CHECK(indexing.notes[0].find("indexing begins anew") != std::string::npos);
    indexing.RequireDone();  // which takes the log along
  }
}

TEST_CASE(
    "A record of interrupted indexing that cannot be read now stays until another is as good") {
  Interrupted indexing(Gzip(Tar()));
  REQUIRE_FALSE(indexing.Run(6));
  const Bytes log = Interrupted::Read(indexing.log);
  const int errnum = GENERATE(EIO, EACCES);
  CAPTURE(errnum);
  const BadSector files(indexing.log, errnum, errnum == EIO);
  // One that comes less far.
  REQUIRE_FALSE(indexing.Run(3, false, files));
  CHECK(Interrupted::Read(indexing.log) == log);
  REQUIRE(indexing.notes.size() == 1);
  CHECK(indexing.resumed.empty());
  // One that comes further.
  REQUIRE_FALSE(indexing.Run(10, false, files));
  CHECK(Interrupted::Read(indexing.log).size() > log.size());
  CHECK(indexing.notes.size() == 2);
  CHECK(indexing.resumed.empty());
  REQUIRE_OK(indexing.RunToTheEnd());
  CHECK(indexing.resumed.size() == 1);
  CHECK(indexing.notes.size() == 2);
  indexing.RequireDone();
}

TEST_CASE("An archive that cannot be read where its indexing goes on is not blamed on the record") {
  Interrupted indexing(Gzip(Tar()));
  REQUIRE_FALSE(indexing.Run(6));
  const Bytes log = Interrupted::Read(indexing.log);
  uint64_t place = 0;
  std::stop_source stop;
  RebuildOptions options;
  options.resumed = [&](uint64_t done, uint64_t) {
    place = done;
    stop.request_stop();
  };
  REQUIRE_FALSE(RebuildSidecar(LocalFileSystem(), indexing.archive, indexing.sidecar, options,
                               stop.get_token()));
  REQUIRE(place > 10'000);
  // The header of the deflate block that it stands in is before it.
  const BadStretch files(indexing.archive, place / 2, place + 1);
  const auto made = indexing.Run(1000, false, files);
  REQUIRE_FALSE(made);
  CHECK(made.error().errnum == EIO);
  CHECK(indexing.notes.empty());
  CHECK(Interrupted::Read(indexing.log) == log);
}

TEST_CASE("Going on with interrupted indexing ends at once when it is asked to") {
  Interrupted indexing(Gzip(test::MakeTar(6 << 20)));
  REQUIRE_FALSE(indexing.Run(4));
  const Bytes log = Interrupted::Read(indexing.log);
  size_t appended = 0;
  const test::WatchedFiles files([&](const auto&, size_t bytes) {
    appended += bytes;
    return Result<void>();
  });
  size_t resumed = 0;
  for (const bool while_it_is_read : {true, false}) {
    CAPTURE(while_it_is_read);
    std::stop_source stop;
    if (while_it_is_read) stop.request_stop();
    RebuildOptions options;
    options.resumed = [&](uint64_t, uint64_t) {
      ++resumed;
      stop.request_stop();
    };
    const auto made =
        RebuildSidecar(files, indexing.archive, indexing.sidecar, options, stop.get_token());
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == ErrorKind::kCancelled);
    CHECK(made.error().message.find(indexing.archive.string()) == 0);
    CHECK(resumed == (while_it_is_read ? 0 : 1));
    CHECK(appended == 0);  // to a copy
    CHECK(Interrupted::Read(indexing.log) == log);
  }
}

TEST_CASE("An entry that takes too much of the record of indexing ends that and nothing else",
          "[bytes]") {
  constexpr size_t kPieces = 800'000;
  std::string map = fmt::format("{}\n", kPieces);
  for (size_t i = 0; i < kPieces; ++i) fmt::format_to(std::back_inserter(map), "{}\n1\n", 2 * i);
  map = test::Padded(map);
  const auto tar =
      test::PaxHeader({"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=disk",
                       fmt::format("GNU.sparse.realsize={}", 2 * kPieces)}) +
      test::HandMadeHeader{.path = "GNUSparseFile.0/disk",
                           .size = test::SizeField(map.size() + kPieces)}
          .Block() +
      map + test::Padded(std::string(kPieces, 'x')) + test::EndMarker();
  const auto bytes = AsBytes(tar);
  Interrupted indexing(Bytes(bytes.begin(), bytes.end()));
  RebuildOptions options = indexing.Options();
  options.keep_every = 4 << 20;
  REQUIRE_OK(RebuildSidecar(LocalFileSystem(), indexing.archive, indexing.sidecar, options, {}));
  REQUIRE(indexing.notes.size() == 1);
  CHECK(indexing.notes[0].find("one entry takes too much of it") != std::string::npos);
  indexing.RequireDone();
}

TEST_CASE("Digests that nobody asks for are forgotten from the oldest on") {
  DigestTrail trail;
  const auto at = [](uint64_t piece) { return piece * DigestTrail::kPieceBytes; };
  Sha256State state;
  for (uint64_t piece = 0; piece <= DigestTrail::kMostStates; ++piece) {
    state.bytes = at(piece);
    trail.Add(state);
  }
  // No place to go on from is kept there.
  CHECK_FALSE(trail.At(at(0)));
  REQUIRE(trail.At(at(1) + 17));
  CHECK(trail.At(at(1) + 17)->bytes == at(1));
  REQUIRE(trail.At(at(DigestTrail::kMostStates)));
  CHECK_FALSE(trail.At(at(1)));
}

TEST_CASE("No record of indexing outlives it, whoever has left that meanwhile", "[bytes]") {
  Interrupted indexing(Gzip(test::MakeTar(3 << 20)));
  RebuildOptions options;  // keeps nothing of so small an archive
  options.progress = [&](uint64_t, uint64_t) { std::ofstream(indexing.log) << "another one's"; };
  REQUIRE_OK(RebuildSidecar(LocalFileSystem(), indexing.archive, indexing.sidecar, options, {}));
  indexing.RequireDone();
}

TEST_CASE("Of two that index an archive the one that has come further keeps its record",
          "[bytes]") {
  Interrupted indexing(Gzip(Tar()));
  const auto put = [&](const Bytes& log) {
    std::ofstream(indexing.log, std::ios::binary | std::ios::trunc) << AsText(log);
  };
  const auto log_after = [&](size_t spans) {
    std::filesystem::remove(indexing.log);
    REQUIRE_FALSE(indexing.Run(spans));
    return Interrupted::Read(indexing.log);
  };
  // Another process has that log once this one has begun.
  const auto run_beside = [&](const Bytes& other, size_t spans) {
    std::filesystem::remove(indexing.log);
    std::stop_source stop;
    RebuildOptions options = indexing.Options();
    options.progress = [&, seen = size_t{0}](uint64_t, uint64_t) mutable {
      ++seen;
      if (seen == 1) put(other);
      if (seen == spans) stop.request_stop();
    };
    REQUIRE_FALSE(RebuildSidecar(LocalFileSystem(), indexing.archive, indexing.sidecar, options,
                                 stop.get_token()));
  };
  const Bytes shorter = log_after(3);
  const Bytes longer = log_after(9);
  run_beside(longer, 4);
  CHECK(Interrupted::Read(indexing.log) == longer);
  run_beside(shorter, 9);
  CHECK(Interrupted::Read(indexing.log).size() > shorter.size());
  CHECK(indexing.resumed.empty());
  REQUIRE_OK(indexing.RunToTheEnd());
  CHECK(indexing.resumed.size() == 1);
  indexing.RequireDone();
}

TEST_CASE("The record of nobody who is at work keeps nobody from leaving another one", "[bytes]") {
  Interrupted indexing(Gzip(Tar()));
  const Bytes much(16 << 20);
  std::ofstream(indexing.log, std::ios::binary) << AsText(much);
  REQUIRE_FALSE(indexing.Run(4));
  CHECK(indexing.notes.size() == 1);
  CHECK(indexing.resumed.empty());
  // What stands after its last place to go on from counts for nothing.
  std::ofstream(indexing.log, std::ios::binary | std::ios::app) << AsText(much);
  REQUIRE_FALSE(indexing.Run(4));
  REQUIRE_OK(indexing.RunToTheEnd());
  CHECK(indexing.notes.size() == 1);
  REQUIRE(indexing.resumed.size() == 2);
  CHECK(indexing.resumed[0] < indexing.resumed[1]);
  indexing.RequireDone();
}

TEST_CASE("An archive that is no tar leaves no record of its indexing") {
  const test::ScratchDirectory scratch;
  const auto archive = scratch / "wiki-20221105.tar.gz";
  std::ofstream(archive, std::ios::binary) << AsText(Gzip(Bytes(5 << 20, std::byte{'x'})));
  RebuildOptions options;
  options.keep_every = 1;
  const auto made =
      RebuildSidecar(LocalFileSystem(), archive, archive.string() + ".idx", options, {});
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == ErrorKind::kDamaged);
  CHECK(ValueOf(LocalFileSystem().List(scratch.path())).size() == 1);
}

}  // namespace orcio
