// Every single system call on files fails once, in every way it can: afterwards there is the old
// state or the new one, nothing is leaked, and whoever asked hears of it.

#include "tests/support/files/system_faults.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <new>

#include "archiver/capture/run_options.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "archiver/safety/run_journal.h"
#include "base/bytes.h"
#include "index/files/file_system.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"
#include "index/upkeep/leftovers.h"
#include "tests/support/archives/two_runs.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"

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

namespace {

// One service of `repository`'s tar, as the host sends it.
ServiceOutcome ArchiveOnce(const TwoRuns& repository, test::FakeControl& control,
                           const ServiceRunOptions& options = {}) {
  ServiceConfig service;
  service.name = "wiki";
  service.host = "atena";
  service.paths = {"/srv/wiki"};
  test::FakeHost host;
  host.On("orcio-tar", "orcio-tar: gnu 1 1 tar\norcio-tar: tar (GNU tar) 1.34\n");
  host.On("orcio-path", "orcio-path: end 1\n");
  host.stream = [&](ByteSink& sink, const std::stop_token&) -> Result<CommandResult> {
    ORCIO_TRY(test::Feed(sink, AsText(repository.tar)));
    return CommandResult{};
  };
  return RunService({service, LocalFileSystem(), repository.scratch.path(), options, {}}, host,
                    control, {});
}

}  // namespace

TEST_CASE("Whichever system call fails while a service is archived, it runs again") {
  const TwoRuns repository;
  size_t failures = 0;
  ServiceOutcome outcome;
  test::FakeControl control;
  ServiceRunOptions options;
  options.writer.threads = 1;
  ForEachFault(
      [&]() -> Result<void> {
        control.log.clear();
        outcome = {};
        outcome = ArchiveOnce(repository, control, options);
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

// A mount of rclone's, say. Whatever is lacking comes back with this.
class PoorFileSystem {
 public:
  explicit PoorFileSystem(const test::LackingNames& lacking) { test::LackNames(lacking); }
  ~PoorFileSystem() { test::LackNames({}); }
  PoorFileSystem(const PoorFileSystem&) = delete;
  PoorFileSystem& operator=(const PoorFileSystem&) = delete;
};

const std::array<test::LackingNames, 3> kPoor{
    {{.no_replace = true}, {.link = true, .no_replace = true}, {.link = true}}};

TEST_CASE("A free name is given, and a taken one refused, whatever a file system lacks for it") {
  for (const auto& lacking : kPoor) {
    CAPTURE(lacking.link, lacking.no_replace);
    const PoorFileSystem poor(lacking);
    const test::ScratchDirectory scratch;
    const FileSystem& files = LocalFileSystem();
    for (const char* name : {"a", "b"})
      REQUIRE_OK(ValueOf(files.Create(scratch / name))->Append(AsBytes(std::string_view(name))));
    CHECK(files.RenameNew(scratch / "a", scratch / "b").error().errnum == EEXIST);
    REQUIRE_OK(files.RenameNew(scratch / "a", scratch / "c"));
    const auto left = FilesIn(scratch.path());
    CHECK(left.size() == 2);
    CHECK(AsText(left.at("c")) == "a");
    CHECK(AsText(left.at("b")) == "b");
  }
}

TEST_CASE(
    "Where a name is given under a lock, one that was left is taken over, and one held is not") {
  const PoorFileSystem poor({.link = true, .no_replace = true});
  const test::ScratchDirectory scratch;
  const FileSystem& files = LocalFileSystem();
  (void)ValueOf(files.Create(scratch / "a"));
  auto held = ValueOf(files.Create(scratch / ".b.naming.part"));
  const auto refused = files.RenameNew(scratch / "a", scratch / "b");
  CHECK(refused.error().errnum == EEXIST);
  CHECK(refused.error().message.find(".b.naming.part") != std::string::npos);
  held.reset();
  REQUIRE_OK(files.RenameNew(scratch / "a", scratch / "b"));
  CHECK(FilesIn(scratch.path()).size() == 1);
}

TEST_CASE("What a killed run has left of giving names is removed by the next one") {
  const test::ScratchDirectory scratch;
  for (const std::string& of : {TwoRuns::kOld, TwoRuns::kOld + ".idx"}) {
    (void)ValueOf(LocalFileSystem().Create(scratch / ("." + of + ".naming.part")));
    (void)ValueOf(LocalFileSystem().Create(scratch / ("." + of + ".naming.2.part")));
  }
  (void)ValueOf(LocalFileSystem().Create(scratch / ".notes.naming.part"));
  const auto removed = ValueOf(RemoveLeftovers(LocalFileSystem(), scratch.path(), 0));
  CHECK(removed.names.size() == 4);
  CHECK(FilesIn(scratch.path()).size() == 1);
}

// After all of the downtime: "cannot create ....idx", and the archive was thrown away.
TEST_CASE("A repository that can neither link nor rename without replacing gets its archives") {
  const TwoRuns repository;
  const PoorFileSystem poor({.link = true, .no_replace = true});
  test::FakeControl control;
  const auto outcome = ArchiveOnce(repository, control);
  REQUIRE_FALSE(outcome.error);
  CHECK(std::filesystem::exists(outcome.archive));
  // The old archive, the new one, and their sidecars.
  CHECK(FilesIn(repository.scratch.path()).size() == repository.before.size() + 2);
}

TEST_CASE("A repository in which nothing can be given a name is refused before the stop") {
  const TwoRuns repository;
  const PoorFileSystem poor({.link = true, .no_replace = true, .rename = true});
  test::FakeControl control;
  const auto outcome = ArchiveOnce(repository, control);
  REQUIRE(outcome.error);
  INFO(outcome.error->message);
  CHECK(outcome.error->kind == ErrorKind::kIo);
  CHECK(outcome.error->message.find("could not be given its name there") != std::string::npos);
  CHECK(control.log == std::vector<std::string>{"inspect"});
  CHECK(FilesIn(repository.scratch.path()) == repository.before);
}

// A third process has made a file of that name meanwhile: it may be the lock that it holds.
TEST_CASE("A file whose making fails takes nobody else's of the same name with it") {
  const test::ScratchDirectory scratch;
  const auto path = scratch / ".wiki.naming.part";
  const FileSystem& files = LocalFileSystem();
  Result<bool> removed = false;
  std::unique_ptr<WritableFile> held;
  bool replaced = false;
  SECTION("one that another process took for abandoned") {
    replaced = true;
  }
  SECTION("one that is still there") {}
  test::AtSystemFault([&] {
    if (!replaced) return;
    removed = files.RemoveAbandoned(path);
    if (auto made = files.Create(path)) held = *std::move(made);
  });
  test::FailSystemCall(2, SystemFault::kIo);  // right after the open
  const auto created = files.Create(path);
  REQUIRE(test::EndSystemFault());
  CHECK_FALSE(created);
  CHECK(ValueOf(removed) == replaced);
  CHECK((held != nullptr) == replaced);
  CHECK(std::filesystem::exists(path) == replaced);
}

}  // namespace orcio
