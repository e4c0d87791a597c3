#include "index/spans/window_store.h"

#include <algorithm>

namespace orcio::inline index {

Result<uint64_t> WindowStore::Append(std::span<const std::byte> packed) {
  if (recent_.size() + packed.size() > memory_bytes_) {
    if (!spilled_) spilled_.emplace(ORCIO_TRY(PartFile::CreateBeside(files_, sidecar_, "windows")));
    ORCIO_TRY(spilled_->file().Append(recent_));
    spilled_bytes_ += recent_.size();
    recent_.clear();
  }
  const uint64_t offset = bytes();
  recent_.insert(recent_.end(), packed.begin(), packed.end());
  return offset;
}

Result<std::vector<std::byte>> WindowStore::Read(uint64_t offset, uint32_t bytes) const {
  if (offset >= spilled_bytes_) {
    const auto begin = recent_.begin() + static_cast<ptrdiff_t>(offset - spilled_bytes_);
    return std::vector<std::byte>(begin, begin + bytes);
  }
  std::vector<std::byte> packed(bytes);
  const auto file = ORCIO_TRY(files_.OpenRead(spilled_->path()));
  ORCIO_TRY(ReadExactly(*file, offset, packed, spilled_->path().string()));
  return packed;
}

Result<void> WindowStore::ReadAll(
    const std::function<void(std::span<const std::byte>)>& sink) const {
  if (spilled_) {
    const auto file = ORCIO_TRY(files_.OpenRead(spilled_->path()));
    std::vector<std::byte> buffer(size_t{1} << 20);
    for (uint64_t offset = 0; offset < spilled_bytes_; offset += buffer.size()) {
      buffer.resize(
          static_cast<size_t>(std::min<uint64_t>(buffer.size(), spilled_bytes_ - offset)));
      ORCIO_TRY(ReadExactly(*file, offset, buffer, spilled_->path().string()));
      sink(buffer);
    }
  }
  sink(recent_);
  return {};
}

}  // namespace orcio::inline index
