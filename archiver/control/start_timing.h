#pragma once

#include <chrono>

namespace orcio::inline archiver {

// How control waits for a service to come up.
struct StartTiming {
  std::chrono::milliseconds poll{200};
  // Up for so long without a restart counts as running: a program that cannot come up (its
  // configuration, its data) has mostly said so by then.
  std::chrono::milliseconds stable{2000};
  // Before what has exited is started once more: what it could not do without may be up by then.
  std::chrono::milliseconds restart{1000};
  // For compose to make containers anew, which others wait for.
  std::chrono::seconds make_limit{120};
};

}  // namespace orcio::inline archiver
