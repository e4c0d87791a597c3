#include "fusefs/tree/latest_pins.h"

#include <algorithm>
#include <set>

namespace orcio::inline fusefs {

std::optional<uint32_t> LatestPins::Find(const std::string& service, const Caller& caller,
                                         uint32_t newest,
                                         const std::function<bool(uint32_t)>& is_there) {
  SweepWhereMany();
  const Key key{service, HolderOf(caller)};
  const auto now = options_.now();
  const MutexLock lock(mutex_);
  std::shared_ptr<Pin>& pin = pins_[key];
  if (pin == nullptr || IsOver(*pin, now)) pin = std::make_shared<Pin>(Pin{newest, now, {}, {}});
  if (pin->archive == newest) {
    pin->superseded.reset();
  } else if (!pin->superseded) {
    pin->superseded = now;
  }
  const bool gone = pin->archive != newest && !is_there(pin->archive);
  if (gone || (pin->superseded && now - *pin->superseded >= options_.superseded))
    pin->refused = pin->refused.value_or(now);
  if (pin->refused) return std::nullopt;
  pin->asked = now;
  const uint32_t found = pin->archive;
  MakeRoom();
  return found;
}

std::shared_ptr<const void> LatestPins::Use(const std::string& service, const Caller& caller,
                                            uint32_t archive) {
  {
    // Most of what is opened is in archives that nobody has come to by a link: nothing is read of
    // /proc for that.
    const MutexLock lock(mutex_);
    auto pin = pins_.lower_bound({service, Holder()});
    while (pin != pins_.end() && pin->first.first == service && pin->second->archive != archive)
      ++pin;
    if (pin == pins_.end() || pin->first.first != service) return nullptr;
  }
  const Key key{service, HolderOf(caller)};
  const MutexLock lock(mutex_);
  const auto found = pins_.find(key);
  if (found == pins_.end() || found->second->archive != archive || found->second->refused)
    return nullptr;
  ++found->second->uses;
  const auto end_use = [this, pin = found->second](const void*) {
    const auto now = options_.now();
    const MutexLock relock(mutex_);
    --pin->uses;
    pin->asked = now;
  };
  return {found->second.get(), end_use};
}

size_t LatestPins::count() const {
  const MutexLock lock(mutex_);
  return pins_.size();
}

LatestPins::Holder LatestPins::HolderOf(const Caller& caller) const {
  if (const auto process = options_.process_of(caller.thread))
    return {process->id, process->started, 0, 0};
  return {0, 0, caller.uid, caller.gid};
}

bool LatestPins::IsGone(const Holder& holder) const {
  if (holder.process == 0) return false;
  return options_.process_of(holder.process) != Process{holder.process, holder.started};
}

bool LatestPins::IsOver(const Pin& pin, Clock::time_point now) const {
  if (pin.refused) return now - *pin.refused >= options_.refused;
  return pin.uses == 0 && now - pin.asked >= options_.idle;
}

void LatestPins::MakeRoom() {
  while (pins_.size() > options_.most) {
    pins_.erase(std::min_element(pins_.begin(), pins_.end(), [](const auto& a, const auto& b) {
      return a.second->asked < b.second->asked;
    }));
  }
}

void LatestPins::SweepWhereMany() {
  std::set<Holder> gone;
  {
    const MutexLock lock(mutex_);
    if (pins_.size() < sweep_at_) return;
    sweep_at_ = 2 * pins_.size();  // so that nobody else begins it
    for (const auto& [key, pin] : pins_) gone.insert(key.second);
  }
  std::erase_if(gone, [this](const Holder& holder) { return !IsGone(holder); });
  const auto now = options_.now();
  const MutexLock lock(mutex_);
  std::erase_if(pins_, [&](const auto& entry) REQUIRES(mutex_) {
    return gone.contains(entry.first.second) || IsOver(*entry.second, now);
  });
  sweep_at_ = std::max(options_.sweep_from, 2 * pins_.size());
}

}  // namespace orcio::inline fusefs
