#include "index/files/byte_source.h"

#include <algorithm>
#include <cstring>

namespace orcio::inline index {

Result<size_t> FileSource::Read(std::span<std::byte> into) {
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(left_, into.size()));
  const size_t got = ORCIO_TRY(file_.ReadAt(offset_, into.first(wanted)));
  offset_ += got;
  left_ = got < wanted ? 0 : left_ - got;
  return got;
}

Result<void> InputBuffer::Fill(size_t least) {
  least = std::min(least, bytes_.size());
  if (end_ - begin_ >= least || ended_) return {};
  std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < least) {
    const size_t got = ORCIO_TRY(source_.Read(std::span(bytes_).subspan(end_)));
    end_ += got;
    if (got == 0) {
      ended_ = true;
      break;
    }
  }
  return {};
}

}  // namespace orcio::inline index
