#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fusefs/archives/gave_up.h"
#include "fusefs/archives/open_archives.h"
#include "fusefs/tree/latest_pins.h"
#include "index/archive/read/archive_reader.h"
#include "index/archive/read/span_cache.h"
#include "index/repository/repository.h"

namespace orcio::inline fusefs {

// The mounted tree, /<service>/<date>/..., without a word of FUSE. Thread-safe: a request is served
// on the thread it comes on, which waits for others if they list the repository and the listing
// has to be newer than a change, open or index the archive, or decode the same span. No lock is
// held meanwhile but that of who lists. Locks are taken in this order: that one, the set of open
// archives, an archive, and last those within which no other is taken.
//
// An inode number has the archive in its upper 32 bits and the node within it in the lower. Both
// follow from the archive's name, size, time and content, so numbers are the same at every mount,
// and others for what replaces an archive under its name. 1 is
// the mount's root (FUSE_ROOT_ID); what is above the archives has 0 in the upper bits.
//
// Archives that come or go in the repository do so here at the next look at the directory they are
// in, and ones written over in place within a second. An archive is opened when something first
// touches its inside. If its sidecar cannot be used, one is made in the background, one archive
// at a time, and whoever wants to look inside waits; if that fails, everything inside is EIO.
class Namespace {
 public:
  using Inode = uint64_t;
  static constexpr Inode kRoot = 1;

  struct Attributes {
    Inode inode = 0;
    // Differs between archives that had the same name one after the other.
    uint64_t generation = 0;
    // True if nothing of this ever changes: it may be kept for as long as one likes.
    bool settled = false;
    EntryType type = EntryType::kDirectory;
    uint32_t mode = 0;  // permission bits
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint32_t links = 1;
    Timestamp mtime;
    uint64_t size = 0;
    uint64_t data_bytes = 0;  // of `size`, those that are not in holes
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
  };

  struct Options {
    // Takes lines for people: what could not be opened, what was rebuilt. Thread-safe; may be
    // empty.
    std::function<void(const std::string&)> log;
    // An archive that could not be opened is not tried again before.
    std::chrono::milliseconds retry_after{2000};
    // For sidecars to be made, at once; others get EAGAIN. Each keeps a thread.
    unsigned most_waiting = 384;
    OpenArchives::Limits open_archives = {};
    LatestPins::Options latest_pins = {};
    // By which archives are of the future, see LatestFirst. It may be set while this lives.
    std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
    unsigned read_ahead_threads = std::thread::hardware_concurrency();
    // Shows archived symlinks so that they lead to places in their own archive: see LinkInside.
    bool symlinks_inside = false;
  };

  // `repository`'s files and `cache` outlive it. Lists the repository; opens no archive.
  [[nodiscard]] static Result<std::unique_ptr<Namespace>> Open(const Repository& repository,
                                                               SpanCache& cache, Options options);
  [[nodiscard]] static Result<std::unique_ptr<Namespace>> Open(const Repository& repository,
                                                               SpanCache& cache);
  ~Namespace();

  // What was so at the last look and is no longer.
  struct Changes {
    struct Name {
      Inode directory = 0;
      std::string name;
    };
    std::vector<Name> names;    // that came, went, or stand for something else now
    std::vector<Inode> inodes;  // whose attributes or entries are others now
  };
  // Lists the repository anew. What has changed since this was last called, or since Open: also
  // what the calls below have noticed meanwhile. Nothing if it cannot be listed.
  [[nodiscard]] Changes Refresh() const;

  // How many archives are open now.
  [[nodiscard]] size_t OpenArchiveCount() const;

  // Breaks off whatever takes long (making a sidecar), from any thread.
  void Stop();

  // Nothing if the directory has no such name; "." and ".." it has. Here and below: ESTALE for
  // an inode whose archive is gone, EINTR if `gave_up` said so while a sidecar was being made.
  [[nodiscard]] Result<std::optional<Attributes>> Lookup(Inode directory, std::string_view name,
                                                         const GaveUp& gave_up = {}) const;
  [[nodiscard]] Result<Attributes> Stat(Inode inode, const GaveUp& gave_up = {}) const;
  // Hands entries from position `from` on (0: the first) to `add`, until it returns false. "." and
  // ".." come first. Positions are stable, also while archives come and go: an entry's `next` is
  // the one to go on from after it. With `attributes` false, only inode and type are filled.
  [[nodiscard]] Result<void> List(
      Inode directory, uint64_t from, bool attributes,
      const std::function<bool(std::string_view name, const Attributes&, uint64_t next)>& add,
      const GaveUp& gave_up = {}) const;
  // A service's `latest` leads `caller` to the archive that it led it to before, see LatestPins:
  // ESTALE if that is gone. Nobody in particular is led to the newest.
  [[nodiscard]] Result<std::string> ReadLink(Inode inode, const GaveUp& gave_up = {},
                                             const std::optional<Caller>& caller = {}) const;
  [[nodiscard]] Result<std::vector<ExtendedAttribute>> ExtendedAttributes(
      Inode inode, const GaveUp& gave_up = {}) const;

  // A regular file's content. Goes on to be readable once its archive is gone from the repository,
  // for as long as this lives. Thread-safe. The namespace outlives it.
  class File {
   public:
    virtual ~File() = default;
    [[nodiscard]] virtual Result<std::vector<Slice>> Read(uint64_t offset, size_t size,
                                                          const GaveUp& gave_up = {}) const = 0;
    // Nothing stands for ENXIO.
    [[nodiscard]] virtual std::optional<uint64_t> SeekData(uint64_t offset) const = 0;
    [[nodiscard]] virtual std::optional<uint64_t> SeekHole(uint64_t offset) const = 0;
  };
  // kInvalid if it is no regular file.
  [[nodiscard]] Result<std::shared_ptr<const File>> OpenFile(
      Inode inode, const GaveUp& gave_up = {}, const std::optional<Caller>& caller = {}) const;

 private:
  struct State;
  explicit Namespace(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace orcio::inline fusefs
