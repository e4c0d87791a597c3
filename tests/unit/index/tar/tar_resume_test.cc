#include <algorithm>

#include "index/rebuild/index_records.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/archives/tar_fixtures.h"
#include "tests/support/catch.h"

// Scans that are taken up where another one stood: nobody can tell.
namespace orcio {
namespace {

using Bytes = std::vector<std::byte>;

template <class T>
Bytes ToRecord(const T& value) {
  Bytes bytes;
  RecordWriter{bytes}(value);
  return bytes;
}

template <class T>
T FromRecord(const Bytes& bytes) {
  RecordReader reader(bytes);
  T value;
  reader(value);
  REQUIRE(reader.whole());
  return value;
}

// Keeps where a scan stands, as bytes, at most some forty times.
class ManyStates : public TarScanKeeper {
 public:
  explicit ManyStates(uint64_t tar_bytes) : step_(tar_bytes / 40) {}

  bool IsDue(uint64_t position) override { return position > 0 && position >= due_; }
  void Keep(TarScanState&& state) override {
    due_ = state.position + step_;
    states.push_back(ToRecord(state));
  }

  std::vector<Bytes> states;

 private:
  const uint64_t step_;
  uint64_t due_ = 0;
};

size_t PieceBytes(const std::string& tar) {
  return std::max<size_t>(700, tar.size() / 40);
}

// Requires that `part` ends as `whole` does.
void RequireSameEnd(const test::ScannedTar& part, const test::ScannedTar& whole) {
  REQUIRE(part.entries.size() <= whole.entries.size());
  const size_t before = whole.entries.size() - part.entries.size();
  for (size_t i = 0; i < part.entries.size(); ++i)
    REQUIRE(ToRecord(part.entries[i]) == ToRecord(whole.entries[before + i]));
  REQUIRE(part.summary.has_value() == whole.summary.has_value());
  if (!whole.summary) return;
  REQUIRE(ToRecord(*part.summary) == ToRecord(*whole.summary));
  REQUIRE(part.summary->tar_bytes == whole.summary->tar_bytes);
  REQUIRE(part.summary->end_marker == whole.summary->end_marker);
}

// Takes `tar` up wherever a scan of it has stood; returns how often that was.
size_t TakeUpEverywhere(const std::string& tar) {
  ManyStates keeper(tar.size());
  const auto whole = test::ScanBytes(tar, PieceBytes(tar), {.keeper = &keeper});
  for (const Bytes& bytes : keeper.states) {
    const auto state = FromRecord<TarScanState>(bytes);
    CAPTURE(state.position, state.in_work.has_value());
    REQUIRE(IsPossible(state));
    const auto rest = std::string_view(tar).substr(state.position);
    const auto part = test::ScanBytes(rest, PieceBytes(tar), {.from = &state});
    REQUIRE(part.entries.size() + state.summary.entries == whole.entries.size());
    RequireSameEnd(part, whole);
  }
  return keeper.states.size();
}

}  // namespace

TEST_CASE("A scan of any tar that is taken up anywhere finds the rest of what it would have") {
  size_t states = 0;
  for (const auto& fixture : test::TarFixtures()) {
    CAPTURE(fixture.name);
    states += TakeUpEverywhere(fixture.tar);
  }
  CHECK(states > 50);
}

TEST_CASE("A scan that is taken up inside a file digests all of it") {
  std::string content;
  for (int i = 0; i < 30'000; ++i) content += std::to_string(i);
  const auto tar =
      test::PaxHeader({"comment=of all"}, 'g') +
      test::HandMadeHeader{.path = "large", .size = test::SizeField(content.size())}.Block() +
      test::Padded(content) + test::HandMadeHeader{.path = "small"}.Block() + test::EndMarker();
  CHECK(TakeUpEverywhere(tar) > 20);
  CHECK(test::ScanBytes(tar).At("large").digest == Sha256::Of(AsBytes(content)));
}

TEST_CASE("A place inside a file that contradicts itself is none to go on from") {
  const std::string content(100'000, 'x');
  const auto tar =
      test::HandMadeHeader{.path = "f", .size = test::SizeField(content.size())}.Block() +
      test::Padded(content) + test::EndMarker();
  ManyStates keeper(tar.size());
  REQUIRE(test::ScanBytes(tar, 1000, {.keeper = &keeper}).summary.has_value());
  const auto state = FromRecord<TarScanState>(keeper.states.front());
  REQUIRE(state.in_work.has_value());
  REQUIRE(IsPossible(state));
  const auto refused = [&](auto change) {
    TarScanState other = state;
    change(other);
    return !IsPossible(other);
  };
  CHECK(refused([](TarScanState& s) { ++s.position; }));
  CHECK(refused([](TarScanState& s) { s.position = UINT64_MAX; }));
  CHECK(refused([](TarScanState& s) { s.in_work->piece = 1; }));
  CHECK(refused([](TarScanState& s) { s.in_work->piece_read = 0; }));
  CHECK(refused([](TarScanState& s) { s.in_work->piece_read = UINT64_MAX; }));
  CHECK(refused([](TarScanState& s) { s.in_work->content_begin += 512; }));
  CHECK(refused([](TarScanState& s) { s.in_work->content.stored_bytes = 1; }));
  CHECK(refused([](TarScanState& s) { s.in_work->content.pieces.clear(); }));
  CHECK(refused([](TarScanState& s) { s.in_work->entry.type = EntryType::kSymlink; }));
  CHECK(refused([](TarScanState& s) { s.summary.end_of_entries = s.position + 1; }));
}

TEST_CASE("A place inside a sparse file has no more holes to digest than a scan would allow") {
  const std::string data(100'000, 'x');
  constexpr uint64_t kSize = 1'000'000;
  const auto tar =
      test::PaxHeader({"GNU.sparse.major=1", "GNU.sparse.minor=0",
                       fmt::format("GNU.sparse.realsize={}", kSize), "GNU.sparse.name=disk"}) +
      test::HandMadeHeader{.path = "GNUSparseFile.0/disk",
                           .size = test::SizeField(512 + data.size())}
          .Block() +
      test::Padded(fmt::format("1\n0\n{}\n", data.size())) + test::Padded(data) + test::EndMarker();
  ManyStates keeper(tar.size());
  REQUIRE(test::ScanBytes(tar, 1000, {.keeper = &keeper}).summary.has_value());
  const auto state = FromRecord<TarScanState>(keeper.states.front());
  REQUIRE(state.in_work.has_value());
  REQUIRE(state.in_work->digesting);
  REQUIRE(state.holes_digested == kSize - data.size());
  REQUIRE(IsPossible(state));
  TarScanState large = state;
  const uint64_t budget = HoleBudget(TarScanOptions().max_hole_bytes, state.position);
  const auto resize = [&](uint64_t holes) {
    large.in_work->content.size = large.in_work->entry.size = data.size() + holes;
  };
  large.holes_digested = budget;
  resize(budget);
  CHECK(IsPossible(large));
  resize(uint64_t{1} << 62);
  CHECK_FALSE(IsPossible(large));
  large.in_work->digesting = false;
  CHECK(IsPossible(large));
  large.in_work->digesting = true;
  large.holes_digested = UINT64_MAX;
  CHECK_FALSE(IsPossible(large));
  resize(budget);
  large.holes_digested = budget + 1;
  CHECK_FALSE(IsPossible(large));
  // Fewer holes were paid for than are there.
  TarScanState unpaid = state;
  --unpaid.holes_digested;
  CHECK_FALSE(IsPossible(unpaid));
}

TEST_CASE("What is cut short or goes on too long is no record") {
  TarEntry whole;
  whole.path = "path";
  whole.extents = {{0, 512, 10}};
  const auto bytes = ToRecord(whole);
  for (size_t size = 0; size <= bytes.size() + 1; ++size) {
    Bytes other = bytes;
    other.resize(size);
    RecordReader reader(other);
    TarEntry entry;
    reader(entry);
    CHECK(reader.whole() == (size == bytes.size()));
  }
}

}  // namespace orcio
