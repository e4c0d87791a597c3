#include "cli/archive/archive_progress.h"

namespace orcio::cli {
namespace {

std::string_view PhaseWords(RunPhase phase) {
  switch (phase) {
    case RunPhase::kConnecting:
      return "connecting";
    case RunPhase::kCopying:
      return "copying while it runs";
    case RunPhase::kStopping:
      return "stopping";
    case RunPhase::kStreaming:
      return "streaming";
    case RunPhase::kStarting:
      return "starting";
    case RunPhase::kFinishing:
      return "finishing";
  }
  return "";
}

}  // namespace

void ArchiveProgress::Phase(const ServiceConfig& service, RunPhase phase) {
  const MutexLock lock(mutex_);
  Service at;
  at.phase = phase;
  at.copied = at_[service.name].copied || phase == RunPhase::kCopying;
  at.total = {ExpectedOf(service.name, at), true};
  at_[service.name] = std::move(at);
  line_.Show(Text());
}

void ArchiveProgress::Bytes(const ServiceConfig& service, uint64_t tar_bytes) {
  const MutexLock lock(mutex_);
  Service& at = at_[service.name];
  // What is left to be done once all has arrived takes no notice of bytes.
  if (at.phase != RunPhase::kCopying && at.phase != RunPhase::kStreaming) return;
  at.done_bytes = tar_bytes;
  at.meter.Note(tar_bytes, RateMeter::Clock::now());
  if (line_.Due()) line_.Show(Text());
}

void ArchiveProgress::Finished(const std::string& service, const std::function<void()>& tell) {
  {
    const MutexLock lock(mutex_);
    at_.erase(service);
  }
  line_.Above(tell);
}

std::string ArchiveProgress::Text() const {
  std::string all;
  for (const auto& [name, at] : at_) {
    if (!all.empty()) all += "; ";
    all += fmt::format("{}: {}", name, PhaseWords(at.phase));
    if (at.done_bytes > 0) all += ", " + ProgressText(at.done_bytes, at.total, at.meter.rate());
  }
  return all;
}

uint64_t ArchiveProgress::ExpectedOf(const std::string& service, const Service& at) const {
  const auto expected = expected_.find(service);
  if (expected == expected_.end()) return 0;
  const auto& [running_bytes, stopped_bytes] = expected->second;
  if (at.phase == RunPhase::kCopying) return running_bytes;
  if (at.phase != RunPhase::kStreaming) return 0;
  // If precopy gives way to stop, all of it comes at once.
  return at.copied ? stopped_bytes : running_bytes + stopped_bytes;
}

}  // namespace orcio::cli
