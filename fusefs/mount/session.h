#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "fusefs/kernel/mount_context.h"

namespace orcio::inline fusefs {

// A mount, from its mounting until it is taken apart at the end of this object's life.
class Session {
 public:
  // `options` as after -o. `context` outlives the session.
  [[nodiscard]] static Result<std::unique_ptr<Session>> Mount(
      const std::filesystem::path& mountpoint, const std::vector<std::string>& options,
      MountContext& context);
  ~Session();

  // Answers the kernel from several threads, and tells it what changes in the repository, until it
  // was unmounted or SIGTERM, SIGINT or SIGHUP came, and unmounts then; logs its counters at
  // SIGUSR1; `stopping` is called at such a signal, from another thread. Calls `ready` from another
  // thread once the mount answers. Call once.
  [[nodiscard]] Result<void> Serve(const std::function<void()>& ready,
                                   const std::function<void()>& stopping);

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  void TakeApart();
  // Makes the kernel forget what is not so any more.
  void TellKernel(const Namespace::Changes& changes) const;
  void LookForChanges() const;

  std::unique_ptr<State> state_;
};

}  // namespace orcio::inline fusefs
