#pragma once

#include <chrono>

namespace orcio::inline archiver {

struct SshOptions {
  // Without a sign of life from the host for this long, the link counts as dead.
  std::chrono::seconds dead_link_timeout{15};
};

}  // namespace orcio::inline archiver
