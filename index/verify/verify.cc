#include "index/verify/verify.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "index/archive/read/archive_reader.h"
#include "index/gzip/gzip_member.h"
#include "index/rebuild/rebuild.h"
#include "index/sidecar/read/sidecar.h"
#include "index/verify/damage_findings.h"
#include "index/verify/data_check.h"
#include "index/verify/own_check.h"
#include "index/verify/tar_order.h"

namespace orcio::inline index {
namespace {

constexpr uint64_t kDecodedBytes = uint64_t{32} << 20;
using Report = std::function<void(const ArchiveDamage&)>;

// That each member's header says what the index says.
Result<void> CheckMember(const RandomAccess& archive, const Span& span, const std::string& name) {
  std::array<std::byte, kMaxMemberHeaderBytes> bytes{};
  const size_t read = ORCIO_TRY(archive.ReadAt(span.archive_offset, bytes));
  auto header = ParseMemberHeader(std::span<const std::byte>(bytes).first(read));
  if (!header) {
    return Fail(ErrorKind::kDamaged, "{} at offset {}: {}", name, span.archive_offset,
                header.error().message);
  }
  if (header->is_end || header->tar_bytes != span.tar_bytes ||
      header->member_bytes != span.archive_bytes) {
    return Fail(ErrorKind::kDamaged,
                "{} at offset {}: the member's header is not what the index says", name,
                span.archive_offset);
  }
  return {};
}

Result<void> CheckEnd(const RandomAccess& archive, const Sidecar& sidecar,
                      const std::string& name) {
  const uint64_t spans = sidecar.span_count();
  uint64_t end = 0;
  if (spans > 0) {
    const Span last = ORCIO_TRY(sidecar.SpanAt(spans - 1));
    end = last.archive_offset + last.archive_bytes;
  }
  std::array<std::byte, kMaxMemberHeaderBytes> bytes{};
  const size_t read = ORCIO_TRY(archive.ReadAt(end, bytes));
  const auto header = ParseMemberHeader(std::span<const std::byte>(bytes).first(read));
  if (!header || !header->is_end || header->total_tar_bytes != sidecar.tar_bytes() ||
      end + header->member_bytes != archive.size()) {
    return Fail(ErrorKind::kDamaged,
                "{} at offset {}: the end member is not there, or says another "
                "length than the index",
                name, end);
  }
  return {};
}

// Looks at every span: that members follow one another without a gap, and what each one's header
// says, unless all that is in them will be read anyway.
class StructureCheck {
 public:
  StructureCheck(const RandomAccess& archive, const Sidecar& sidecar, bool headers,
                 DamageFindings& findings)
      : archive_(archive), sidecar_(sidecar), headers_(headers), findings_(findings) {}

  Result<void> Run(const std::stop_token& stop);

 private:
  Result<void> Check(const Span& span, SpanStart::Kind kind) const;
  Result<void> Lose(const Span& span);
  Result<void> Tell();

