#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "index/archive_reader.h"
#include "index/repository.h"
#include "index/span_cache.h"

namespace orcio {

// What all archives of one mount share.
struct ArchivePolicy {
  const FileSystem& files;
  SpanCache& cache;
  std::function<void(const std::string&)> log;  // takes one line for people; thread-safe
  // An archive that could not be opened is not tried again before.
  std::chrono::milliseconds retry_after{2000};
  std::stop_token stop;  // ends rebuilding
};

// One archive of the mounted tree: opened when it is first touched, by one thread for all who want
// it, and kept open. Thread-safe.
class MountedArchive {
 public:
  using Reader = std::shared_ptr<const ArchiveReader>;

  // `number` is the upper half of its inode numbers. `policy` outlives it.
  MountedArchive(ArchiveFile file, uint32_t number, const ArchivePolicy& policy);

  [[nodiscard]] const ArchiveFile& file() const { return file_; }
  [[nodiscard]] uint32_t number() const { return number_; }

  // Opens the archive; rebuilds its sidecar first where that is missing, damaged or another
  // archive's. Can take as long as decoding all of it. Every error is EIO: what cannot be read is
  // the inside of something that is there.
  [[nodiscard]] Result<Reader> Open();

  // The same, but null where opening would take a rebuild, or where that is going on: for those who
  // only look at the archive from outside.
  [[nodiscard]] Reader OpenIfIndexed();

  // To be called where `reader` found damage. Checks once whether its sidecar is what is damaged,
  // and rebuilds it then. True where Open() now gives another reader.
  [[nodiscard]] bool Heal(const Reader& reader);

 private:
  class Turn;
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Result<Reader> OpenAsIs() const;
  [[nodiscard]] Result<Reader> Rebuild(const std::string& reason) const;
  [[nodiscard]] Result<Reader> OpenOrRebuild() const;
  void Log(const std::string& line) const;

  const ArchiveFile file_;
  const uint32_t number_;
  const ArchivePolicy& policy_;

  std::mutex mutex_;
  std::condition_variable turn_over_;
  // All guarded by mutex_.
  bool busy_ = false;  // somebody is opening, checking or rebuilding
  Reader reader_;
  bool sidecar_is_sound_ = false;  // all of reader_'s was checked, or there is no better one
  std::optional<Error> failure_;
  Clock::time_point retry_at_;
};

}  // namespace orcio
