// Reads from a mount while archives come to its repository, are replaced and go. How much is set by
// the environment; by default it is what fits into every run of the tests:
//   ORCIO_LOAD_READS=1000000 build/dev/tests/mount_load_test    so many reads, however long it
//   takes ORCIO_LOAD_SECONDS=3600 build/dev/tests/mount_load_test     for so long

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

#include "fusefs/mount/mount.h"
#include "fusefs/system/mount_table.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/integration/mount/load/churn.h"
#include "tests/integration/mount/load/editions.h"
#include "tests/integration/mount/load/readers.h"
#include "tests/integration/mount/load/server_watch.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/sanitized.h"

namespace orcio {
namespace {

using namespace test;
using Clock = std::chrono::steady_clock;

uint64_t FromEnvironment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

// When the readers have done enough.
struct Amount {
  uint64_t reads = FromEnvironment("ORCIO_LOAD_READS");
  std::chrono::seconds seconds{FromEnvironment("ORCIO_LOAD_SECONDS")};

  Amount() {
    if (reads == 0 && seconds.count() == 0) seconds = std::chrono::seconds(20);
  }
  [[nodiscard]] bool IsReached(uint64_t done, Clock::duration taken) const {
    return done >= reads && taken >= seconds;
  }
};

// And until enough has happened, however busy the machine is, for the test to tell something.
void WaitFor(const Amount& amount, const Tally& tally, const Churn& churn) {
  const auto begun = Clock::now();
  const auto enough = [&] {
    return tally.reads > 1000 && tally.seeks > 1000 && churn.replaced() > 5 &&
           amount.IsReached(tally.reads, Clock::now() - begun);
  };
  while (!enough() && tally.wrong == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

// The program itself: what a test forks has the test's own memory.
class ServedMount {
 public:
  explicit ServedMount(const std::filesystem::path& repository)
      : server_({BuiltProgram(), "-r", repository, "mount", "-f", "-o", "cache_size=8M",
                 mountpoint_.path()},
                scratch_ / "log") {
    if (!Eventually([&] { return mounted(); })) throw std::runtime_error("not mounted");
  }
  ~ServedMount() {
    if (mounted()) (void)Unmount(at(), true);
  }
  ServedMount(const ServedMount&) = delete;
  ServedMount& operator=(const ServedMount&) = delete;

  [[nodiscard]] const std::filesystem::path& at() const { return mountpoint_.path(); }
  [[nodiscard]] pid_t server() const { return server_.pid(); }
  [[nodiscard]] std::string Log() const { return ReadAll(scratch_ / "log"); }
  [[nodiscard]] bool ServerEnds() {
    return Eventually([&] { return !server_.running(); });
  }
  [[nodiscard]] bool mounted() const {
    const auto type = MountedType(at());
    return type && *type == kMountType;
  }

 private:
  ScratchDirectory scratch_;
  ScratchDirectory mountpoint_;
  BackgroundCommand server_;
};

}  // namespace

TEST_CASE_METHOD(LiveRepository,
                 "Eight readers get what tar extracts while archives come, are replaced and go") {
  const Editions editions(*this);
  Churn churn(editions, directory());
  const ServedMount mount(directory());
  Tally tally;
  ServerWatch watch(mount.server());
  {
    const std::jthread changes([&](const std::stop_token& stop) { churn.Run(stop); });
    std::vector<std::jthread> readers;
    for (unsigned seed = 0; seed < 8; ++seed) {
      readers.emplace_back([&, seed](const std::stop_token& stop) {
        LoadReader reader(mount.at(), editions, churn, tally, seed);
        reader.AlsoMap();
        reader.Run(stop);
      });
    }
    readers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) SeekEverywhere(mount.at() / "steady/latest/many", tally);
    });
    WaitFor(Amount(), tally, churn);
  }
  const ServerWatch::Growth growth = watch.End();
  std::printf("%s\n%s\n%s\n", churn.Summary().c_str(), tally.Summary().c_str(),
              growth.Summary().c_str());
  INFO(tally.complaint());
  const std::string log = mount.Log();
  INFO(log.substr(log.size() - std::min<size_t>(log.size(), 2000)));
  CHECK(tally.wrong == 0);
  // From the second quarter of the time to the last.
  CHECK(growth.descriptors < 16);
  if (kSanitized) return;
  // libfuse keeps 16 threads, each with a buffer of 1 MiB: it takes them minutes to fill it once.
  CHECK(growth.anonymous_bytes < int64_t{16} << 20);
  CHECK(growth.most_anonymous_bytes < int64_t{72} << 20);  // 64 MiB and the cache
}

TEST_CASE_METHOD(LiveRepository, "A mount that eight threads read is unmounted within 5 seconds") {
  const Editions editions(*this);
  Churn churn(editions, directory());
  for (const bool by_signal : {false, true}) {
    INFO(by_signal);
    ServedMount mount(directory());
    Tally tally;
    std::vector<std::jthread> readers;
    for (unsigned seed = 0; seed < 8; ++seed) {
      readers.emplace_back([&, seed](const std::stop_token& stop) {
        LoadReader(mount.at(), editions, churn, tally, seed).Run(stop);
      });
    }
    REQUIRE(Eventually([&] { return tally.reads > 200; }));
    CHECK(tally.wrong == 0);
    const auto begun = Clock::now();
    if (by_signal) {
      REQUIRE(::kill(mount.server(), SIGTERM) == 0);
    } else {
      REQUIRE_OK(Unmount(mount.at(), true));
      CHECK_FALSE(mount.mounted());
    }
    // Readers open what is gone now, and say so; none of them waits for ever.
    CHECK(mount.ServerEnds());
    CHECK(Clock::now() - begun < std::chrono::seconds(60));
    CHECK_FALSE(mount.mounted());
  }
}

}  // namespace orcio
