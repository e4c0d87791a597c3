#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"
#include "index/archive/write/archive_files.h"
#include "index/files/file_system.h"
#include "index/sidecar/write/sidecar_builder.h"

namespace orcio::inline index {

struct ArchiveWriterOptions {
  unsigned threads = 0;  // compressing; 0: one a core
  // Tar bytes received and not yet written. A deep buffer lets the service start again while the
  // last of it is still being compressed. Bounds the writer's memory, with about as much again for
  // each thread's members.
  uint64_t max_bytes_in_flight = uint64_t{96} << 20;
  // Called for each entry of the tar once it has gone by, in order, on a thread of the writer's.
  std::function<Result<void>(const TarEntry&)> entry = {};
};

// One pass over a tar: compresses it into members on all cores, scans its entries, digests its
// files. Push bytes through the ByteSink; then Finish, Describe, and either Publish or let go of
// it: what was not published is removed. Its functions are called by one thread.
class ArchiveWriter : public ByteSink {
 public:
  // Writes `directory`/.`name`.part, and from Describe on its sidecar `directory`/.`name`.idx.part.
  // `name` is the archive's final name.
  [[nodiscard]] static Result<std::unique_ptr<ArchiveWriter>> Create(
      const FileSystem& files, const std::filesystem::path& directory, std::string name,
      const ArchiveWriterOptions& options = {});
  ~ArchiveWriter() override;

  [[nodiscard]] Result<std::span<std::byte>> Buffer() override;
  [[nodiscard]] Result<void> Commit(size_t bytes) override;

  // The tar has ended: waits for compression, scan and digests, and writes the end member. kDamaged
  // if the tar is not whole (no end-of-archive marker, headers that make no sense): such an
  // archive cannot be published. Returns the summary, which lives as long as the writer.
  [[nodiscard]] Result<const TarSummary*> Finish();

  // Writes the sidecar. After Finish.
  [[nodiscard]] Result<void> Describe(const RunFacts& facts);

  // fsyncs both files, gives them their final names, sidecar first, and fsyncs the directory. Fails
  // if the final name is taken. After Describe.
  [[nodiscard]] Result<void> Publish();

  // As Publish, but replaces what has the final name. Whoever looks in between finds the new
  // sidecar beside the old archive, to which it does not belong.
  [[nodiscard]] Result<void> PublishOver();
  // Returns once both files are on disk, under the names they have so far. After Describe.
  [[nodiscard]] Result<void> Sync();

  // Has a call of Buffer or Commit that waits return at once, with kCancelled, as do all after it:
  // what was received is good for nothing any more. May be called on any thread.
  void Stop();

  // The two files alone, once the archive is described: the writer's memory goes, and what is not
  // published goes with them instead.
  [[nodiscard]] static ArchiveFiles Release(std::unique_ptr<ArchiveWriter> writer);
  [[nodiscard]] uint64_t tar_bytes() const;      // received so far
  [[nodiscard]] uint64_t archive_bytes() const;  // written so far

 private:
  struct State;
  explicit ArchiveWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace orcio::inline index
