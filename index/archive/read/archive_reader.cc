#include "index/archive/read/archive_reader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "base/threads/mutex.h"
#include "index/entry/extent_check.h"
#include "index/spans/span_decoder.h"

namespace orcio::inline index {
namespace {

using Extents = std::vector<Extent>;

alignas(4096) constexpr std::array<std::byte, 64 * 1024> kZeros{};

void AppendZeros(uint64_t count, std::vector<Slice>& to) {
  for (; count > 0; count -= to.back().bytes.size()) {
    to.push_back({std::span(kZeros).first(std::min<uint64_t>(count, kZeros.size())), nullptr});
  }
}

// The first extent that ends after `offset`.
Extents::const_iterator FirstEndingBehind(const Extents& extents, uint64_t offset) {
  return std::partition_point(extents.begin(), extents.end(), [&](const Extent& extent) {
    return extent.file_offset + extent.length <= offset;
  });
}

// Where the data of `extents` ends; after it an incomplete file is lost.
uint64_t EndOf(const Extents& extents) {
  return extents.empty() ? 0 : extents.back().file_offset + extents.back().length;
}

}  // namespace

struct ArchiveReader::State {
  State(std::string archive_name, std::unique_ptr<RandomAccess> archive,
        std::shared_ptr<const Sidecar> index, SpanCache& spans)
      : name(std::move(archive_name)),
        file(std::move(archive)),
        sidecar(std::move(index)),
        cache(spans),
        id(spans.NewArchive()) {}

  Result<std::shared_ptr<const Extents>> ExtentsOf(const NodeInfo& node) const;
  std::shared_ptr<const Extents> KnownExtents(NodeId node) const REQUIRES(mutex);
  Result<uint64_t> SpanHolding(uint64_t tar_offset) const;
  Result<SpanBytes> SpanContent(uint64_t index, const Span& span) const;
  Result<SpanBytes> Decode(uint64_t index, const Span& span) const;
  Result<void> AppendTar(uint64_t tar_offset, uint64_t size, std::vector<Slice>& to) const;

  const std::string name;  // as messages call it
  const std::unique_ptr<RandomAccess> file;
  const std::shared_ptr<const Sidecar> sidecar;
  SpanCache& cache;
  const uint64_t id;
  // Where the last read ended: a reader that goes on from there needs no search.
  mutable std::atomic<uint64_t> likely_span{0};

