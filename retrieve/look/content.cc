#include "retrieve/look/content.h"

#include <utility>

#include "base/bytes.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

}  // namespace

Result<void> StreamFile(const ArchiveReader& reader, NodeId file, std::string_view what,
                        const std::function<Result<void>(std::span<const std::byte>)>& take) {
  const uint64_t size = ORCIO_TRY(reader.sidecar().Node(file)).size;
  for (uint64_t offset = 0; offset < size;) {
    const auto slices = reader.ReadFile(file, offset, kReadBytes);
    if (!slices) {
      Error error = slices.error();
      error.message = fmt::format("{}: {}", what, error.message);
      return Failure(std::move(error));
    }
    if (slices->empty())
      return Fail(ErrorKind::kDamaged, "{} ends at {} of {} bytes", what, offset, size);
    for (const Slice& slice : *slices) {
      ORCIO_TRY(take(slice.bytes));
      offset += slice.bytes.size();
    }
  }
  return {};
}

Result<std::string> ReadText(const ArchiveReader& reader, NodeId file, std::string_view what,
                             uint64_t limit) {
  const uint64_t size = ORCIO_TRY(reader.sidecar().Node(file)).size;
  if (size > limit) return Fail(ErrorKind::kLimit, "{}: larger than {} bytes", what, limit);
  std::string text;
  text.reserve(size);
  ORCIO_TRY(StreamFile(reader, file, what, [&](std::span<const std::byte> bytes) {
    text += AsText(bytes);
    return Result<void>();
  }));
  return text;
}

}  // namespace orcio::inline retrieve
