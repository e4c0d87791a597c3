#pragma once

#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/threads/mutex.h"
#include "base/threads/patience.h"
#include "base/unique_fd.h"

namespace orcio::inline archiver {

// An ssh-agent (draft-miller-ssh-agent), and a line to it on which libssh hears of some of its keys
// alone. libssh offers every key that an agent holds, whatever IdentitiesOnly says, and sshd ends a
// connection after a few that it does not know.
class SshAgent {
 public:
  struct Key {
    std::string blob;
    std::string comment;
  };

  // Asks the agent at `socket` for its keys. Without one that answers, it has none.
  SshAgent(const std::string& socket, Patience patience);
  ~SshAgent();
  SshAgent(const SshAgent&) = delete;
  SshAgent& operator=(const SshAgent&) = delete;

  [[nodiscard]] const std::vector<Key>& keys() const { return keys_; }
  // What is told of on the line from now on.
  void Offer(std::vector<Key> keys);
  // The other end of the line. Its owner closes it before this goes out of scope, or never reads
  // from it again.
  [[nodiscard]] Result<UniqueFd> OpenLine();

 private:
  void Serve();

  const Patience patience_;
  UniqueFd agent_;
  UniqueFd line_;
  std::vector<Key> keys_;
  Mutex mutex_;
  std::vector<Key> offered_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace orcio::inline archiver
