// Every single system call on files fails once, in every way it can: afterwards there is the old
// state or the new one, nothing is leaked, and whoever asked hears of it.

#include "tests/support/system_faults.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <new>

#include "archiver/run_journal.h"
#include "archiver/service_run.h"
#include "index/bytes.h"
#include "index/leftovers.h"
#include "index/rebuild.h"
#include "index/sidecar.h"
#include "tests/support/catch.h"
#include "tests/support/fake_control.h"
#include "tests/support/fake_host.h"
#include "tests/support/two_runs.h"

namespace orcio {
namespace {

using test::FilesIn;
using test::OpenDescriptors;
using test::SystemFault;
using test::TwoRuns;
using Files = test::DirectoryFiles;

constexpr std::array kFaults{SystemFault::kIo, SystemFault::kNoSpace, SystemFault::kInterrupted,
                             SystemFault::kShort};

// What one of the calls that `work` makes did to it.
struct Faulted {
  SystemFault fault;
  size_t call;
  Result<void> result;
};

// Memory that cannot be mapped is an exception, which `main` would catch.
Result<void> OutOfMemoryAsError(const std::function<Result<void>()>& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return FailErrno(ENOMEM, "exception");
  }
}

// Runs `work` with each of its calls failing in each way, and `judge` after each, until it makes no
// more calls.
void ForEachFault(const std::function<Result<void>()>& work,
                  const std::function<void(const Faulted&)>& judge) {
  for (const SystemFault fault : kFaults) {
    for (size_t call = 1;; ++call) {
      CAPTURE(static_cast<int>(fault), call);
      const size_t descriptors = OpenDescriptors();
      test::FailSystemCall(call, fault);
      auto result = OutOfMemoryAsError(work);
      const size_t calls = test::SystemCalls();
      const bool happened = test::EndSystemFault();
      CHECK(OpenDescriptors() == descriptors);
      if (!happened) REQUIRE_OK(result);
      judge({fault, call, std::move(result)});
      if (calls < call) {
        CHECK(call > 10);
        break;
      }
    }
  }
}

// What everybody hears of a fault: a signal or half a write is nobody's business.
void CheckTold(const Faulted& faulted) {
  if (faulted.fault == SystemFault::kInterrupted || faulted.fault == SystemFault::kShort) {
    REQUIRE_OK(faulted.result);
  } else if (!faulted.result) {
    INFO(faulted.result.error().message);
    const int errnum = faulted.result.error().errnum;
    CHECK((errnum == ENOMEM || errnum == (faulted.fault == SystemFault::kIo ? EIO : ENOSPC)));
    CHECK_FALSE(faulted.result.error().message.empty());
  }
}

}  // namespace

TEST_CASE("Whichever system call of a run fails, there is the old state or the new one") {
  const TwoRuns repository;
  size_t failures = 0;
  ForEachFault(
      [&]() -> Result<void> {
        ORCIO_TRY(RemoveLeftovers(LocalFileSystem(), repository.scratch.path(), 0));
        return repository.Write(TwoRuns::kNew);
      },
      [&](const Faulted& faulted) {
        CheckTold(faulted);
        const bool same = FilesIn(repository.scratch.path()) ==
                          (faulted.result ? repository.after : repository.before);
        CHECK(same);
        failures += faulted.result ? 0 : 1;
        repository.Forget();
      });
  CHECK(failures > 30);
}

TEST_CASE("Whichever system call of a rebuild fails, there is the old sidecar or the new one") {
  const TwoRuns repository;
  const auto sidecar = repository.scratch / (TwoRuns::kOld + ".idx");
  const Files& rebuilt = repository.before;
  Files damaged = rebuilt;
  damaged[TwoRuns::kOld + ".idx"] = std::vector<std::byte>(5000, std::byte{7});
  const auto damage = [&] {
    REQUIRE_OK(LocalFileSystem().Remove(sidecar));
    const auto file = ValueOf(LocalFileSystem().Create(sidecar));
    REQUIRE_OK(file->Append(damaged[TwoRuns::kOld + ".idx"]));
  };
  damage();
  size_t failures = 0;
  RebuildOptions options;
  options.threads = 1;
  ForEachFault(
      [&] {
        return RebuildSidecar(LocalFileSystem(), repository.scratch / TwoRuns::kOld, sidecar,
                              options, {});
      },
      [&](const Faulted& faulted) {
        CheckTold(faulted);
        const Files files = FilesIn(repository.scratch.path());
        CHECK((files == rebuilt || (!faulted.result && files == damaged)));
        failures += faulted.result ? 0 : 1;
        damage();
      });
  CHECK(failures > 15);
}

TEST_CASE("Whichever system call fails when a sidecar is opened and used, nothing is leaked") {
  const TwoRuns repository;
  const auto open = [&]() -> Result<void> {
    const auto sidecar =
        ORCIO_TRY(Sidecar::Open(LocalFileSystem(), repository.scratch / (TwoRuns::kOld + ".idx")));
    const auto archive = ORCIO_TRY(LocalFileSystem().OpenRead(repository.scratch / TwoRuns::kOld));
    ORCIO_TRY(sidecar->CheckBelongsTo(*archive));
    return sidecar->CheckAll();
  };
  for (const SystemFault fault : kFaults) {
    for (size_t call = 1; call <= 6; ++call) {
      const size_t descriptors = OpenDescriptors();
      test::FailSystemCall(call, fault);
      auto result = open();
      if (test::EndSystemFault()) CheckTold({fault, call, std::move(result)});
      CHECK(OpenDescriptors() == descriptors);
    }
  }
}

TEST_CASE("Whichever system call fails while a service is archived, it runs again") {
  const TwoRuns repository;
  ServiceConfig service;
  service.name = "wiki";
  service.host = "atena";
  service.paths = {"/srv/wiki"};
  size_t failures = 0;
  ServiceOutcome outcome;
  test::FakeControl control;
  ForEachFault(
      [&]() -> Result<void> {
        test::FakeHost host;
        host.On("orcio-tar", "orcio-tar: gnu 1 1 tar\norcio-tar: tar (GNU tar) 1.34\n");
        host.On("orcio-path", "orcio-path: end 1\n");
        host.stream = [&](ByteSink& sink, const std::stop_token&) -> Result<CommandResult> {
          ORCIO_TRY(test::Feed(sink, AsText(repository.tar)));
          return CommandResult{};
        };
        control.log.clear();
        outcome = {};
        ServiceRunOptions options;
        options.writer.threads = 1;
        outcome = RunService(service, host, control, LocalFileSystem(), repository.scratch.path(),
                             options, {}, {});
        if (outcome.error) return Failure(*outcome.error);
        repository.Forget();
        return {};
      },
      [&](const Faulted& faulted) {
        CheckTold(faulted);
        CHECK_FALSE(outcome.start_error);
        CHECK(std::count(control.log.begin(), control.log.end(), "stop") ==
              std::count(control.log.begin(), control.log.end(), "start"));
        CHECK(outcome.archive.empty() == !faulted.result);
        // That the service runs, but its journal could not be removed, is no more than a warning.
        std::filesystem::remove(JournalPath(repository.scratch.path(), "wiki"));
        CHECK(FilesIn(repository.scratch.path()) == repository.before);
        failures += faulted.result ? 0 : 1;
      });
  CHECK(failures > 30);
}

}  // namespace orcio
