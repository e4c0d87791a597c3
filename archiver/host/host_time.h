#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace orcio::inline archiver {

// A time by a host's own clock, which need not be right: comparable with others of the same host.
using HostTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// What a host's clock showed: not before the one, and not after the other, for busybox's date has
// whole seconds only.
struct HostNow {
  HostTime earliest;
  HostTime latest;
};

// Shell: prints a line that ParseHostNow understands.
inline constexpr std::string_view kHostNowMark = "orcio-now: ";
[[nodiscard]] std::string TellHostNow();
// Nothing if `line`, without its mark, is no time.
[[nodiscard]] std::optional<HostNow> ParseHostNow(std::string_view line);

// As docker has times: RFC 3339 in UTC, "2026-11-23T02:00:00.123456789Z". Nothing for docker's
// "never", 0001-01-01T00:00:00Z.
[[nodiscard]] std::optional<HostTime> ParseDockerTime(std::string_view text);
// As docker takes them: "1772000000.123456789".
[[nodiscard]] std::string DockerSeconds(HostTime time);

}  // namespace orcio::inline archiver
