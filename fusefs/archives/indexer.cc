#include "fusefs/archives/indexer.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace orcio::inline fusefs {
namespace {

// ioprio_set(2) has no header: IOPRIO_WHO_PROCESS, and IOPRIO_CLASS_IDLE in bits 13 and up.
constexpr int kThisThread = 1;
constexpr int kIdleClass = 3 << 13;
constexpr int kLowestNice = 19;

// If that is refused, indexing is only less polite.
void TakeLowestPriority() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestNice);
  (void)::syscall(SYS_ioprio_set, kThisThread, 0, kIdleClass);
}

}  // namespace

Indexer::~Indexer() {
  Stop();
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  submitted_.notify_all();
}

void Indexer::Submit(Job job) {
  {
    const MutexLock lock(mutex_);
    jobs_.push(std::move(job));
    if (!thread_.joinable()) thread_ = std::jthread([this] { Work(); });
  }
  submitted_.notify_all();
}

void Indexer::Work() {
  TakeLowestPriority();
  for (;;) {
    Job job;
    {
      const MutexLock lock(mutex_);
      while (jobs_.empty() && !ending_) submitted_.wait(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop();
    }
    job(stop_.get_token());
  }
}

}  // namespace orcio::inline fusefs