  const RandomAccess& archive_;
  const Sidecar& sidecar_;
  const bool headers_;
  DamageFindings& findings_;
  std::optional<TarOrder> order_;
  std::optional<uint64_t> member_end_ = 0;  // where the next begins, if that is known
  std::optional<ArchiveDamage> found_;      // spans one after another that were lost when indexed
};

Result<void> StructureCheck::Check(const Span& span, SpanStart::Kind kind) const {
  const bool member = kind == SpanStart::Kind::kMember;
  if (span.archive_offset + span.archive_bytes > archive_.size() ||
      (member && member_end_ && span.archive_offset != *member_end_)) {
    return Fail(ErrorKind::kDamaged, "{} at offset {}: the index has an impossible span there",
                findings_.name(), span.archive_offset);
  }
  return member && headers_ ? CheckMember(archive_, span, findings_.name()) : Result<void>();
}

Result<void> StructureCheck::Tell() {
  if (!found_) return {};
  const ArchiveDamage damage = *std::exchange(found_, std::nullopt);
  if (!order_) order_ = ORCIO_TRY(TarOrder::Of(sidecar_));
  return findings_.Add(
      damage, sidecar_,
      ORCIO_TRY(order_->Hit(damage.tar_offset, damage.tar_offset + damage.tar_bytes)));
}

Result<void> StructureCheck::Lose(const Span& span) {
  if (!found_) {
    found_ = ArchiveDamage{.archive_offset = span.archive_offset,
                           .tar_offset = span.tar_offset,
                           .message = fmt::format("{} at offset {}: the archive was damaged there "
                                                  "when it was indexed",
                                                  findings_.name(), span.archive_offset)};
  }
  found_->archive_bytes = span.archive_offset + span.archive_bytes - found_->archive_offset;
  found_->tar_bytes = span.tar_offset + span.tar_bytes - found_->tar_offset;
  return {};
}

Result<void> StructureCheck::Run(const std::stop_token& stop) {
  bool members = true;
  for (uint64_t i = 0; i < sidecar_.span_count(); ++i) {
    if (stop.stop_requested())
      return Fail(ErrorKind::kCancelled, "{}: cancelled", findings_.name());
    const Span span = ORCIO_TRY(sidecar_.SpanAt(i));
    const auto kind = ORCIO_TRY(sidecar_.StartOf(i)).kind;
    members = members && kind == SpanStart::Kind::kMember;
    if (kind == SpanStart::Kind::kLost) {
      // Reading it says so, too.
      if (headers_) ORCIO_TRY(Lose(span));
      member_end_.reset();
      continue;
    }
    ORCIO_TRY(Tell());
    auto checked = Check(span, kind);
    member_end_ = span.archive_offset + span.archive_bytes;
    if (checked) continue;
    if (checked.error().kind != ErrorKind::kDamaged) return checked;
    found_ = ArchiveDamage{.archive_offset = span.archive_offset,
                           .archive_bytes = span.archive_bytes,
                           .tar_offset = span.tar_offset,
                           .tar_bytes = span.tar_bytes,
                           .message = checked.error().message};
    ORCIO_TRY(Tell());
  }
  ORCIO_TRY(Tell());
  // What was cut short when it was indexed has no end; that is said elsewhere.
  if (!members || !sidecar_.complete()) return {};
  const bool ours = ORCIO_TRY(HasOurMembers(archive_));
  if (!ours) return {};
  auto ended = CheckEnd(archive_, sidecar_, findings_.name());
  if (ended || ended.error().kind != ErrorKind::kDamaged) return ended;
  return findings_.Add(
      {.archive_offset = member_end_.value_or(0), .message = ended.error().message});
}

// That the tar was whole when it was indexed.
Result<void> CheckWhole(const Sidecar& sidecar, DamageFindings& findings) {
  if (sidecar.complete()) return {};
  std::vector<NodeId> incomplete;
  for (NodeId id = 0; id < sidecar.node_count(); ++id) {
    const NodeInfo node = ORCIO_TRY(sidecar.Node(id));
    if (!node.complete && node.inode == id) incomplete.push_back(id);
  }
  const auto warnings = ORCIO_TRY(sidecar.warnings());
  std::string why;
  for (size_t i = 0; i < std::min<size_t>(warnings.texts.size(), 3); ++i)
    why += (i == 0 ? ": " : "; ") + warnings.texts[i];
  if (warnings.count > 3) why += fmt::format("; and {} more", warnings.count - 3);
  return findings.Add({.tar_offset = sidecar.end_of_entries(),
                       .message = fmt::format("{}: the tar is not whole{}", findings.name(), why)},
                      sidecar, incomplete);
}

// The sidecar, if it is sound and the archive's; nothing if `why_not` says that it is not.
Result<std::shared_ptr<const Sidecar>> OpenSound(const FileSystem& files,
                                                 const RandomAccess& archive,
                                                 const std::filesystem::path& path,
                                                 std::string& why_not) {
  auto sidecar = Sidecar::OpenFor(files, path, archive);
  if (!sidecar && sidecar.error().kind == ErrorKind::kNotFound) return sidecar;
  const Result<void> checked = sidecar ? (*sidecar)->CheckAll() : Failure(sidecar.error());
  if (checked) return sidecar;
  if (checked.error().kind != ErrorKind::kDamaged &&
      checked.error().kind != ErrorKind::kUnsupported)
    return Failure(checked.error());
  why_not = checked.error().message;
  if (checked.error().kind == ErrorKind::kUnsupported) why_not += "; `orcio index` makes it anew";
  return std::shared_ptr<const Sidecar>();
}

// What is left to verify if there is no sidecar to hold the archive against.
Result<void> CheckWithout(const FileSystem& files, const RandomAccess& archive,
                          const std::filesystem::path& sidecar, const VerifyOptions& options,
                          std::string why_not, DamageFindings& findings,
                          const std::stop_token& stop) {
  if (!options.read_data) return findings.Add({.message = std::move(why_not)});
  const auto damages =
      ORCIO_TRY(CheckOwnBytes(files, archive, findings.name(), sidecar, options, stop));
  why_not += damages.empty() ? "; read without its index, the archive is sound: its checksums are "
                               "right, and the tar in it is whole"
                             : "; read without its index, the archive is damaged";
  ORCIO_TRY(findings.Add({.message = std::move(why_not)}));
  for (const ArchiveDamage& damage : damages) ORCIO_TRY(findings.Add(damage));
  return {};
}

}  // namespace

Result<VerifyCounts> VerifyArchive(const FileSystem& files, const std::filesystem::path& archive,
                                   const std::filesystem::path& sidecar_path,
                                   const VerifyOptions& options, const Report& report,
                                   const std::stop_token& stop) {
  DamageFindings findings(archive.string(), report);
  const auto file = ORCIO_TRY(files.OpenRead(archive));
  std::string why_not;
  const auto sidecar = ORCIO_TRY(OpenSound(files, *file, sidecar_path, why_not));
  VerifyCounts counts;
  if (sidecar == nullptr) {
    ORCIO_TRY(
        CheckWithout(files, *file, sidecar_path, options, std::move(why_not), findings, stop));
  } else {
    ORCIO_TRY(StructureCheck(*file, *sidecar, !options.read_data, findings).Run(stop));
    ORCIO_TRY(CheckWhole(*sidecar, findings));
    if (options.read_data) {
      SpanCache cache(kDecodedBytes);
      const auto reader = ORCIO_TRY(ArchiveReader::Open(files, archive, sidecar, cache));
      counts = ORCIO_TRY(CheckData(*file, *reader, options, findings, stop));
      counts.read_data = true;
    }
  }
  counts.damages = findings.count();
  return counts;
}

}  // namespace orcio::inline index
