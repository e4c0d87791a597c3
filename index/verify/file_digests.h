#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "index/sidecar/read/sidecar.h"
#include "index/verify/tar_order.h"

namespace orcio::inline index {

// Digests the files of an archive as its tar goes by, and compares with what the sidecar says.
// `order` and its sidecar outlive it. Not thread-safe.
class FileDigests {
 public:
  // `differs` is called for each file whose content is not what was archived.
  FileDigests(const Sidecar& sidecar, const TarOrder& order,
              std::function<Result<void>(NodeId)> differs)
      : sidecar_(sidecar), order_(order), differs_(std::move(differs)) {}

  // The next bytes of the tar.
  [[nodiscard]] Result<void> Take(std::span<const std::byte> bytes);
  // The next bytes cannot be read: files in them are not compared.
  [[nodiscard]] Result<void> Lose(uint64_t bytes);
  // The tar has ended.
  [[nodiscard]] Result<void> Finish();

  [[nodiscard]] uint64_t compared() const { return compared_; }

 private:
  // Goes on up to `end` of the tar; `bytes` stand there from position_ on, unless they are lost.
  [[nodiscard]] Result<void> Advance(uint64_t end, std::span<const std::byte> bytes, bool lost);
  [[nodiscard]] Result<void> OpenFile();
  [[nodiscard]] Result<void> CloseFile();
  void DigestHoleUpTo(uint64_t file_offset);

  const Sidecar& sidecar_;
  const TarOrder& order_;
  const std::function<Result<void>(NodeId)> differs_;
  uint64_t position_ = 0;  // in the tar
  size_t next_ = 0;        // in order_.files()
  uint64_t compared_ = 0;

  // Of the file that is being read.
  bool open_ = false;
  bool comparing_ = false;
  uint64_t size_ = 0;
  std::vector<Extent> extents_;
  size_t extent_ = 0;
  uint64_t file_offset_ = 0;  // digested up to here
  Sha256 sha256_;
  Sha256Digest recorded_{};
};

}  // namespace orcio::inline index
