#pragma once

#include <sys/uio.h>

#include <atomic>

#include "fusefs/kernel/fuse.h"

namespace orcio::inline fusefs {

// Tells the kernel that it may ask several things about one directory at once. libfuse before 3.17
// does not pass FUSE_CAP_PARALLEL_DIROPS on (its pull request 861). Without it the kernel asks one
// thing after the other, and who comes second while the first waits, for an archive to be indexed,
// say, sleeps in a lock that no signal ends, SIGKILL neither. Thread-safe.
class ParallelDirectories {
 public:
  // Has the messages of a session, whose user data is a MountContext with this in it, patched. To
  // be called once it is mounted, before it answers anything. Does nothing if libfuse does it.
  // If it fails, the kernel asks one thing after the other.
  static void Attach(fuse_session* session);

  // To be called by the session's init operation if the kernel offers it.
  void Want() { wanted_ = true; }
  // Puts the flag into the answer to FUSE_INIT, which is the first answer after Want(). Other
  // messages to the kernel stay as they are.
  void Patch(const iovec* pieces, int count);

 private:
  std::atomic<bool> wanted_ = false;
};

}  // namespace orcio::inline fusefs
