#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/host/remote_host.h"
#include "base/error.h"

namespace orcio::inline archiver {

// What systemd says of a unit.
struct UnitState {
  std::string id;          // its own name, of which others may be aliases
  std::string load;        // loaded, not-found, masked...
  std::string active;      // active, activating, deactivating, inactive, failed...
  std::string sub;         // running, exited, auto-restart...
  std::string job;         // empty or "0" if systemd has nothing left to do with it
  std::string invocation;  // another one after each start
  std::string entered;     // when it last became active; nothing if it never did
  std::string can_start;   // "no" if nobody may start it by hand
  std::string can_stop;
  // TimeoutStopSec=: how long each of what is tried in turn to stop it may take, at most a day;
  // ten minutes for "infinity". Nothing if it has none.
  std::optional<std::chrono::seconds> stop_timeout;
  std::vector<std::string> stop_with_it;  // units that systemd stops if it stops this one
  std::vector<std::string> triggers;      // sockets, paths and timers that start it
  std::vector<std::string> after;         // what it starts after, and stops before

  [[nodiscard]] bool up() const { return active == "active" || active == "reloading"; }
  [[nodiscard]] bool running() const { return up() || active == "activating"; }
  [[nodiscard]] bool at_rest() const { return active == "inactive" || active == "failed"; }
  [[nodiscard]] bool settled() const { return job.empty() || job == "0"; }
};

// Whether it starts others: a socket, a path, a timer, an automount.
[[nodiscard]] bool IsTrigger(std::string_view unit);

// A time as systemctl prints it ("1h 30min", "1.500000s"), in whole seconds, at most a day. Nothing
// for "infinity", too.
[[nodiscard]] std::optional<std::chrono::seconds> ParseTimeSpan(std::string_view text);

// Why systemctl failed, and what to do about it.
[[nodiscard]] Failure SystemctlFailure(const RemoteHost& host, const std::string& what,
                                       const CommandResult& result);

// One state for each of `units`, in their order.
[[nodiscard]] Result<std::vector<UnitState>> ShowUnits(RemoteHost& host,
                                                       const std::vector<std::string>& units,
                                                       const std::stop_token& stop);

struct FoundUnit {
  std::string name;
  bool listed = false;  // else it joins those that are
  UnitState state;
  // Places among those found: of the listed unit that it stops with, and starts with. A listed one
  // does so with itself; what joins several, or comes after some, with the last of them, and so
  // does what stops with that; but what starts others never starts after these, and never stops
  // after them.
  size_t stops_with = 0;
  size_t starts_with = 0;
};

// `listed`, and what stops with those of them that run: what systemd itself stops then, what that
// takes along in turn, and what runs and would start any of it again. In the order in which they
// start (InOrder). kNotFound if systemd knows no such unit.
[[nodiscard]] Result<std::vector<FoundUnit>> FindUnits(RemoteHost& host,
                                                       const std::vector<std::string>& listed,
                                                       const std::stop_token& stop);

}  // namespace orcio::inline archiver
