#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/ssh/ssh_host.h"
#include "archiver/ssh/way/ssh_link.h"
#include "base/byte_sink.h"
#include "base/sha256.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/scratch_directory.h"

// What the tests of connections to a real sshd on loopback share.
namespace orcio::test {

inline const std::stop_token kNever;

// Nothing that a busy machine does by itself takes longer, and what is tested here for ending would
// go on for longer still: a command that sleeps for 90 s.
constexpr std::chrono::seconds kAtMost{60};

// For links that are stalled on purpose: a busy machine may well be silent for so long.
inline const SshOptions kImpatient{.dead_link_timeout = std::chrono::seconds(2)};

// Sets an environment variable for as long as it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value);
  ~Variable();
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

// A user's home of its own, with an empty ~/.ssh and no agent.
class SshHome {
 public:
  SshHome() { std::filesystem::create_directory(scratch_ / ".ssh"); }
  [[nodiscard]] const std::filesystem::path& path() const { return scratch_.path(); }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return scratch_ / name;
  }

 private:
  const ScratchDirectory scratch_;
  const Variable home_{"HOME", scratch_.path()};
  const Variable no_agent_{"SSH_AUTH_SOCK", ""};
};

// Keeps what it gets; says that the disk is full once that is `fail_at`.
class MemorySink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t count) override;

  std::string bytes;
  size_t fail_at = SIZE_MAX;
  std::function<void()> on_commit;

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(50000);
};

// Keeps the SHA-256 alone of what it gets.
class DigestSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t count) override;
  [[nodiscard]] std::string Digest() { return ToHex(digest_.Finish()); }

  uint64_t size = 0;
  uint64_t fail_at = UINT64_MAX;
  std::function<void()> on_commit;

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1 << 20);
  Sha256 digest_;
};

// A host that lets us in.
[[nodiscard]] std::unique_ptr<RemoteHost> Connected(const HostConfig& config,
                                                    const SshOptions& options = {});
// Whether a command runs there, too.
[[nodiscard]] bool LetsIn(const HostConfig& config);
// Why one does not.
[[nodiscard]] Error ConnectError(const HostConfig& config, const std::stop_token& stop = kNever);
[[nodiscard]] bool Mentions(const Error& error, const std::string& text);

void AwaitThat(const std::function<bool()>& condition);

// A command's first words: it tells its process's number. Files are renamed into place, so that no
// number is read of which half is written.
[[nodiscard]] std::string TellPid(const std::filesystem::path& file, const std::string& pid = "$$");
[[nodiscard]] int AwaitPid(const std::filesystem::path& file);
// What has ended does not live, though nobody may have waited for it yet.
[[nodiscard]] bool ProcessLives(int pid);

// The host behind that link.
[[nodiscard]] HostConfig Through(const SshdFixture& sshd, const LinkProxy& proxy);
// Cuts the link of a host that is connected through `proxy` so many bytes into a stream, which has
// to be an error; and lets the host be connected again.
void CheckCutInStream(RemoteHost& host, LinkProxy& proxy, uint64_t bytes);
// Connects to a host that has stopped, which has to fail, and again once `sshd` has started;
// disconnects.
void CheckComesAndGoes(RemoteHost& host, SshdFixture& sshd);

}  // namespace orcio::test
