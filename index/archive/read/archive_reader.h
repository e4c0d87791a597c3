#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "index/archive/read/span_cache.h"
#include "index/files/file_system.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio {

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
  // Takes the archive as it is now: kDamaged where it is not the sidecar's. `cache` outlives the
  // reader.
  [[nodiscard]] static Result<std::unique_ptr<ArchiveReader>> Open(
      const FileSystem& files, const std::filesystem::path& archive,
      std::shared_ptr<const Sidecar> sidecar, SpanCache& cache);
  ~ArchiveReader();

  [[nodiscard]] const Sidecar& sidecar() const;

  // The tar's bytes from `tar_offset`, fewer than `size` only at its end.
  [[nodiscard]] Result<std::vector<Slice>> ReadTar(uint64_t tar_offset, size_t size) const;

  // A file's bytes from `offset`, holes as zeros, fewer than `size` only at its end. kDamaged for
  // what an incomplete archive lost. kInvalid where `file` is no regular file.
  [[nodiscard]] Result<std::vector<Slice>> ReadFile(NodeId file, uint64_t offset,
                                                    size_t size) const;

  // What lseek(2) says for SEEK_DATA and SEEK_HOLE: nothing stands for ENXIO.
  [[nodiscard]] Result<std::optional<uint64_t>> SeekData(NodeId file, uint64_t offset) const;
  [[nodiscard]] Result<std::optional<uint64_t>> SeekHole(NodeId file, uint64_t offset) const;

  // Bytes of a file that are not in holes, for st_blocks: by them cp and du know a sparse file.
  [[nodiscard]] Result<uint64_t> DataBytes(NodeId file) const;

 private:
  struct State;
  explicit ArchiveReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace orcio
