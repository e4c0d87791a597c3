#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"

namespace orcio::inline archiver {

// Pings as healthchecks.io and those like it understand them: a POST to a URL that is a secret, to
// URL/start at the start and to URL/fail after a failure. Messages name its host alone.

enum class PingEvent { kStart, kSuccess, kFailure };

struct PingPatience {
  std::chrono::milliseconds each{10'000};  // for one try, all of it
  unsigned tries = 3;
  std::chrono::milliseconds pause{1'000};  // after the first try; doubled after each
};

// For a ping that something waits for.
constexpr PingPatience kOneQuickPing{std::chrono::milliseconds(3'000), 1, {}};

// kInvalid if it is no http:// or https:// URL with a host; the message has nothing of it.
[[nodiscard]] Result<void> CheckPingUrl(const std::string& url);

// Returns once it was answered with 2xx. Redirects are followed, never to a protocol less safe.
// What may be better the next time (no connection, no answer, 5xx, 408, 429) is tried again, until
// `stop` is requested. kNetwork if none of it helped, kRefused for other answers.
[[nodiscard]] Result<void> Ping(const std::string& url, PingEvent event, const std::string& body,
                                const PingPatience& patience, const std::stop_token& stop);

}  // namespace orcio::inline archiver
