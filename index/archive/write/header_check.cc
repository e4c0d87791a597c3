#include "index/archive/write/header_check.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "index/entry/tar_path.h"
#include "index/gzip/gzip_member.h"
#include "index/spans/span_decoder.h"

namespace orcio::inline index {
namespace {

// Headers closer to each other count as one region: the members between them are decoded anyway.
constexpr uint64_t kNear = kMemberTarBytes / 2;

void Digest(Sha256& sha256, std::initializer_list<uint64_t> numbers) {
  std::vector<std::byte> bytes;
  for (const uint64_t number : numbers) AppendLittleEndian(number, bytes);
  sha256.Update(bytes);
}

// However many slashes and dots it has.
void DigestPath(Sha256& sha256, std::string_view path) {
  path = InsideTree(path);
  for (auto name = NextComponent(path); !name.empty(); name = NextComponent(path)) {
    Digest(sha256, {name.size()});
    sha256.Update(AsBytes(name));
  }
  Digest(sha256, {0});
}

// What tar says of an entry, but for what it does not say of a hard link.
void DigestEntry(Sha256& sha256, const TarEntry& entry) {
  DigestPath(sha256, entry.path);
  Digest(sha256, {static_cast<uint64_t>(entry.type), entry.header_offset});
  if (entry.type == EntryType::kHardLink) return DigestPath(sha256, entry.link_target);
  Digest(sha256, {entry.data_offset, entry.size, entry.mode, entry.uid, entry.gid,
                  static_cast<uint64_t>(entry.mtime.seconds), entry.mtime.nanoseconds,
                  entry.device_major, entry.device_minor, entry.link_target.size()});
  sha256.Update(AsBytes(entry.link_target));
  for (const ExtendedAttribute& attribute : entry.attributes) {
    Digest(sha256, {attribute.name.size(), attribute.value.size()});
    sha256.Update(AsBytes(attribute.name));
    sha256.Update(AsBytes(attribute.value));
  }
  for (const Extent& extent : entry.extents) {
    if (extent.length != 0) Digest(sha256, {extent.file_offset, extent.tar_offset, extent.length});
  }
}

// A sparse file's map may stand in front of its content.
uint64_t EndOfHeaders(const TarEntry& entry, uint64_t end) {
  const bool plain =
      entry.extents.size() == 1 && entry.extents[0] == Extent{0, entry.data_offset, entry.size};
  if (entry.type != EntryType::kFile || plain) return entry.data_offset;
  return entry.extents.empty() ? end : entry.extents[0].tar_offset;
}

// The tar of an archive, with zeros in the place of members without headers.
class HeaderSource : public TarSource {
 public:
  HeaderSource(const RandomAccess& archive, const std::string& name, std::span<const Span> spans,
               std::function<bool(const Span&)> has_header)
      : archive_(archive), name_(name), spans_(spans), has_header_(std::move(has_header)) {}

  Result<std::span<const std::byte>> Next() override {
    if (next_ == spans_.size()) return std::span<const std::byte>();
    const Span& span = spans_[next_++];
    if (!has_header_(span)) {
      zeros_.resize(std::max<size_t>(zeros_.size(), span.tar_bytes));
      return std::span<const std::byte>(zeros_).first(span.tar_bytes);
    }
    tar_ = ORCIO_TRY(DecodeSpan(archive_, span, {}, {},
                                fmt::format("{} at offset {}", name_, span.archive_offset)));
    return std::span<const std::byte>(tar_);
  }

 private:
  const RandomAccess& archive_;
  const std::string& name_;
  const std::span<const Span> spans_;
  const std::function<bool(const Span&)> has_header_;
  size_t next_ = 0;
  std::vector<std::byte> zeros_, tar_;
};

}  // namespace

void HeaderCheck::Add(const TarEntry& entry, uint64_t end) {
  DigestEntry(described_, entry);
  const Region region{entry.header_offset, EndOfHeaders(entry, end)};
  if (headers_.empty() || region.begin - headers_.back().end > kNear) {
    headers_.push_back(region);
  } else {
    headers_.back().end = region.end;
  }
}

Result<void> HeaderCheck::Finish(const RandomAccess& archive, const std::string& name,
                                 std::span<const Span> spans, const TarSummary& expected) {
  headers_.push_back({expected.end_of_entries, expected.tar_bytes});
  auto region = headers_.begin();
  const auto has_header = [&](const Span& span) {
    while (region->end <= span.tar_offset && region + 1 != headers_.end()) ++region;
    return region->begin < span.tar_offset + span.tar_bytes;
  };
  HeaderSource source(archive, name, spans, has_header);
  Sha256 read;
  const auto take = [&](TarEntry&& entry) -> Result<void> {
    DigestEntry(read, entry);
    return {};
  };
  const auto summary = ORCIO_TRY(ScanTar(source, take, {.digest = false, .stop_at_damage = true}));
  if (summary.whole() && summary.entries == expected.entries &&
      summary.end_of_entries == expected.end_of_entries && read.Finish() == described_.Finish()) {
    return {};
  }
  return Fail(ErrorKind::kDamaged,
              "{}: the {} entries put together are not those that the tar has, {}", name,
              expected.entries, summary.entries);
}

}  // namespace orcio::inline index
