#include "index/sidecar/write/section_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "index/sidecar/crc32.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

constexpr size_t kBufferBytes = 64 * format::kBlockBytes;

}  // namespace

SectionWriter::SectionWriter(WritableFile& file) : file_(file), buffer_(format::kBlockBytes) {
  buffer_.reserve(kBufferBytes);  // and room for the header, zeros until Finish
}

void SectionWriter::Begin(SectionId id, size_t alignment) {
  EndSection();
  Pad(alignment);
  const format::SectionRule& rule = format::RuleOf(id);
  format::Section section{.flags = rule.flags, .offset = position()};
  std::memcpy(section.id, rule.name.data(), sizeof(section.id));
  sections_.push_back(section);
}

void SectionWriter::EndSection() {
  if (!sections_.empty()) sections_.back().bytes = position() - sections_.back().offset;
}

void SectionWriter::CheckEnd(const PlaceCounter& counted) {
  EndSection();
  const format::Section& section = sections_.back();
  if (!result_ || section.bytes == counted.end()) return;
  result_ = Fail(ErrorKind::kInvalid,
                 "the sidecar's section {} came to {} bytes, {} were counted before: a mistake in "
                 "orcio, please report it",
                 std::string_view(section.id, sizeof(section.id)), section.bytes, counted.end());
}

void SectionWriter::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    auto part = bytes.first(std::min(bytes.size(), kBufferBytes - buffer_.size()));
    buffer_.insert(buffer_.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    if (buffer_.size() == kBufferBytes) Flush();
  }
}

void SectionWriter::Pad(size_t alignment) {
  while (buffer_.size() % alignment != 0) buffer_.push_back(std::byte{0});
  if (buffer_.size() == kBufferBytes) Flush();
}

// The buffer holds whole blocks.
void SectionWriter::Flush() {
  for (size_t at = 0; at < buffer_.size(); at += format::kBlockBytes) {
    if (flushed_ + at != 0)
      checksums_.push_back(Crc32(std::span(buffer_).subspan(at, format::kBlockBytes)));
  }
  if (result_) result_ = file_.Append(buffer_);
  flushed_ += buffer_.size();
  buffer_.clear();
}

uint32_t SectionWriter::AppendChecksums() {
  while (true) {
    std::vector<uint32_t> level = std::exchange(checksums_, {});
    Append(std::as_bytes(std::span(level)));
    Pad(format::kBlockBytes);
    Flush();
    if (checksums_.size() == 1) return checksums_[0];
  }
}

Result<void> SectionWriter::Finish(format::Header header) {
  Begin(SectionId::kChecksums, format::kBlockBytes);
  Flush();
  header.checksum_root = AppendChecksums();
  EndSection();

  std::memcpy(header.magic, format::kMagic, sizeof(header.magic));
  header.version = format::kVersion;
  header.section_count = static_cast<uint32_t>(sections_.size());
  header.sidecar_bytes = flushed_;
  std::vector<std::byte> block(format::kBlockBytes);
  std::memcpy(block.data(), &header, sizeof(header));
  std::memcpy(block.data() + sizeof(header), sections_.data(),
              sections_.size() * sizeof(format::Section));
  StoreLittleEndian(Crc32(std::span(block).first(format::kHeaderChecksumOffset)),
                    block.data() + format::kHeaderChecksumOffset);
  ORCIO_TRY(std::exchange(result_, {}));
  return file_.WriteAt(0, block);
}

}  // namespace orcio::inline index
