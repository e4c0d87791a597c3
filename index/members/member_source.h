#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "index/spans/span_table.h"

namespace orcio::inline index {

// A member of an archive that orcio wrote, or a stretch between members of which nothing can be
// read.
struct MemberPlace {
  Span span;  // without its CRC-32
  bool lost = false;
};

// The members of an archive that orcio wrote, front to back, each byte read once. Errors name the
// archive and the offset. Not thread-safe.
class MemberSource {
 public:
  virtual ~MemberSource() = default;
  // Replaces `member` by the bytes of the next member; by any if it is lost. Nothing at the end.
  [[nodiscard]] virtual Result<std::optional<MemberPlace>> Next(std::vector<std::byte>& member) = 0;
  // Of the whole archive. Once, after Next has returned nothing.
  [[nodiscard]] virtual Sha256Digest Digest() = 0;
};

}  // namespace orcio::inline index
