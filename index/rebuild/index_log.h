#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/files/part_file.h"
#include "index/rebuild/index_log_reader.h"
#include "index/rebuild/rebuild.h"

namespace orcio::inline index {

// Whether more room on the disk, or in a quota, would have helped.
[[nodiscard]] bool IsDiskFull(const Error& error);

// What indexing of an archive that orcio did not write has found so far, in a file beside the
// sidecar to be, so that whoever indexes it next goes on there: FORMAT.md, "Interrupted indexing".
// It is only ever appended to, so it outlives a SIGKILL at any moment. That it cannot be written
// is reported and ends nothing: indexing goes on without it. If the disk is full, or would be soon,
// it is removed: the sidecar needs the room. Not thread-safe.
class IndexLog {
 public:
  // `archive` and `sidecar` are their paths; `options` outlives the log.
  IndexLog(const FileSystem& files, std::filesystem::path archive, std::filesystem::path sidecar,
           const RebuildOptions& options);

  // Begins the log. If there is one of an interrupted run, reads that into `indexed`, which is
  // empty, and goes on with it. If there is none that can be used, returns nothing and tells
  // why; then `indexed` holds anything. One that cannot be read may be good: it stays until this
  // one is worth as much. An error if the archive cannot be read, or its windows find no room
  // on the disk; kCancelled.
  [[nodiscard]] Result<std::optional<ResumedIndex>> TakeUp(const RandomAccess& archive,
                                                           bool is_gzip,
                                                           const std::stop_token& stop,
                                                           IndexedArchive& indexed);

  // Whether a point is to be kept with the tar scanned up to there. Asked often.
  [[nodiscard]] bool IsDue(uint64_t tar_offset) const { return keeps_ && tar_offset >= due_; }
  // The span that the scan comes to. It counts as known once the next one is added.
  void AddSpan(const LogSpan& span);
  void AddEntry(const TarEntry& entry);
  void Keep(const IndexPoint& point);

  // The sidecar is there, or there will be none, or no room for it.
  void Remove();

 private:
  [[nodiscard]] Result<std::vector<std::byte>> BeginRecord(const RandomAccess& archive) const;
  // `error` is why nothing of the old one is used.
  void BeginAnew(std::span<const std::byte> begin, const Error& error, bool unreadable);
  [[nodiscard]] Result<ReadLog> ReadOld(const RandomAccess& old, std::span<const std::byte> begin,
                                        const RandomAccess& archive, bool is_gzip,
                                        const std::stop_token& stop, IndexedArchive& indexed);
  [[nodiscard]] Result<void> CopyOld(const RandomAccess& old, uint64_t bytes,
                                     const std::stop_token& stop);
  template <class Record>
  void Add(LogRecord type, const Record& record);
  // Appends a record to the log. What is at hand is written once it is much.
  void Append(std::span<const std::byte> record);
  [[nodiscard]] Result<void> Write();
  // Fails if so many bytes more would leave less room on the disk than the log then takes.
  [[nodiscard]] Result<void> CheckRoom(uint64_t more) const;
  [[nodiscard]] Result<void> WriteBytes(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> GiveName();
  // Whether there is a log under the name that is worth more than this one: another process has
  // left it meanwhile, or it could not be read.
  [[nodiscard]] bool IsOvertaken() const;
  void GiveUp(const Error& error);
  void GiveUpOnSize();
  void Tell(const std::string& line) const;

  const FileSystem& files_;
  const std::filesystem::path archive_;
  const std::filesystem::path sidecar_;
  const std::filesystem::path path_;
  const RebuildOptions& options_;
  bool keeps_ = false;
  bool named_ = false;            // the file has the log's name
  bool refused_ = false;          // what had it at first cannot be used
  uint64_t old_bytes_ = 0;        // of what was gone on with
  std::optional<PartFile> file_;  // once there is much to write
  uint64_t file_bytes_ = 0;
  std::vector<std::byte> unwritten_;
  std::vector<std::byte> last_span_;  // its record
  std::vector<std::byte> record_;     // being made
  uint32_t crc32_ = 0;                // of all records
  uint64_t due_ = 0;
};

}  // namespace orcio::inline index
