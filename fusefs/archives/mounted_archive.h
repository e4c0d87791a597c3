#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/threads/mutex.h"
#include "fusefs/archives/gave_up.h"
#include "fusefs/archives/indexer.h"
#include "fusefs/archives/open_archives.h"
#include "fusefs/archives/read_ahead.h"
#include "index/archive/read/archive_reader.h"
#include "index/archive/read/span_cache.h"
#include "index/repository/repository.h"

namespace orcio::inline fusefs {

// What all archives of one mount share.
struct ArchivePolicy {
  const FileSystem& files;
  SpanCache& cache;
  Indexer& indexer;
  OpenArchives& open_archives;
  ReadAhead& read_ahead;
  std::function<void(const std::string&)> log;  // takes one line for people; thread-safe
  // An archive that could not be opened is not tried again before.
  std::chrono::milliseconds retry_after{2000};
  bool symlinks_inside = false;  // as Namespace::Options have it
  // How many may wait at once for sidecars to be made; others get EAGAIN. Each keeps a thread, and
  // one has to be left to hear that somebody does not wait any more.
  unsigned most_waiting = 384;
  mutable std::atomic<unsigned> waiting = 0;
};

// Whether nothing can have been written to the file between the two looks at it.
[[nodiscard]] bool IsSameFile(const FileStatus& a, const FileStatus& b);

// One archive of the mounted tree: opened when it is first touched, by one thread for all who want
// it, and kept open until it is closed for want of use. Thread-safe.
class MountedArchive : public std::enable_shared_from_this<MountedArchive> {
 public:
  using Clock = std::chrono::steady_clock;
  using Reader = std::shared_ptr<const ArchiveReader>;

  // `number` is the upper half of its inode numbers. `policy` outlives it.
  MountedArchive(ArchiveFile file, uint32_t number, const ArchivePolicy& policy);

  [[nodiscard]] const ArchiveFile& file() const { return file_; }
  [[nodiscard]] uint32_t number() const { return number_; }
  [[nodiscard]] const ArchivePolicy& policy() const { return policy_; }

  // Opens the archive. If its sidecar is missing, damaged or another archive's, a new one is
  // made first, by the indexer, which can take as long as decoding all of it: EINTR if the
  // caller gave up meanwhile, EAGAIN if too many wait; the sidecar is made all the same. ESTALE
  // if the file is no longer the one that was listed, EACCES if the server may not read it or
  // make its sidecar. Every other error is EIO: what cannot be read is the inside of something that
  // is there.
  [[nodiscard]] Result<Reader> Open(const GaveUp& gave_up = {});

  // The same, but null if opening would take a rebuild, or if that is going on: for those who
  // only look at the archive from outside.
  [[nodiscard]] Reader OpenIfIndexed();

  // To be called if `reader` found damage. Checks once whether its sidecar is what is damaged,
  // and waits until it is rebuilt then. True if Open() now gives another reader.
  [[nodiscard]] bool Heal(const Reader& reader, const GaveUp& gave_up = {});

  // Lets go of the archive and its sidecar, unless a file in it is open: it may be gone from the
  // repository by now. The next who touches it opens it again. Whether something was let go of.
  bool Close();
  [[nodiscard]] bool is_open();
  [[nodiscard]] Clock::time_point last_used() const { return Clock::time_point(last_used_); }
  // A file in it has been opened, or closed.
  void AddOpenFile() { ++open_files_; }
  void RemoveOpenFile() {
    last_used_.store(Clock::now().time_since_epoch(), std::memory_order_relaxed);
    --open_files_;
  }

  // Whether the file is no longer the one that was listed: gone, replaced, or grown. While it is
  // open, looks at most once a second.
  [[nodiscard]] bool Changed();

 private:
  class Turn;

  struct Opened {
    Reader reader;
    bool is_new = false;  // nobody has told policy_.open_archives yet
  };
  [[nodiscard]] Result<Opened> OpenOnce(const GaveUp& gave_up);
  // What `work` makes, with mutex_ released meanwhile and others kept from working on the archive.
  template <class Work>
  auto InTurn(const Work& work) REQUIRES(mutex_);
  // Until it is worth another look.
  [[nodiscard]] Result<void> WaitToOpen(const GaveUp& gave_up) REQUIRES(mutex_);
  [[nodiscard]] Opened OpenAtOnce();
  [[nodiscard]] Result<Reader> OpenAsIs() const;
  [[nodiscard]] Result<Reader> UnlessReplaced(Result<Reader> opened) const;
  [[nodiscard]] bool IsListedFile() const;
  // Has the indexer make a sidecar.
  void StartIndexing(const std::string& reason) REQUIRES(mutex_);
  // On the indexer's thread.
  void Index(const std::string& reason, const std::stop_token& stop);
  [[nodiscard]] Result<Reader> Rebuild(const std::string& reason,
                                       const std::stop_token& stop) const;
  // What came of opening or of rebuilding, which began at `begun`.
  void Keep(Result<Reader> opened, Clock::time_point begun) REQUIRES(mutex_);
  // Until neither somebody has the turn nor, if `also_indexing`, the sidecar is being made. False
  // if the caller gave up.
  [[nodiscard]] bool Wait(bool also_indexing, const GaveUp& gave_up) REQUIRES(mutex_);
  void Log(const std::string& line) const;

  const ArchiveFile file_;
  const uint32_t number_;
  const ArchivePolicy& policy_;
  std::atomic<Clock::duration> last_used_{};
  std::atomic<uint32_t> open_files_ = 0;

  Mutex mutex_;
  std::condition_variable_any turn_over_;
  bool busy_ GUARDED_BY(mutex_) = false;  // somebody is opening or checking
  // The indexer has been asked for a sidecar, and is not done.
  bool indexing_ GUARDED_BY(mutex_) = false;
  Reader reader_ GUARDED_BY(mutex_);
  bool is_new_ GUARDED_BY(mutex_) = false;  // see Opened
  // All of reader_'s was checked, or there is no better one.
  bool sidecar_is_sound_ GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  Clock::time_point retry_at_ GUARDED_BY(mutex_);
  Clock::time_point looked_at_ GUARDED_BY(mutex_);  // the file itself
  bool changed_ GUARDED_BY(mutex_) = false;
};

}  // namespace orcio::inline fusefs
