#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "tests/support/hosts/sshd_fixture.h"

namespace orcio::test {

// A TCP proxy on loopback that stands for a bad link to `target_port`. It passes everything until
// told otherwise; whatever it is told holds for the links there are and for those to come, from
// when the call returns on. "Bytes" are those that come from the target.
class LinkProxy {
 public:
  explicit LinkProxy(uint16_t target_port);
  ~LinkProxy();  // cuts what is left
  LinkProxy(const LinkProxy&) = delete;
  LinkProxy& operator=(const LinkProxy&) = delete;

  [[nodiscard]] uint16_t port() const { return port_.number(); }
  // Bytes passed on so far.
  [[nodiscard]] uint64_t passed() const { return passed_; }

  void Pass();
  // After `bytes` more, resets (RST) every link on both sides.
  void CutAfter(uint64_t bytes);
  // After `bytes` more, nothing passes in either direction, and links stay open. What is sent to
  // the proxy is still acknowledged, and swallowed.
  void StallAfter(uint64_t bytes);
  void Trickle(uint64_t bytes_per_second);
  // Connections are refused, and the links there are stay as they are.
  void Refuse();

 private:
  enum class Then { kPass, kCut, kStall };
  struct Behaviour {
    Then then = Then::kPass;
    uint64_t after = 0;  // value of passed_
    std::optional<uint64_t> bytes_per_second;
    bool refuse = false;

    friend bool operator==(const Behaviour&, const Behaviour&) = default;
  };
  struct Link {
    UniqueFd client, target;
    std::string to_client, to_target;
  };

  void Set(const Behaviour& behaviour);
  Behaviour Current();
  void TellInForce(const Behaviour& behaviour);
  void Loop(const std::stop_token& stop);
  [[nodiscard]] UniqueFd Listening() const;
  void Accept(bool connect);
  bool Serve(Link& link, uint64_t& allowance);
  static bool Swallow(Link& link);
  static void Reset(Link& link);
  void Wait(bool for_targets);

  const uint16_t target_port_;
  const ReservedPort port_;  // so that it can be listened at again after a refusal
  UniqueFd listener_;        // the thread's own, as is links_
  std::list<Link> links_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Behaviour behaviour_;    // guarded by mutex_, as is
  bool in_force_ = false;  // whether nothing is done any more as it was told before
  std::atomic<uint64_t> passed_{0};
  std::jthread thread_;
};

}  // namespace orcio::test
