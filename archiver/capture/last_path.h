#pragma once

#include <fmt/format.h>

#include <string>

#include "base/text/safe_text.h"
#include "base/threads/mutex.h"
#include "index/archive/write/archive_writer.h"

namespace orcio::inline archiver {

// Which entry of a tar came last, for whoever wants to know where it broke off. Thread-safe.
class LastPath {
 public:
  void Set(const std::string& path) {
    const MutexLock lock(mutex_);
    path_ = path;
  }
  // For the end of a message. What `writer` has taken so far is looked at to its end, and it takes
  // nothing more.
  [[nodiscard]] std::string Told(ArchiveWriter& writer) const {
    (void)writer.Finish();  // fails, as the tar is not whole
    const MutexLock lock(mutex_);
    if (path_.empty()) return "; no file had arrived";
    return fmt::format("; the last that arrived is {}: look there", SafeText(path_));
  }

 private:
  mutable Mutex mutex_;
  std::string path_ GUARDED_BY(mutex_);
};

}  // namespace orcio::inline archiver
