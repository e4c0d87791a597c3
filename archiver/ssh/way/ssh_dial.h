#pragma once

#include <netdb.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/threads/patience.h"
#include "base/unique_fd.h"

namespace orcio::inline archiver {

// A TCP connection to the first of these addresses that accepts one. kNetwork with an errno; of
// several, the message has what each of them said.
[[nodiscard]] Result<UniqueFd> DialFirst(const addrinfo* addresses, const Patience& patience);

// A TCP connection to the first of the address's IPs that accepts one. The kernel ends it if the
// other side acknowledges nothing for `dead_link_timeout`. kNetwork, with an errno unless the
// name does not resolve. `family` is AF_INET, AF_INET6, or AF_UNSPEC for both.
[[nodiscard]] Result<UniqueFd> DialTcp(const std::string& address, uint16_t port, int family,
                                       std::chrono::seconds dead_link_timeout,
                                       const Patience& patience);

// A command whose standard input and output are a stream of ours, as the way to a host is. It has
// no terminal, so that nothing in it can ask a person anything. Ended, and waited for, when this
// goes out of scope.
class ProxyProcess {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ProxyProcess>> Start(const std::string& command);
  ~ProxyProcess();
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  // Our end of its input and output; it is the caller's from here on.
  [[nodiscard]] UniqueFd TakeStream() { return std::move(stream_); }
  // What it has said on its standard error since the last call; at most 4 KiB.
  [[nodiscard]] std::string TakeErrors();

 private:
  ProxyProcess(pid_t pid, UniqueFd stream, UniqueFd complaints);

  pid_t pid_;
  UniqueFd stream_;
  UniqueFd complaints_;
};

}  // namespace orcio::inline archiver