  mutable Mutex mutex;
  // The extents last looked up, and all that somebody has: a sparse file can have millions, and is
  // looked at before it is opened, and by many at once.
  mutable std::shared_ptr<const Extents> recent_extents GUARDED_BY(mutex);
  mutable std::map<NodeId, std::weak_ptr<const Extents>> known_extents GUARDED_BY(mutex);
};

Result<std::shared_ptr<const Extents>> ArchiveReader::State::ExtentsOf(const NodeInfo& node) const {
  {
    const MutexLock lock(mutex);
    if (auto known = KnownExtents(node.inode)) return known;
  }
  const auto extents = std::make_shared<const Extents>(ORCIO_TRY(sidecar->Extents(node.inode)));
  // The sidecar lets those of a file that is not whole lie beyond the tar.
  if (!ExtentsAreSound(*extents, node.size, sidecar->tar_bytes())) {
    return Fail(ErrorKind::kDamaged, "{}: the index has impossible extents for the file at {}",
                name, node.data_offset);
  }
  const MutexLock lock(mutex);
  // Two may have looked them up at once: those of the first are everybody's.
  recent_extents = KnownExtents(node.inode);
  if (recent_extents == nullptr) {
    std::erase_if(known_extents, [](const auto& known) { return known.second.expired(); });
    known_extents[node.inode] = extents;
    recent_extents = extents;
  }
  return recent_extents;
}

std::shared_ptr<const Extents> ArchiveReader::State::KnownExtents(NodeId node) const {
  const auto known = known_extents.find(node);
  return known == known_extents.end() ? nullptr : known->second.lock();
}

Result<uint64_t> ArchiveReader::State::SpanHolding(uint64_t tar_offset) const {
  const uint64_t likely = likely_span.load(std::memory_order_relaxed);
  for (uint64_t index = likely; index < likely + 2 && index < sidecar->span_count(); ++index) {
    const Span span = ORCIO_TRY(sidecar->SpanAt(index));
    if (tar_offset >= span.tar_offset && tar_offset - span.tar_offset < span.tar_bytes)
      return index;
  }
  return sidecar->SpanHolding(tar_offset);
}

Result<SpanBytes> ArchiveReader::State::SpanContent(uint64_t index, const Span& span) const {
  return cache.Get({id, index}, [&] { return Decode(index, span); });
}

Result<SpanBytes> ArchiveReader::State::Decode(uint64_t index, const Span& span) const {
  const std::string what =
      fmt::format("{}: span {} at offset {}", name, index, span.archive_offset);
  const SpanStart start = ORCIO_TRY(sidecar->StartOf(index));
  const auto window = ORCIO_TRY(sidecar->PackedWindow(start));
  return std::make_shared<const std::vector<std::byte>>(
      ORCIO_TRY(DecodeSpan(*file, span, start, window, what)));
}

// What is asked for lies within tar_bytes().
Result<void> ArchiveReader::State::AppendTar(uint64_t tar_offset, uint64_t size,
                                             std::vector<Slice>& to) const {
  if (size == 0) return {};
  uint64_t index = ORCIO_TRY(SpanHolding(tar_offset));
  for (;; ++index) {
    const Span span = ORCIO_TRY(sidecar->SpanAt(index));
    if (tar_offset < span.tar_offset || tar_offset - span.tar_offset >= span.tar_bytes) {
      return Fail(ErrorKind::kDamaged, "{}: no span of the index holds tar offset {}", name,
                  tar_offset);
    }
    SpanBytes bytes = ORCIO_TRY(SpanContent(index, span));
    const uint64_t within = tar_offset - span.tar_offset;
    const uint64_t here = std::min<uint64_t>(size, span.tar_bytes - within);
    to.push_back({std::span(*bytes).subspan(within, here), std::move(bytes)});
    tar_offset += here;
    size -= here;
    if (size == 0) break;
  }
  if (likely_span.load(std::memory_order_relaxed) != index)
    likely_span.store(index, std::memory_order_relaxed);
  return {};
}

ArchiveReader::ArchiveReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

ArchiveReader::~ArchiveReader() {
  state_->cache.Forget(state_->id);
}

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::Open(const FileSystem& files,
                                                           const std::filesystem::path& archive,
                                                           std::shared_ptr<const Sidecar> sidecar,
                                                           SpanCache& cache) {
  auto file = ORCIO_TRY(files.OpenRead(archive));
  ORCIO_TRY(sidecar->CheckBelongsTo(*file));
  return std::unique_ptr<ArchiveReader>(new ArchiveReader(
      std::make_unique<State>(archive.string(), std::move(file), std::move(sidecar), cache)));
}

const Sidecar& ArchiveReader::sidecar() const {
  return *state_->sidecar;
}

Result<std::vector<Slice>> ArchiveReader::ReadTar(uint64_t tar_offset, size_t size) const {
  std::vector<Slice> slices;
  const uint64_t end = state_->sidecar->tar_bytes();
  if (tar_offset < end)
    ORCIO_TRY(state_->AppendTar(tar_offset, std::min<uint64_t>(size, end - tar_offset), slices));
  return slices;
}

Result<ArchiveReader::File> ArchiveReader::OpenFile(NodeId file) const {
  const Sidecar& index = *state_->sidecar;
  const NodeInfo node = ORCIO_TRY(index.Node(file));
  if (node.type != EntryType::kFile)
    return Fail(ErrorKind::kInvalid, "{}: node {} is no regular file", state_->name, file);
  File opened(*state_, node);
  if (node.sparse || !node.complete) {
    opened.extents_ = ORCIO_TRY(state_->ExtentsOf(node));
    return opened;
  }
  const auto end = CheckedAdd(node.data_offset, node.size);
  if (node.size > 0 && (!end || *end > index.tar_bytes())) {
    return Fail(ErrorKind::kDamaged, "{}: the index puts a file of {} bytes at tar offset {} of {}",
                state_->name, node.size, node.data_offset, index.tar_bytes());
  }
  return opened;
}

Result<std::vector<Slice>> ArchiveReader::ReadFile(NodeId file, uint64_t offset,
                                                   size_t size) const {
  const File opened = ORCIO_TRY(OpenFile(file));
  return opened.Read(offset, size);
}

Result<std::vector<Slice>> ArchiveReader::File::Read(uint64_t offset, size_t size) const {
  std::vector<Slice> slices;
  if (offset < node_.size)
    ORCIO_TRY(Append(offset, std::min<uint64_t>(size, node_.size - offset), slices));
  return slices;
}

// What is asked for lies within the file's size.
Result<void> ArchiveReader::File::Append(uint64_t offset, uint64_t size,
                                         std::vector<Slice>& to) const {
  if (extents_ == nullptr) return state_->AppendTar(node_.data_offset + offset, size, to);
  if (!node_.complete && offset + size > EndOf(*extents_)) {
    return Fail(ErrorKind::kDamaged,
                "{}: the file at tar offset {} is incomplete: {} of its {} bytes are there",
                state_->name, node_.data_offset, EndOf(*extents_), node_.size);
  }
  const uint64_t end = offset + size;
  for (auto extent = FirstEndingBehind(*extents_, offset); offset < end; ++extent) {
    const uint64_t data = extent == extents_->end() ? end : std::min(end, extent->file_offset);
    if (data > offset) AppendZeros(data - offset, to);
    offset = std::max(offset, data);
    if (offset == end) break;
    const uint64_t within = offset - extent->file_offset;
    const uint64_t here = std::min(end - offset, extent->length - within);
    ORCIO_TRY(state_->AppendTar(extent->tar_offset + within, here, to));
    offset += here;
  }
  return {};
}

std::optional<uint64_t> ArchiveReader::File::SeekData(uint64_t offset) const {
  if (offset >= node_.size) return std::nullopt;
  if (extents_ == nullptr) return offset;
  const auto extent = FirstEndingBehind(*extents_, offset);
  if (extent != extents_->end()) return std::max(offset, extent->file_offset);
  // What an incomplete file lost is no hole: whoever copies it must run into the error.
  if (!node_.complete) return offset;
  return std::nullopt;
}

std::optional<uint64_t> ArchiveReader::File::SeekHole(uint64_t offset) const {
  if (offset >= node_.size) return std::nullopt;
  if (extents_ == nullptr) return node_.size;
  uint64_t reached = offset;
  for (auto extent = FirstEndingBehind(*extents_, offset);
       extent != extents_->end() && extent->file_offset <= reached; ++extent) {
    reached = extent->file_offset + extent->length;
  }
  const bool lost = !node_.complete && reached >= EndOf(*extents_);
  return lost ? node_.size : reached;
}

uint64_t ArchiveReader::File::data_bytes() const {
  if (extents_ == nullptr) return node_.size;
  uint64_t sum = 0;
  for (const Extent& extent : *extents_) sum += extent.length;
  return sum;
}

}  // namespace orcio::inline index
