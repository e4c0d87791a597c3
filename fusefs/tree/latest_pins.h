#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/threads/mutex.h"
#include "fusefs/system/process_table.h"

namespace orcio::inline fusefs {

// Who asks the mount something, as the kernel tells it.
struct Caller {
  pid_t thread = 0;  // 0: of a pid namespace that the mount's server does not see
  uid_t uid = 0;
  gid_t gid = 0;
};

// Which archive each process finds under a service's `latest`: the one that it found there first.
// A copy asks for the link anew with every path that it opens, and would go on in another archive
// when a newer one arrives. Thread-safe.
//
// That ends with the process; or once it has not asked, and has had no file of that archive open
// that it had opened since it asked, for `idle`, so that what runs for months (smbd, a file
// manager) sees new archives. Processes that cannot be told apart (see ProcessOf) count as one for
// each user and group.
//
// If the archive is gone, or was no longer the newest for `superseded`, for whoever never rests,
// there is no answer, for `refused` from the first time on: a copy that is under way has an error
// to show for it. Then the newest.
class LatestPins {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    Clock::duration idle = std::chrono::hours(1);
    Clock::duration superseded = std::chrono::hours(24);
    // Longer than the kernel takes to ask once more after ESTALE, which it does before it believes.
    Clock::duration refused = std::chrono::minutes(1);
    // Of these, the one that has not been asked for longest goes.
    size_t most = 65536;
    // Those of processes that are gone are looked for once there are more than so many, and again
    // once there are twice as many as were left.
    size_t sweep_from = 1024;
    std::function<std::optional<Process>(pid_t thread)> process_of = ProcessOf;
    std::function<Clock::time_point()> now = Clock::now;
  };

  explicit LatestPins(Options options)
      : options_(std::move(options)), sweep_at_(options_.sweep_from) {}

  // The number of the archive that `caller` finds, if `newest` is the service's newest and
  // `is_there` says of a number whether it is one of its archives'. Nothing if it is to get an
  // error.
  [[nodiscard]] std::optional<uint32_t> Find(const std::string& service, const Caller& caller,
                                             uint32_t newest,
                                             const std::function<bool(uint32_t)>& is_there);

  // Keeps what `caller` has found from ending for want of questions. Null if `archive` is not
  // what it has found under the service's link. To be let go of before this ends.
  [[nodiscard]] std::shared_ptr<const void> Use(const std::string& service, const Caller& caller,
                                                uint32_t archive);

  [[nodiscard]] size_t count() const;

 private:
  // A process, or, with `process` 0, all of a user and a group that cannot be told apart.
  struct Holder {
    pid_t process = 0;
    uint64_t started = 0;
    uid_t uid = 0;
    gid_t gid = 0;

    bool operator<(const Holder& other) const {
      return std::tie(process, started, uid, gid) <
             std::tie(other.process, other.started, other.uid, other.gid);
    }
  };
  struct Pin {
    uint32_t archive = 0;
    Clock::time_point asked;
    std::optional<Clock::time_point> superseded;
    std::optional<Clock::time_point> refused;
    size_t uses = 0;
  };
  using Key = std::pair<std::string, Holder>;
  using Pins = std::map<Key, std::shared_ptr<Pin>>;

  [[nodiscard]] Holder HolderOf(const Caller& caller) const;
  [[nodiscard]] bool IsGone(const Holder& holder) const;
  [[nodiscard]] bool IsOver(const Pin& pin, Clock::time_point now) const REQUIRES(mutex_);
  void MakeRoom() REQUIRES(mutex_);
  // Reads /proc, which it does without mutex_.
  void SweepWhereMany();

  const Options options_;
  mutable Mutex mutex_;
  Pins pins_ GUARDED_BY(mutex_);  // what the pins have in them too
  size_t sweep_at_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline fusefs
