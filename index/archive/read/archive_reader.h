#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "index/archive/read/span_cache.h"
#include "index/files/file_system.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline index {

// A piece of what was read, in place in a decoded span; `owner` keeps it alive. Zeros have no owner
// and point into a page of zeros of the program's own.
struct Slice {
  std::span<const std::byte> bytes;
  SpanBytes owner;
};

// Reads the content of an archive through its sidecar. Every span is checked against its CRC when
// it is decoded: kDamaged rather than other bytes. Thread-safe.
class ArchiveReader {
 public:
  // Takes the archive as it is now: kDamaged if it is not the sidecar's. `cache` outlives the
  // reader.
  [[nodiscard]] static Result<std::unique_ptr<ArchiveReader>> Open(
      const FileSystem& files, const std::filesystem::path& archive,
      std::shared_ptr<const Sidecar> sidecar, SpanCache& cache);
  ~ArchiveReader();

  [[nodiscard]] const Sidecar& sidecar() const;

  // The tar's bytes from `tar_offset`, fewer than `size` only at its end.
  [[nodiscard]] Result<std::vector<Slice>> ReadTar(uint64_t tar_offset, size_t size) const;

  class File;
  // kInvalid if `file` is no regular file.
  [[nodiscard]] Result<File> OpenFile(NodeId file) const;
  // As OpenFile and File::Read.
  [[nodiscard]] Result<std::vector<Slice>> ReadFile(NodeId file, uint64_t offset,
                                                    size_t size) const;

 private:
  struct State;
  explicit ArchiveReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A regular file of an archive. Where its content lies has been looked up, which takes 24 bytes of
// memory for each piece of a sparse file, once for all who have it open. Reading it takes no lock
// but the cache's. Thread-safe; the reader outlives it.
class ArchiveReader::File {
 public:
  // Holes included.
  [[nodiscard]] uint64_t size() const { return node_.size; }
  // Bytes that are not in holes, for st_blocks: by them cp and du know a sparse file.
  [[nodiscard]] uint64_t data_bytes() const;

  // Bytes from `offset`, holes as zeros, fewer than `size` only at the file's end. kDamaged for
  // what an incomplete archive lost.
  [[nodiscard]] Result<std::vector<Slice>> Read(uint64_t offset, size_t size) const;

  // What lseek(2) says for SEEK_DATA and SEEK_HOLE: nothing stands for ENXIO.
  [[nodiscard]] std::optional<uint64_t> SeekData(uint64_t offset) const;
  [[nodiscard]] std::optional<uint64_t> SeekHole(uint64_t offset) const;

 private:
  friend class ArchiveReader;
  File(const State& state, const NodeInfo& node) : state_(&state), node_(node) {}
  [[nodiscard]] Result<void> Append(uint64_t offset, uint64_t size, std::vector<Slice>& to) const;

  const State* state_;
  NodeInfo node_;
  // Null for a whole file without holes, as nearly all are: it lies in the tar in one piece from
  // data_offset.
  std::shared_ptr<const std::vector<Extent>> extents_;
};

}  // namespace orcio::inline index
