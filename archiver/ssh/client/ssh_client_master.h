#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "archiver/config/config.h"
#include "archiver/ssh/client/ssh_client_words.h"
#include "archiver/ssh/client/ssh_mux_line.h"
#include "archiver/ssh/way/ssh_dial.h"
#include "archiver/ssh/way/ssh_link.h"
#include "base/error.h"
#include "base/threads/patience.h"
#include "base/unique_fd.h"

namespace orcio::inline archiver {

// A directory that only its owner can enter, for as long as it lives.
class PrivateDirectory {
 public:
  // Below TMPDIR if ssh can take that in its options, else below /tmp.
  [[nodiscard]] static Result<PrivateDirectory> Make();
  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit PrivateDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

// An ssh(1) that is logged in to a host and shares its connection with this process alone: on a
// socket in a directory of its own. It ends with this object, and with this process however that
// ends, SIGKILL included; and so does the directory. Used by one thread at a time.
class SshClientMaster {
 public:
  // Logs in. kRefused if the host, or its key, says no; kNetwork if it is away; kInvalid
  // if the configuration cannot work, or there is no ssh; kCancelled.
  [[nodiscard]] static Result<std::unique_ptr<SshClientMaster>> Open(const HostConfig& config,
                                                                     const SshOptions& options,
                                                                     const std::stop_token& stop);

  ~SshClientMaster();
  SshClientMaster(const SshClientMaster&) = delete;
  SshClientMaster& operator=(const SshClientMaster&) = delete;

  [[nodiscard]] const std::string& host() const { return config_.name; }

  // Whether it lives: then it has heard from the host within the dead-link timeout.
  [[nodiscard]] Result<void> Probe(const std::stop_token& stop);
  // A line on which it can be asked for a command. kNetwork if it has ended: it does so when
  // the link is dead.
  [[nodiscard]] Result<SshMuxLine> OpenLine(const Patience& patience);
  // What to say if ssh or the link has ended; waits for a moment for ssh's own words.
  [[nodiscard]] Failure Broken(std::string_view doing);

 private:
  SshClientMaster(HostConfig config, PrivateDirectory directory,
                  std::chrono::seconds dead_link_timeout);
  [[nodiscard]] Result<void> Start(const SshSettings& settings);
  [[nodiscard]] Result<void> AwaitLogin(const Patience& patience);
  [[nodiscard]] Result<bool> EndsWithin(std::chrono::milliseconds time,
                                        const std::stop_token& stop) const;
  void Listen();

  const HostConfig config_;
  const PrivateDirectory directory_;
  const std::chrono::seconds dead_link_timeout_;
  const std::string socket_;
  std::string said_;  // since the last line was opened
  std::unique_ptr<ProxyProcess> process_;
  UniqueFd keeper_;  // readable once ssh has ended; ssh ends when this is closed
};

}  // namespace orcio::inline archiver
