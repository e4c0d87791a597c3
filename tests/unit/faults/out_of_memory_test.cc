// Every allocation fails once: an error or an exception comes out, nothing crashes, nothing is half
// made, nothing leaked.

#include <chrono>
#include <functional>
#include <map>
#include <new>
#include <stop_token>

#include "archiver/capture/run_options.h"
#include "archiver/run/service_run.h"
#include "base/bytes.h"
#include "base/threads/pause.h"
#include "index/archive/read/archive_reader.h"
#include "index/archive/read/span_cache.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"
#include "index/upkeep/leftovers.h"
#include "tests/support/archives/two_runs.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_allocations.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/services/fake_control.h"

namespace orcio {
namespace {

using test::FilesIn;
using test::OpenDescriptors;
using test::TwoRuns;

enum class End { kWell, kError, kThrown };

// Runs `work` with one allocation failing, for the first hundred of them each and then for fewer
// and fewer, until it makes no more; `judge` after each.
void ForEachAllocation(const std::function<Result<void>()>& work,
                       const std::function<void(End)>& judge) {
  for (size_t call = 1;; call += 1 + call / 100 * (call / 50)) {
    CAPTURE(call);
    const size_t descriptors = OpenDescriptors();
    End end = End::kWell;
    test::FailAllocation(call);
    try {
      if (auto result = work(); !result) end = End::kError;
    } catch (const std::bad_alloc&) {
      end = End::kThrown;
    }
    const bool happened = test::EndAllocationFault();
    CHECK(OpenDescriptors() == descriptors);
    if (!happened) CHECK(end == End::kWell);
    judge(end);
    if (!happened) break;
  }
}

struct Repository : test::TwoRuns {
  // Between making a part file and knowing of it, an allocation may fail.
  void RemoveParts() const {
    const auto removed = ValueOf(RemoveLeftovers(LocalFileSystem(), scratch.path(), 0));
    CHECK(removed.errors.empty());
  }
};

}  // namespace

TEST_CASE("Whichever allocation of a run fails, there is the old state or the new one") {
  const Repository repository;
  ForEachAllocation([&] { return repository.Write(TwoRuns::kNew); },
                    [&](End end) {
                      repository.RemoveParts();
                      const bool same = FilesIn(repository.scratch.path()) ==
                                        (end == End::kWell ? repository.after : repository.before);
                      CHECK(same);
                      repository.Forget();
                    });
}

TEST_CASE("Whichever allocation of a rebuild fails, there is the old sidecar or the new one") {
  const Repository repository;
  RebuildOptions options;
  options.threads = 1;
  const auto archive = repository.scratch / TwoRuns::kOld;
  ForEachAllocation(
      [&] {
        return RebuildSidecar(LocalFileSystem(), archive, archive.string() + ".idx", options, {});
      },
      [&](End) {
        repository.RemoveParts();
        const bool same = FilesIn(repository.scratch.path()) == repository.before;
        CHECK(same);
      });
}

TEST_CASE("Whichever allocation fails while an archive is read, it can be read afterwards") {
  const Repository repository;
  const auto archive = repository.scratch / TwoRuns::kOld;
  SpanCache cache(1 << 20);
  const auto read = [&]() -> Result<void> {
    auto sidecar = ORCIO_TRY(Sidecar::Open(LocalFileSystem(), archive.string() + ".idx"));
    const auto file = ORCIO_TRY(sidecar->Find("srv/wiki/file0"));
    if (!file) return Fail(ErrorKind::kNotFound, "file0");
    ORCIO_TRY(sidecar->Attributes(*file));
    ORCIO_TRY(sidecar->CheckAll());
    const auto reader = ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), archive, sidecar, cache));
    ORCIO_TRY(reader->ReadFile(*file, 0, 100'000));
    return {};
  };
  ForEachAllocation(read, [&](End) { REQUIRE_OK(read()); });
}

// One that did, in a thread that watches a stream, ended the process while a service was down.
TEST_CASE("A pause allocates nothing") {
  std::stop_source stop;
  test::FailAllocation(1);
  const bool passed = Pause(std::chrono::milliseconds(1), stop.get_token());
  stop.request_stop();
  const bool again = Pause(std::chrono::hours(1), stop.get_token());
  CHECK_FALSE(test::EndAllocationFault());
  CHECK(passed);
  CHECK_FALSE(again);
}

TEST_CASE("Whichever allocation fails while a service is down, it is started") {
  const Repository repository;
  ServiceConfig service;
  service.name = "wiki";
  service.host = "atena";
  service.paths = {"/srv/wiki"};
  // The fakes' own allocations are none of orcio's; those of the run are made while it streams.
  for (size_t call = 1; call < 400; call += 7) {
    CAPTURE(call);
    test::FakeHost host;
    test::FakeControl control;
    host.On("orcio-tar", "orcio-tar: gnu 1 1 tar\norcio-tar: tar (GNU tar) 1.34\n");
    host.On("orcio-path", "orcio-path: end 1\n");
    host.stream = [&](ByteSink& sink, const std::stop_token&) -> Result<CommandResult> {
      test::FailAllocation(call);
      ORCIO_TRY(test::Feed(sink, AsText(repository.tar)));
      (void)test::EndAllocationFault();
      return CommandResult{};
    };
    ServiceRunOptions options;
    options.writer.threads = 1;
    try {
      (void)RunService({service, LocalFileSystem(), repository.scratch.path(), options, {}}, host,
                       control, {});
    } catch (const std::bad_alloc&) {
    }
    (void)test::EndAllocationFault();
    CHECK(control.log.back() == "start");
    repository.RemoveParts();
    repository.Forget();
  }
}

}  // namespace orcio
