#include "index/spans/gzip_spans.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace orcio::inline index {
namespace {

// So much that decodes to so little ends a span, too.
constexpr uint64_t kMostArchiveBytes = uint64_t{8} << 20;

}  // namespace

GzipSpans::GzipSpans(GzipStream& stream, uint64_t tar_offset, std::span<const std::byte> window,
                     size_t span_bytes)
    : stream_(stream), span_bytes_(span_bytes), tar_offset_(tar_offset) {
  std::ranges::copy(window.first(std::min(window.size(), window_.size())), window_.begin());
}

bool GzipSpans::EndsHere(uint64_t tar_bytes) const {
  return tar_bytes >= span_bytes_ || stream_.bad_members().size() > bad_members_ ||
         (stream_.position().bit - begun_.bit) / 8 >= kMostArchiveBytes;
}

void GzipSpans::BeginSpan(std::byte* begin) {
  begun_ = stream_.position();
  bad_members_ = stream_.bad_members().size();
  use_.Reset();
  watch_ = {begin, &use_};
}

Result<bool> GzipSpans::Next(DecodedSpan& decoded) {
  if (!ended_ || !*ended_) return ended_;
  decoded.before = {tar_offset_, stream_.Save()};
  // A block that is so long ends a span anywhere.
  const size_t most_bytes = 2 * span_bytes_;
  if (decoded.buffer == nullptr) {
    decoded.buffer =
        std::make_unique_for_overwrite<std::byte[]>(window_.size() + most_bytes + Inflater::kSlack);
  }
  std::memcpy(decoded.buffer.get(), window_.data(), window_.size());
  std::byte* const begin = decoded.buffer.get() + window_.size();
  std::byte* const end = begin + most_bytes;
  std::byte* const watched_end = begin + std::min(most_bytes, size_t{WindowUse::kWindowBytes});
  std::byte* out = begin;
  BeginSpan(begin);
  while (out < end) {
    const bool watched = out < watched_end;
    auto event = stream_.Run(out, watched ? watched_end : end, decoded.buffer.get(),
                             watched ? &watch_ : nullptr);
    if (!event) {
      ended_ = Failure(std::move(event).error());
      break;
    }
    if (*event == GzipStream::Event::kEnd) {
      ended_ = false;
      break;
    }
    if (*event == GzipStream::Event::kFull) continue;
    // What stands before a span's first byte, headers and empty blocks, belongs to none.
    if (out == begin) {
      BeginSpan(begin);
    } else if (EndsHere(static_cast<uint64_t>(out - begin))) {
      break;
    }
  }
  if (out == begin) return ended_;
  Finish(decoded, out);
  return true;
}

void GzipSpans::Finish(DecodedSpan& decoded, std::byte* end) {
  const std::byte* begin = decoded.buffer.get() + window_.size();
  Span& span = decoded.span;
  span.tar_offset = tar_offset_;
  span.tar_bytes = static_cast<uint32_t>(end - begin);
  span.archive_offset = begun_.bit / 8;
  span.archive_bytes = static_cast<uint32_t>(
      std::max<uint64_t>(stream_.data_end(), span.archive_offset + 1) - span.archive_offset);
  span.crc32 = libdeflate_crc32(0, begin, span.tar_bytes);
  decoded.start = SpanStart{};
  decoded.start.kind = SpanStart::Kind::kDeflate;
  decoded.start.skip_bits = static_cast<uint8_t>(begun_.bit % 8);
  decoded.start.block_bits = begun_.bit - begun_.block_bit;
  packer_.Pack(std::span(decoded.buffer.get(), window_.size()), use_, decoded.packed_window);
  decoded.start.window_bytes = static_cast<uint32_t>(decoded.packed_window.size());
  tar_offset_ += span.tar_bytes;
  // The buffer holds the window too: 32 KiB before `end` are there however short the span is.
  std::memcpy(window_.data(), end - window_.size(), window_.size());
}

}  // namespace orcio::inline index
