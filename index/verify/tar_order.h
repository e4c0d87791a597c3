#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::inline index {

// The regular files of an archive in the order in which their content stands in the tar, 16 bytes
// of memory each. `sidecar` outlives it.
class TarOrder {
 public:
  struct File {
    uint64_t tar_offset = 0;  // where its content begins
    NodeId node = 0;
  };

  [[nodiscard]] static Result<TarOrder> Of(const Sidecar& sidecar);

  [[nodiscard]] const std::vector<File>& files() const { return files_; }
  // Those that have content in [begin, end) of the tar.
  [[nodiscard]] Result<std::vector<NodeId>> Hit(uint64_t begin, uint64_t end) const;

 private:
  explicit TarOrder(const Sidecar& sidecar) : sidecar_(&sidecar) {}

  const Sidecar* sidecar_;
  std::vector<File> files_;
};

}  // namespace orcio::inline index
