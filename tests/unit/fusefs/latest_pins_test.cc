#include "fusefs/tree/latest_pins.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace orcio {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint32_t kOld = 7;
constexpr uint32_t kNew = 8;
constexpr uint32_t kNewer = 9;

// Pins over processes and a clock that a test sets.
class PinsFixture {
 public:
  // What `thread` finds under the link of the wiki, whose archives are `there`, in the order of
  // their age; 0 if it gets an error.
  uint32_t Find(pid_t thread, uint32_t newest, const std::set<uint32_t>& there = {kOld, kNew}) {
    return FindAs({thread, 0, 0}, newest, there);
  }
  uint32_t FindAs(const Caller& caller, uint32_t newest,
                  const std::set<uint32_t>& there = {kOld, kNew}) {
    return pins.Find("wiki", caller, newest, [&](uint32_t n) { return there.contains(n); })
        .value_or(0);
  }

  std::map<pid_t, Process> threads{{100, {100, 1}}, {101, {100, 1}}, {200, {200, 2}}};
  LatestPins::Clock::time_point now{hours(1000)};
  LatestPins pins{LatestPins::Options{.most = 40,
                                      .sweep_from = 10,
                                      .process_of = [this](pid_t thread) -> std::optional<Process> {
                                        const auto found = threads.find(thread);
                                        if (found == threads.end()) return std::nullopt;
                                        return found->second;
                                      },
                                      .now = [this] { return now; }}};
};

}  // namespace

// Whoever copied from `latest` went on in another archive when a newer one came, without a word.
TEST_CASE_METHOD(PinsFixture,
                 "A process finds one archive to its end, one that begins the newest") {
  CHECK(Find(100, kOld) == kOld);
  CHECK(Find(100, kNew) == kOld);
  CHECK(Find(200, kNew) == kNew);
  CHECK(Find(100, kNewer, {kOld, kNew, kNewer}) == kOld);
  CHECK(Find(200, kNewer, {kOld, kNew, kNewer}) == kNew);
}

TEST_CASE_METHOD(PinsFixture, "All threads of a process find the same archive") {
  CHECK(Find(100, kOld) == kOld);
  CHECK(Find(101, kNew) == kOld);
}

TEST_CASE_METHOD(PinsFixture, "A process that has another's number is another") {
  CHECK(Find(100, kOld) == kOld);
  threads[100].started = 3;
  CHECK(Find(100, kNew) == kNew);
}

TEST_CASE_METHOD(PinsFixture, "Each service has its own") {
  const auto find = [&](const char* service, uint32_t newest) {
    return pins.Find(service, {100, 0, 0}, newest, [](uint32_t) { return true; });
  };
  CHECK(find("wiki", 1) == 1U);
  CHECK(find("mail", 2) == 2U);
  CHECK(find("wiki", 3) == 1U);
  CHECK(find("mail", 4) == 2U);
}

TEST_CASE_METHOD(PinsFixture, "An archive that is gone is an error for a while, then the newest") {
  CHECK(Find(100, kOld) == kOld);
  CHECK(Find(100, kNew, {kNew}) == 0);
  now += seconds(59);
  CHECK(Find(100, kNew, {kNew}) == 0);
  // Also if something else has its number by then.
  CHECK(Find(100, kNew, {kOld, kNew}) == 0);
  now += seconds(1);
  CHECK(Find(100, kNew, {kNew}) == kNew);
}

TEST_CASE_METHOD(PinsFixture,
                 "Who asks again within an hour keeps what it found, who does not asks anew") {
  CHECK(Find(100, kOld) == kOld);
  for (int i = 0; i < 5; ++i) {
    now += minutes(59);
    CHECK(Find(100, kNew) == kOld);
  }
  now += minutes(60);
  CHECK(Find(100, kNew) == kNew);
}

TEST_CASE_METHOD(PinsFixture, "A file that takes hours to copy keeps the archive it is in") {
  CHECK(Find(100, kOld) == kOld);
  CHECK(pins.Use("wiki", {100, 0, 0}, kNew) == nullptr);
  CHECK(pins.Use("mail", {100, 0, 0}, kOld) == nullptr);
  CHECK(pins.Use("wiki", {200, 0, 0}, kOld) == nullptr);
  auto file = pins.Use("wiki", {101, 0, 0}, kOld);
  REQUIRE(file != nullptr);
  now += hours(5);
  CHECK(Find(100, kNew) == kOld);
  now += hours(5);
  file.reset();
  now += minutes(59);
  CHECK(Find(100, kNew) == kOld);
  now += minutes(60);
  CHECK(Find(100, kNew) == kNew);
}

