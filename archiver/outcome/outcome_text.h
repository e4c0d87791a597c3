#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "archiver/outcome/service_outcome.h"

namespace orcio::inline archiver {

// What came of a service, in words for people and scripts. Texts hold what hosts and archived names
// said as it was said: SafeText makes them fit to be shown.

// Whether there is an archive, and the service runs.
[[nodiscard]] bool Succeeded(const ServiceOutcome& outcome);

// done, warnings, failed, interrupted, or not-running if the service is not confirmed running
// again.
[[nodiscard]] std::string_view StatusWord(const ServiceOutcome& outcome);

// What went wrong, in a sentence; if nothing did, the first warning, or nothing.
[[nodiscard]] std::string MessageOf(const ServiceOutcome& outcome);

// "40 s (stop 3.0 s, stream 30 s, start 7.0 s)".
[[nodiscard]] std::string DowntimeWords(const Downtime& down);
// For a table: until the service was confirmed running, and how long its containers did not run
// if that is known: "2.9 s (0.6 s)".
[[nodiscard]] std::string DowntimeCell(const Downtime& down);

// One line on an archive that was made: its name, size, time, and the service's downtime.
[[nodiscard]] std::string Summary(const ServiceOutcome& outcome);

// Everything that went wrong, each as "wiki on atena: ...", the worst first.
[[nodiscard]] std::vector<std::string> Problems(const ServiceOutcome& outcome);

}  // namespace orcio::inline archiver
