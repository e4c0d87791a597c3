#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "base/threads/bounded_queue.h"
#include "base/threads/ordered_slots.h"
#include "base/threads/stage_group.h"
#include "index/archive/write/block_pool.h"
#include "index/files/file_system.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "index/spans/span_table.h"
#include "index/tar/tar_scanner.h"

namespace orcio::inline index {

// From a stream of tar bytes to the members of an archive file, and to all that its sidecar says:
//
//   caller --blocks--> compressors --members, in order--> writer
//      \---same blocks, in order--> scanner
//
// Each arrow is bounded, so whoever is slowest makes the caller wait. The first stage to fail stops
// all. Everything but archive_bytes and Stop is for one thread, the
// caller's.
class MemberPipeline {
 public:
  // Appends to `archive`, which outlives this. `name` is for messages; `scratch_directory` as
  // SidecarBuilder has it. `entry`, if there is one, is called for each, on the scanner's
  // thread.
  MemberPipeline(WritableFile& archive, std::string name, unsigned threads,
                 uint64_t max_bytes_in_flight, const std::filesystem::path& scratch_directory,
                 std::function<Result<void>(const TarEntry&)> entry = {});

  // As ByteSink has them.
  [[nodiscard]] Result<std::span<std::byte>> Buffer();
  [[nodiscard]] Result<void> Commit(size_t bytes);
  // As ArchiveWriter has it.
  void Stop() { stages_.Stop(); }
  // Waits for all stages and appends the end member. kDamaged if the tar is not whole. Once.
  [[nodiscard]] Result<void> Finish();

  // After Finish.
  [[nodiscard]] const TarSummary& summary() const { return summary_; }
  [[nodiscard]] std::span<const Span> spans() const { return spans_; }
  [[nodiscard]] const Sha256Digest& sha256() const { return sha256_; }
  [[nodiscard]] SidecarBuilder& builder() { return builder_; }

  [[nodiscard]] uint64_t archive_bytes() const { return archive_bytes_; }

 private:
  using Block = std::shared_ptr<const PooledBlock>;
  struct Job {
    uint64_t index = 0;
    Block block;
  };
  struct Member {
    std::vector<std::byte> bytes;
    uint32_t tar_bytes = 0;
    uint32_t crc32 = 0;
  };
  class BlockSource;

  Result<void> Dispatch();
  Result<void> Compress();
  Result<void> Scan();
  Result<void> Write();
  Result<void> AppendEndMember();
  [[nodiscard]] Result<void> CheckWhole() const;
  [[nodiscard]] Failure WhyStopped() const;

  const std::string name_;
  const std::function<Result<void>(const TarEntry&)> entry_;
  WritableFile& archive_;
  BlockPool pool_;
  BoundedQueue<Job> to_compress_;
  BoundedQueue<Block> to_scan_;
  OrderedSlots<Member> members_;

  // The caller's.
  std::shared_ptr<PooledBlock> block_;
  uint64_t dispatched_ = 0;
  Sha256Digest sha256_{};

  // The scanner's, until Finish has joined it.
  SidecarBuilder builder_;
  TarSummary summary_;

  // The writer's, until Finish has joined it.
  std::vector<Span> spans_;
  Sha256 archive_digest_;
  std::atomic<uint64_t> archive_bytes_ = 0;

  StageGroup stages_;
};

}  // namespace orcio::inline index