TEST_CASE_METHOD(PinsFixture,
                 "Who never rests has a day after a newer one came, then an error, then that") {
  CHECK(Find(100, kOld) == kOld);
  // As long as it is the newest, for ever.
  for (int i = 0; i < 100; ++i) {
    now += minutes(30);
    CHECK(Find(100, kOld) == kOld);
  }
  for (int i = 0; i < 48; ++i) {
    CHECK(Find(100, kNew) == kOld);
    now += minutes(30);
  }
  CHECK(Find(100, kNew) == 0);
  CHECK(Find(100, kNew) == 0);
  now += minutes(1);
  CHECK(Find(100, kNew) == kNew);
}

TEST_CASE_METHOD(PinsFixture, "Processes that cannot be told apart count as one for each user") {
  // The number is 0 for one of another pid namespace, or that of a thread of the kernel's.
  CHECK(FindAs({0, 1000, 1000}, kOld) == kOld);
  CHECK(FindAs({0, 1000, 1000}, kNew) == kOld);
  CHECK(FindAs({300, 1000, 1000}, kNew) == kOld);
  CHECK(FindAs({0, 1001, 1000}, kNew) == kNew);
  CHECK(FindAs({0, 1000, 1001}, kNew) == kNew);
  CHECK(FindAs({100, 1000, 1000}, kNew) == kNew);
  now += hours(1);
  CHECK(FindAs({0, 1000, 1000}, kNew) == kNew);
}

TEST_CASE_METHOD(PinsFixture, "What processes have found is forgotten once they are gone") {
  CHECK(Find(100, kOld) == kOld);
  for (pid_t id = 1000; id < 3000; ++id) {
    threads[id] = {id, 5};
    CHECK(Find(id, kOld) == kOld);
    threads.erase(id);
    CHECK(pins.count() <= 40);
  }
  CHECK(Find(100, kNew) == kOld);
}

TEST_CASE_METHOD(PinsFixture,
                 "There is a limit to how many are remembered, the longest silent go first") {
  for (pid_t id = 1000; id < 1100; ++id) {
    threads[id] = {id, 5};
    now += seconds(1);
    CHECK(Find(id, kOld) == kOld);
    CHECK(Find(1000, kNew) == kOld);
  }
  CHECK(pins.count() == 40);
  CHECK(Find(1099, kNew) == kOld);
  CHECK(Find(1001, kNew) == kNew);
}

TEST_CASE("Many threads of many processes find one archive each") {
  LatestPins pins({.sweep_from = 4, .process_of = [](pid_t thread) {
                     return std::optional(Process{thread / 10, 1});
                   }});
  std::atomic<uint32_t> newest = 1;
  std::atomic<int> moved = 0;
  std::vector<std::jthread> threads;
  for (pid_t thread = 10; thread < 18; ++thread) {
    threads.emplace_back([&, thread] {
      const Caller caller{thread, 0, 0};
      uint32_t first = 0;
      for (int i = 0; i < 1000; ++i) {
        const auto found = pins.Find("wiki", caller, ++newest, [](uint32_t) { return true; });
        if (first == 0) first = found.value_or(0);
        if (found != first) ++moved;
        if (pins.Use("wiki", caller, first) == nullptr) ++moved;
      }
    });
  }
  threads.clear();
  CHECK(moved == 0);
  CHECK(pins.count() == 1);
}

TEST_CASE("A process is known by any of its threads, and is none once it has ended") {
  const auto self = ProcessOf(::getpid());
  REQUIRE(self.has_value());
  CHECK(self->id == ::getpid());
  CHECK(self->started > 0);
  std::optional<Process> by_thread;
  std::jthread([&] { by_thread = ProcessOf(::gettid()); }).join();
  CHECK(by_thread == self);
  CHECK_FALSE(ProcessOf(0).has_value());
  CHECK_FALSE(ProcessOf(-1).has_value());

  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // A name made to be taken for what follows it.
    ::prctl(PR_SET_NAME, ") S 1 2 3 4 5");
    char one = 'x';
    (void)!::write(ends[1], &one, 1);
    ::pause();
    ::_exit(0);
  }
  char one = 0;
  REQUIRE(::read(ends[0], &one, 1) == 1);
  const auto named = ProcessOf(child);
  REQUIRE(named.has_value());
  CHECK(named->id == child);
  CHECK(named->started >= self->started);
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(ProcessOf(child).has_value());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("Threads of the kernel's are no processes") {
  // kthreadd, except if this runs in a pid namespace of its own.
  if (::access("/proc/2/exe", F_OK) == 0) return;
  CHECK_FALSE(ProcessOf(2).has_value());
}

}  // namespace orcio
