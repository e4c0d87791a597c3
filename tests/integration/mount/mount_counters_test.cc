#include "fusefs/kernel/mount_counters.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/unique_fd.h"
#include "fusefs/system/mount_table.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/program/mount_fixture.h"

namespace orcio {
namespace {

using namespace test;

constexpr const char* kName = "wiki-2025-11-23T020000Z.tar.gz";

}  // namespace

TEST_CASE_METHOD(LiveRepository, "A mount counts what its cache does, and says so when asked") {
  const std::string content = Noise(2'000'000, 1);
  Write("file", content);
  Archive(kName);
  const MountFixture mount(directory());
  const auto before = ValueOf(ReadMountCounters(mount.at()));
  CHECK(before.cache.misses == 0);
  CHECK(before.open_archives == 0);
  CHECK(before.cache_budget == uint64_t{32} << 20);

  const UniqueFd file(::open((mount / "wiki/latest/file").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  CHECK((PieceAt(file.get(), 0, content.size()) == content));
  const auto read = ValueOf(ReadMountCounters(mount.at()));
  CHECK(read.requests > before.requests);
  CHECK(read.open_files == 1);
  CHECK(read.open_archives == 1);
  CHECK(read.cache.misses >= 8);  // of 256 KiB each
  CHECK(read.cache.decodes == read.cache.misses);
  CHECK(read.cache.decoded_bytes >= content.size());
  CHECK(read.cache.bytes >= content.size());

  // Again, but not from the kernel's cache.
  REQUIRE(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED) == 0);
  CHECK((PieceAt(file.get(), 0, content.size()) == content));
  const auto again = ValueOf(ReadMountCounters(mount.at()));
  CHECK(again.cache.misses == read.cache.misses);
  CHECK(again.cache.hits > read.cache.hits);
  // No copy of the root takes them along.
  CHECK(::listxattr(mount.at().c_str(), nullptr, 0) == 0);
}

TEST_CASE_METHOD(LiveRepository, "A tree that was looked through is the kernel's to show again") {
  for (int i = 0; i < 100; ++i) Write("d" + std::to_string(i) + "/file", "x");
  Archive(kName);
  const MountFixture mount(directory());
  const auto look = [&] {
    const auto before = ValueOf(ReadMountCounters(mount.at())).requests;
    const std::string found =
        MustRun({"find", (mount / "wiki/latest/.").string(), "-printf", "%i %s\\n"});
    CHECK(std::count(found.begin(), found.end(), '\n') == 201);
    return ValueOf(ReadMountCounters(mount.at())).requests - before;
  };
  CHECK(look() < 100 * 4);
  CHECK(look() < 50);
}

TEST_CASE_METHOD(LiveRepository, "orcio status shows a mount's counters, to people and as JSON") {
  Write("file", "content");
  Archive(kName);
  const MountFixture mount(directory());
  CHECK(ReadAll(mount / "wiki/latest/file") == "content");
  const auto status = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {BuiltProgram(), "status"});
    return RunCommand(words);
  };
  const Ended json = status({"--json", "--mount", mount.at()});
  INFO(json.err);
  REQUIRE(json.status == 0);
  const auto counters = nlohmann::json::parse(json.out);
  CHECK(counters["mountpoint"] == mount.at().string());
  CHECK(counters["open_archives"] == 1);
  CHECK(counters["cache"]["misses"] == 1);
  CHECK(counters["cache"]["budget_bytes"] == 32 << 20);
  CHECK(counters["cache"]["decode_seconds"] > 0);
  const Ended text = status({"--mount", mount.at()});
  CHECK(text.out.find("open archives  1\n") != std::string::npos);
  CHECK(text.out.find("  misses       1 (") != std::string::npos);

  const Ended nowhere = status({"--mount", directory()});
  CHECK(nowhere.status == 10);
  CHECK(nowhere.err.find("no repository is mounted on " + directory().string()) !=
        std::string::npos);
}

TEST_CASE_METHOD(LiveRepository, "At SIGUSR1 the server logs its counters, and goes on") {
  Write("file", "content");
  Archive(kName);
  const ScratchDirectory scratch;
  const auto mountpoint = scratch / "mnt";
  std::filesystem::create_directory(mountpoint);
  const pid_t server = ::fork();
  REQUIRE(server >= 0);
  if (server == 0) {
    const int log = ::open((scratch / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(log, STDERR_FILENO);
    ::execl(BuiltProgram(), "orcio", "-r", directory().c_str(), "mount", "-f", mountpoint.c_str(),
            nullptr);
    ::_exit(1);
  }
  const auto logged = [&](const std::string& text) {
    return Eventually([&] { return ReadAll(scratch / "log").find(text) != std::string::npos; });
  };
  REQUIRE(Eventually([&] { return ReadAll(mountpoint / "wiki/latest/file") == "content"; }));
  REQUIRE(::kill(server, SIGUSR1) == 0);
  CHECK(logged("1 archives open; cache: "));
  CHECK(logged(" 1 misses, "));
  CHECK(ReadAll(mountpoint / "wiki/latest/file") == "content");
  REQUIRE(::kill(server, SIGUSR1) == 0);
  REQUIRE(::kill(server, SIGTERM) == 0);
  int status = 0;
  REQUIRE(::waitpid(server, &status, 0) == server);
  CHECK(status == 0);
  CHECK_FALSE(ValueOf(MountedType(mountpoint)) == std::optional<std::string>(kMountType));
}

}  // namespace orcio
