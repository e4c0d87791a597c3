#include "fusefs/system/settled_time.h"

namespace orcio::inline fusefs {

std::chrono::milliseconds SettledTime::Tick(int64_t time_ns) {
  constexpr std::chrono::milliseconds kFine{100};
  constexpr std::chrono::milliseconds kWholeSeconds{2100};
  return time_ns % 1'000'000'000 == 0 ? kWholeSeconds : kFine;
}

bool SettledTime::See(int64_t time_ns, const Look& look) {
  if (time_ns_ != time_ns) {
    time_ns_ = time_ns;
    seen_since_ = look.ended;
  }
  return look.begun - seen_since_ >= Tick(time_ns);
}

}  // namespace orcio::inline fusefs
