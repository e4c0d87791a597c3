#include "index/archive/write/archive_assembler.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "index/archive/write/header_check.h"

namespace orcio::inline index {
namespace {

// A member that holds less is rather compressed together with its neighbours than copied: else many
// runs would leave an archive of crumbs.
constexpr size_t kCrumbBytes = kMemberTarBytes / 4;

// As tar ends: two blocks of zeros, and more up to a record.
constexpr size_t kTarBlock = 512;
constexpr size_t kTarRecord = 10240;

}  // namespace

struct ArchiveAssembler::State {
  State(const FileSystem& file_system, ArchiveFiles made)
      : disk(file_system), files(std::move(made)), builder(files.directory()) {}

  Result<void> FlushRun();
  Result<void> CopySpan(const Span& span);
  Result<void> AppendTar(std::span<const std::byte> bytes);
  Result<void> FlushPending();
  Result<void> AppendMember(std::span<const std::byte> member, uint64_t member_tar_bytes,
                            uint32_t crc32);
  Result<void> EndTar();

  const FileSystem& disk;
  ArchiveFiles files;
  SidecarBuilder builder;
  HeaderCheck check;
  MemberEncoder encoder;
  std::set<AssemblySource*> sources;

  // What is to be copied next.
  AssemblySource* source = nullptr;
  uint64_t run_begin = 0;
  uint64_t run_end = 0;

