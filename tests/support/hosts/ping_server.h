#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace orcio::test {

struct PingRequest {
  std::string line;  // "POST /secret HTTP/1.1"
  std::string head;  // with the line
  std::string body;
};

// An HTTP server on 127.0.0.1 that notes what it is sent. One connection at a time.
class PingServer {
 public:
  // A status is answered with, kHang answers never.
  static constexpr int kHang = 0;

  // What it answers next, once each; after that it is 200. 3xx sends to `location`.
  explicit PingServer(std::deque<int> answers = {}, std::string location = {});
  ~PingServer();
  PingServer(const PingServer&) = delete;
  PingServer& operator=(const PingServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  // A URL of it, for `path`, which begins with a slash.
  [[nodiscard]] std::string Url(const std::string& path) const;
  // Those that were read so far.
  [[nodiscard]] std::vector<PingRequest> requests() const;
  // Their lines alone, without " HTTP/1.1".
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  void Serve(const std::stop_token& end);
  void Answer(const UniqueFd& connection, const std::stop_token& end);

  const std::string location_;
  UniqueFd listening_;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::deque<int> answers_;            // guarded by mutex_
  std::vector<PingRequest> requests_;  // guarded by mutex_
  std::jthread server_;
};

}  // namespace orcio::test
