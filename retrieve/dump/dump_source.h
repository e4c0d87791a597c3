#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/threads/bounded_queue.h"
#include "index/files/byte_source.h"
#include "retrieve/dump/dump.h"

namespace orcio::inline retrieve {

// A dump (dump.h) for who takes it piece by piece. A thread of its own makes it, a few MiB ahead.
class DumpSource : public ByteSource {
 public:
  // `reader` and what `options` point to outlive it.
  DumpSource(const ArchiveReader& reader, NodeId root, DumpOptions options);
  // Ends the dump, if nobody has read on to its end.
  ~DumpSource() override;

  // The dump's error if it fails: what was handed out before is then a tar that is cut short.
  [[nodiscard]] Result<size_t> Read(std::span<std::byte> into) override;
  // Of the tar, so far handed out.
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // Once Read has returned 0.
  [[nodiscard]] const DumpResult& result() const { return *result_; }

 private:
  void Make(const std::stop_token& stop);

  const ArchiveReader& reader_;
  const NodeId root_;
  const DumpOptions options_;
  BoundedQueue<std::string> pieces_;
  Result<DumpResult> result_;  // the thread's until the queue is closed
  std::string piece_;
  size_t taken_ = 0;  // of the piece
  uint64_t bytes_ = 0;
  std::jthread thread_;
};

}  // namespace orcio::inline retrieve