  std::vector<std::byte> pending;  // of the tar, not compressed yet
  std::vector<std::byte> encoded;
  std::vector<Span> spans;
  TarSummary summary;
  Sha256 digest;
  Sha256Digest sha256{};
  uint64_t tar_bytes = 0;      // described, written or not
  uint64_t written_bytes = 0;  // of the tar, in members
  uint64_t archive_bytes = 0;
  uint64_t copied_tar_bytes = 0;
  bool finished = false;
};

Result<std::unique_ptr<ArchiveAssembler>> ArchiveAssembler::Create(
    const FileSystem& files, const std::filesystem::path& directory, std::string name) {
  auto made = ORCIO_TRY(ArchiveFiles::Create(files, directory, std::move(name)));
  return std::unique_ptr<ArchiveAssembler>(
      new ArchiveAssembler(std::make_unique<State>(files, std::move(made))));
}

ArchiveAssembler::ArchiveAssembler(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveAssembler::~ArchiveAssembler() = default;

Result<void> ArchiveAssembler::Append(AssemblySource& source, uint64_t begin, uint64_t end,
                                      TarEntry&& entry) {
  State& state = *state_;
  if (begin % kTarBlock != 0 || end % kTarBlock != 0 || begin >= end ||
      end > source.sidecar().end_of_entries() || entry.header_offset != begin ||
      entry.data_offset > end) {
    return Fail(ErrorKind::kInvalid, "{}: {} does not stand at tar offsets {} to {}",
                source.path().string(), entry.path, begin, end);
  }
  if (state.source != &source || begin != state.run_end) {
    ORCIO_TRY(state.FlushRun());
    state.source = &source;
    state.sources.insert(&source);
    state.run_begin = begin;
  }
  state.run_end = end;
  // Wraps around if the entry moves towards the beginning, and back again.
  const uint64_t moved = state.tar_bytes - begin;
  entry.header_offset += moved;
  entry.data_offset += moved;
  for (Extent& extent : entry.extents) extent.tar_offset += moved;
  state.tar_bytes += end - begin;
  ++state.summary.entries;
  state.check.Add(entry, state.tar_bytes);
  return state.builder.Add(std::move(entry));
}

Result<void> ArchiveAssembler::State::FlushRun() {
  if (source == nullptr) return {};
  const Sidecar& sidecar = source->sidecar();
  for (uint64_t at = run_begin; at < run_end;) {
    const uint64_t index = ORCIO_TRY(sidecar.SpanHolding(at));
    const Span span = ORCIO_TRY(sidecar.SpanAt(index));
    const uint64_t span_end = span.tar_offset + span.tar_bytes;
    const uint64_t next = std::min(span_end, run_end);
    const bool whole = at == span.tar_offset && next == span_end;
    if (whole && (span.tar_bytes >= kCrumbBytes || pending.empty())) {
      ORCIO_TRY(CopySpan(span));
    } else {
      const auto tar = ORCIO_TRY(source->Tar(span));
      ORCIO_TRY(AppendTar(
          tar.subspan(static_cast<size_t>(at - span.tar_offset), static_cast<size_t>(next - at))));
    }
    at = next;
  }
  run_begin = run_end;
  return {};
}

Result<void> ArchiveAssembler::State::CopySpan(const Span& span) {
  ORCIO_TRY(FlushPending());
  const auto member = ORCIO_TRY(source->Member(span));
  const auto header = ORCIO_TRY(ParseMemberHeader(member));
  if (header.is_end || header.member_bytes != member.size() || header.tar_bytes != span.tar_bytes)
    return Fail(ErrorKind::kDamaged, "{} at offset {}: not the member that its sidecar has there",
                source->path().string(), span.archive_offset);
  copied_tar_bytes += span.tar_bytes;
  return AppendMember(member, span.tar_bytes, span.crc32);
}

Result<void> ArchiveAssembler::State::AppendTar(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto some = bytes.first(std::min(bytes.size(), kMemberTarBytes - pending.size()));
    pending.insert(pending.end(), some.begin(), some.end());
    bytes = bytes.subspan(some.size());
    if (pending.size() == kMemberTarBytes) ORCIO_TRY(FlushPending());
  }
  return {};
}

Result<void> ArchiveAssembler::State::FlushPending() {
  if (pending.empty()) return {};
  const auto crc32 = encoder.Encode(pending, encoded).crc32;
  const size_t bytes = pending.size();
  pending.clear();
  return AppendMember(encoded, bytes, crc32);
}

Result<void> ArchiveAssembler::State::AppendMember(std::span<const std::byte> member,
                                                   uint64_t member_tar_bytes, uint32_t crc32) {
  ORCIO_TRY(files.archive().Append(member));
  digest.Update(member);
  spans.push_back({written_bytes, static_cast<uint32_t>(member_tar_bytes), archive_bytes,
                   static_cast<uint32_t>(member.size()), crc32});
  written_bytes += member_tar_bytes;
  archive_bytes += member.size();
  return {};
}

Result<void> ArchiveAssembler::State::EndTar() {
  ORCIO_TRY(FlushRun());
  summary.end_of_entries = tar_bytes;
  const uint64_t end = (tar_bytes + 2 * kTarBlock + kTarRecord - 1) / kTarRecord * kTarRecord;
  ORCIO_TRY(AppendTar(std::vector<std::byte>(static_cast<size_t>(end - tar_bytes))));
  ORCIO_TRY(FlushPending());
  tar_bytes = end;
  summary.tar_bytes = end;
  summary.end_marker = true;
  const auto member = EncodeEndMember(end);
  ORCIO_TRY(files.archive().Append(member));
  digest.Update(member);
  archive_bytes += member.size();
  sha256 = digest.Finish();
  return {};
}

Result<const TarSummary*> ArchiveAssembler::Finish() {
  State& state = *state_;
  if (state.finished) return &state.summary;
  ORCIO_TRY(state.EndTar());
  for (AssemblySource* each : state.sources) ORCIO_TRY(each->Finish());
  const auto written = ORCIO_TRY(state.disk.OpenRead(state.files.archive_path()));
  ORCIO_TRY(state.check.Finish(*written, state.files.name(), state.spans, state.summary));
  state.finished = true;
  return &state.summary;
}

Result<void> ArchiveAssembler::Describe(const RunFacts& facts) {
  State& state = *state_;
  if (!state.finished)
    return Fail(ErrorKind::kInvalid, "{}: described before it is finished", state.files.name());
  return state.files.Describe(state.builder, state.archive_bytes, state.sha256, state.spans,
                              state.summary, facts);
}

Result<void> ArchiveAssembler::Publish() {
  return state_->files.Publish(false);
}

uint64_t ArchiveAssembler::tar_bytes() const {
  return state_->tar_bytes;
}
uint64_t ArchiveAssembler::archive_bytes() const {
  return state_->archive_bytes;
}
const Sha256Digest& ArchiveAssembler::sha256() const {
  return state_->sha256;
}
uint64_t ArchiveAssembler::copied_tar_bytes() const {
  return state_->copied_tar_bytes;
}

Result<TarEntry> TarEntryOf(const Sidecar& sidecar, NodeId node) {
  const NodeInfo info = ORCIO_TRY(sidecar.Node(node));
  TarEntry entry;
  entry.path = ORCIO_TRY(sidecar.Path(node));
  entry.mode = info.mode;
  entry.uid = info.uid;
  entry.gid = info.gid;
  entry.mtime = info.mtime;
  if (info.inode != node) {
    entry.type = EntryType::kHardLink;
    entry.link_target = ORCIO_TRY(sidecar.Path(info.inode));
    return entry;
  }
  entry.type = info.type;
  entry.device_major = info.device_major;
  entry.device_minor = info.device_minor;
  entry.header_offset = info.header_offset;
  entry.data_offset = info.data_offset;
  entry.complete = info.complete;
  if (info.has_attributes) entry.attributes = ORCIO_TRY(sidecar.Attributes(node));
  if (info.type == EntryType::kSymlink) entry.link_target = ORCIO_TRY(sidecar.SymlinkTarget(node));
  if (info.type != EntryType::kFile) return entry;
  entry.size = info.size;
  entry.extents = ORCIO_TRY(sidecar.Extents(node));
  entry.digest = ORCIO_TRY(sidecar.Digest(node));
  return entry;
}

}  // namespace orcio::inline index
