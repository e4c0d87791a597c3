#include "archiver/plan/run_estimate.h"

#include "archiver/config/service_names.h"
#include "index/archive/write/archive_writer.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

const FileSystem& Disk() {
  return LocalFileSystem();
}

// A repository with archives of wiki, each of one run's facts.
struct Past {
  test::ScratchDirectory scratch;

  void Made(const std::string& day, Mode mode, std::optional<Downtime> downtime,
            std::optional<TransferFacts> transfer = {}, const std::string& service = "wiki") const {
    const auto tar = test::MakeTar(100'000);
    auto writer = ValueOf(ArchiveWriter::Create(Disk(), scratch.path(),
                                                service + "-2025-11-" + day + "T020000Z.tar.gz"));
    REQUIRE_OK(test::Push(*writer, tar));
    REQUIRE(writer->Finish().has_value());
    RunFacts facts;
    facts.service = service;
    facts.mode = NameOf(mode);
    facts.downtime = downtime;
    facts.transfer = transfer;
    facts.wire = WireFacts{"zstd", 1234};
    REQUIRE_OK(writer->Describe(facts));
    REQUIRE_OK(writer->Publish());
  }
  [[nodiscard]] std::optional<RunEstimate> Estimate(Mode mode, bool stops = true) const {
    return EstimateRun(Disk(), ValueOf(Repository(Disk(), scratch.path()).List()), "wiki", mode,
                       stops);
  }
};

constexpr Downtime kDown{.stop = 2, .scan = 0, .stream = 4, .start = 8};

}  // namespace

TEST_CASE("Without an earlier run nothing is known") {
  const Past past;
  CHECK_FALSE(past.Estimate(Mode::kStop));
  past.Made("01", Mode::kStop, kDown, {}, "blog");
  CHECK_FALSE(past.Estimate(Mode::kStop));
}

TEST_CASE("A run takes what the last one of its mode took") {
  const Past past;
  past.Made("01", Mode::kStop, Downtime{.stop = 100, .stream = 100, .start = 100});
  past.Made("02", Mode::kStop, kDown);
  past.Made("03", Mode::kPause, Downtime{.stop = 0.1, .stream = 4, .start = 0.1});
  const auto stop = past.Estimate(Mode::kStop);
  REQUIRE(stop);
  CHECK(stop->date == "2025-11-02T020000Z");
  CHECK(stop->downtime == kDown);
  CHECK(stop->tar_bytes > 0);
  CHECK(stop->archive_bytes > 0);
  CHECK(stop->wire == WireFacts{"zstd", 1234});
  CHECK(stop->tar_bytes_a_second == static_cast<double>(stop->tar_bytes) / 4);
  CHECK(past.Estimate(Mode::kPause)->date == "2025-11-03T020000Z");
  CHECK_FALSE(past.Estimate(Mode::kPrecopy));
}

TEST_CASE("What precopy fetches while the service runs is told from what it fetches after") {
  const Past past;
  past.Made("01", Mode::kPrecopy, kDown, TransferFacts{.warm_bytes = 3000, .cold_bytes = 400});
  const auto estimate = past.Estimate(Mode::kPrecopy);
  REQUIRE(estimate);
  CHECK(estimate->tar_bytes == 3400);
  CHECK(estimate->tar_bytes_a_second == 100);
  CHECK(estimate->transfer->cold_bytes == 400);
}

TEST_CASE("A run over which nothing was stopped says nothing of a downtime, but of bytes") {
  const Past past;
  past.Made("01", Mode::kStop, kDown);
  past.Made("02", Mode::kStop, std::nullopt);
  CHECK(past.Estimate(Mode::kStop)->date == "2025-11-01T020000Z");
  const auto idle = past.Estimate(Mode::kStop, false);
  CHECK(idle->date == "2025-11-02T020000Z");
  CHECK_FALSE(idle->downtime);
  CHECK(idle->tar_bytes > 0);
}

TEST_CASE("An archive that is not whole, or not indexed, says nothing") {
  const Past past;
  past.Made("01", Mode::kStop, kDown);
  past.Made("02", Mode::kStop, kDown);
  std::filesystem::remove(past.scratch / "wiki-2025-11-02T020000Z.tar.gz.idx");
  CHECK(past.Estimate(Mode::kStop)->date == "2025-11-01T020000Z");
}

TEST_CASE("As much is expected to come as the last whole archive has, or brought") {
  const Past past;
  const auto expect = [&](Mode mode) {
    ServiceConfig service;
    service.name = "wiki";
    service.mode = mode;
    return ExpectBytes(Disk(), ValueOf(Repository(Disk(), past.scratch.path()).List()), service);
  };
  CHECK(expect(Mode::kStop).stopped_bytes == 0);
  past.Made("01", Mode::kStop, kDown);
  const uint64_t whole = past.Estimate(Mode::kStop)->tar_bytes;
  CHECK(expect(Mode::kStop).stopped_bytes == whole);
  CHECK(expect(Mode::kStop).running_bytes == 0);
  // The first run with precopy fetches everything.
  CHECK(expect(Mode::kPrecopy).running_bytes == whole);
  past.Made("02", Mode::kPrecopy, kDown, TransferFacts{.warm_bytes = 700, .cold_bytes = 30});
  CHECK(expect(Mode::kPrecopy).running_bytes == 700);
  CHECK(expect(Mode::kPrecopy).stopped_bytes == 30);
  CHECK(expect(Mode::kLive).stopped_bytes == whole);
}

}  // namespace orcio
