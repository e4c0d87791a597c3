#include "index/members/member_search.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "index/gzip/gzip_format.h"
#include "index/gzip/gzip_member.h"
#include "index/tar/tar_stream.h"

namespace orcio::inline index {
namespace {

// What every member but the end member begins with: FORMAT.md, "Layout".
constexpr std::string_view kMemberMagic(
    "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x10\x00OC\x0c\x00\x01\x00\x00\x00", 20);
constexpr size_t kSearchBytes = size_t{1} << 20;
// Deflate makes at most so many bytes of one.
constexpr uint64_t kMostExpansion = 1032;
// Members that are decoded to see which of two neighbours is damaged. Somebody could make a file
// that asks for more than there is time for.
constexpr int kMostTries = 1000;

// A member, or a stretch that is lost. Its length in the tar is not always known.
struct Stretch {
  uint64_t begin = 0;  // in the archive
  uint64_t end = 0;
  uint64_t tar_bytes = 0;  // if not known, what a trailer says; 0 if nothing does
  bool known = false;
  bool lost = false;
};

// Bytes of the tar, as the end member at `offset` counts them. Nothing if there is none, or a
// damaged one.
Result<std::optional<uint64_t>> TotalAt(const RandomAccess& archive, uint64_t offset) {
  const size_t end_bytes = EncodeEndMember(0).size();
  std::vector<std::byte> bytes(end_bytes);
  bytes.resize(ORCIO_TRY(archive.ReadAt(offset, bytes)));
  const auto header = ParseMemberHeader(bytes);
  if (!header || !header->is_end || bytes != EncodeEndMember(header->total_tar_bytes))
    return std::nullopt;
  const uint64_t total = header->total_tar_bytes;
  // No checksum covers it.
  const bool possible = total % kTarBlockSize == 0 && total / kMostExpansion <= archive.size();
  return possible ? std::optional(total) : std::nullopt;
}

// As above, of the one that ends the file.
Result<std::optional<uint64_t>> TotalAtEnd(const RandomAccess& archive) {
  const uint64_t end_bytes = EncodeEndMember(0).size();
  if (archive.size() < end_bytes) return std::nullopt;
  return TotalAt(archive, archive.size() - end_bytes);
}

// Finds the members that are left.
class MemberSearch {
 public:
  MemberSearch(const RandomAccess& archive, const std::string& name, const std::stop_token& stop)
      : archive_(archive), name_(name), stop_(stop) {}

  Result<FoundMembers> Run();

 private:
  Result<std::optional<MemberHeader>> HeaderAt(uint64_t offset) const;
  Result<uint32_t> LengthBefore(uint64_t end) const;
  Result<bool> LeadsOn(uint64_t end) const;
  // Whether what seems to be a member leads on to another one, or decodes to its end.
  Result<bool> IsWhole(const std::optional<Stretch>& member);
  Result<std::optional<Stretch>> MemberAt(uint64_t offset) const;
  Result<bool> Decodes(const Stretch& member);
  Result<uint64_t> FindMember(uint64_t from) const;
  Result<Stretch> LostFrom(uint64_t begin) const;
  Result<void> FindEnd();
  Result<void> Walk();
  Result<void> SettleLengths();
  void MergeUnknown(uint64_t missing, size_t first, size_t last);
  std::vector<MemberPlace> Places() const;

  const RandomAccess& archive_;
  const std::string& name_;
  const std::stop_token& stop_;
  uint64_t members_end_ = 0;       // where no member begins any more
  std::optional<uint64_t> total_;  // bytes of the tar, as the end member has it
  std::vector<Stretch> stretches_;
  FoundMembers found_;
  int tries_left_ = kMostTries;
};

Result<std::optional<MemberHeader>> MemberSearch::HeaderAt(uint64_t offset) const {
  std::array<std::byte, kMaxMemberHeaderBytes> bytes{};
  const size_t got = ORCIO_TRY(archive_.ReadAt(offset, bytes));
  auto header = ParseMemberHeader(std::span<const std::byte>(bytes).first(got));
  return header ? std::optional(*header) : std::nullopt;
}

// What the trailer before `end` says that its member decodes to.
Result<uint32_t> MemberSearch::LengthBefore(uint64_t end) const {
  std::array<std::byte, sizeof(uint32_t)> bytes{};
  ORCIO_TRY(ReadExactly(archive_, end - bytes.size(), bytes, name_));
  return LoadLittleEndian<uint32_t>(bytes.data());
}

Result<bool> MemberSearch::LeadsOn(uint64_t end) const {
  if (end == members_end_) return true;
  return ORCIO_TRY(HeaderAt(end)).has_value();
}

Result<bool> MemberSearch::IsWhole(const std::optional<Stretch>& member) {
  if (!member) return false;
  const bool leads_on = ORCIO_TRY(LeadsOn(member->end));
  if (leads_on) return true;
  return Decodes(*member);
}

Result<std::optional<Stretch>> MemberSearch::MemberAt(uint64_t offset) const {
  const auto header = ORCIO_TRY(HeaderAt(offset));
  if (!header || header->is_end || header->member_bytes > members_end_ - offset)
    return std::nullopt;
  const uint64_t end = offset + header->member_bytes;
  // If header and trailer differ, one of them is damaged, and the other may be right.
  const bool agree = ORCIO_TRY(LengthBefore(end)) == header->tar_bytes;
  return Stretch{offset, end, header->tar_bytes, agree, !agree};
}

Result<bool> MemberSearch::Decodes(const Stretch& member) {
  if (member.lost || tries_left_ == 0) return false;
  --tries_left_;
  std::vector<std::byte> bytes(member.end - member.begin);
  ORCIO_TRY(ReadExactly(archive_, member.begin, bytes, name_));
  std::vector<std::byte> tar(member.tar_bytes);
  return MemberDecoder().Decode(bytes, tar, name_).has_value();
}

// Of the first member after a damage that leads to another one, or to the end.
Result<uint64_t> MemberSearch::FindMember(uint64_t from) const {
  std::vector<std::byte> bytes(kSearchBytes);
  while (from + kMemberMagic.size() <= members_end_) {
    if (stop_.stop_requested())
      return Fail(ErrorKind::kCancelled, "{}: indexing was cancelled", name_);
    const auto most = std::min<uint64_t>(bytes.size(), members_end_ - from);
    const size_t got = ORCIO_TRY(archive_.ReadAt(from, std::span(bytes).first(most)));
    if (got < kMemberMagic.size()) break;
    const auto text = AsText(std::span<const std::byte>(bytes).first(got));
    for (size_t at = text.find(kMemberMagic); at != std::string_view::npos;
         at = text.find(kMemberMagic, at + 1)) {
      const auto member = ORCIO_TRY(MemberAt(from + at));
      if (!member) continue;
      const bool leads_on = ORCIO_TRY(LeadsOn(member->end));
      if (leads_on) return from + at;
    }
    from += got - kMemberMagic.size() + 1;
  }
  return members_end_;
}

Result<Stretch> MemberSearch::LostFrom(uint64_t begin) const {
  const uint64_t end = ORCIO_TRY(FindMember(begin + 1));
  Stretch lost{begin, end, 0, false, true};
  if (lost.end - begin > kMaxMemberBytes || lost.end - begin < gzip::kTrailerBytes) return lost;
  const uint32_t length = ORCIO_TRY(LengthBefore(lost.end));
  if (length <= kMaxMemberTarBytes) lost.tar_bytes = length;
  return lost;
}

Result<void> MemberSearch::FindEnd() {
  total_ = ORCIO_TRY(TotalAtEnd(archive_));
  members_end_ = archive_.size() - (total_ ? EncodeEndMember(0).size() : 0);
  return {};
}

Result<void> MemberSearch::Walk() {
  uint64_t tar_bytes = 0;
  for (uint64_t at = 0; at < members_end_; at = stretches_.back().end) {
    if (stop_.stop_requested())
      return Fail(ErrorKind::kCancelled, "{}: indexing was cancelled", name_);
    const auto member = ORCIO_TRY(MemberAt(at));
    const bool whole = ORCIO_TRY(IsWhole(member));
    if (whole) {
      stretches_.push_back(*member);
      tar_bytes += member->tar_bytes;
      continue;
    }
    // Two archives one after the other have two.
    const auto total = ORCIO_TRY(TotalAt(archive_, at));
    if (total && (!total_ || *total == tar_bytes)) {
      total_ = total;
      const uint64_t end = at + EncodeEndMember(0).size();
      found_.findings.push_back(
          fmt::format("{} at offset {}: {} bytes follow the end member; they are left out", name_,
                      end, archive_.size() - end));
      return {};
    }
    stretches_.push_back(ORCIO_TRY(LostFrom(at)));
  }
  return {};
}

void MemberSearch::MergeUnknown(uint64_t missing, size_t first, size_t last) {
  Stretch& merged = stretches_[first];
  merged = {merged.begin, stretches_[last].end, missing, true, true};
  const auto begin = stretches_.begin();
  stretches_.erase(begin + static_cast<ptrdiff_t>(first) + 1,
                   begin + static_cast<ptrdiff_t>(last) + 1);
}

// How long in the tar is what is lost. Members between two damages whose lengths nobody knows are
// lost as well: where they belong is not known.
Result<void> MemberSearch::SettleLengths() {
  const auto unknown = [](const Stretch& stretch) { return !stretch.known; };
  const auto first = std::find_if(stretches_.begin(), stretches_.end(), unknown);
  if (!total_) {
    found_.findings.push_back(fmt::format(
        "{}: cut short or overwritten: its {} bytes do not end in an end member; use another copy "
        "of it{}",
        name_, archive_.size(),
        first == stretches_.end()
            ? ""
            : fmt::format("; what follows offset {} is left out", first->begin)));
    stretches_.erase(first, stretches_.end());
    return {};
  }
  const auto from = static_cast<size_t>(first - stretches_.begin());
  size_t to = stretches_.size();
  while (to > from && stretches_[to - 1].known) --to;
  uint64_t outside = 0;
  uint64_t said = 0;
  bool all_said = true;
  for (size_t i = 0; i < stretches_.size(); ++i) {
    (i < from || i >= to ? outside : said) += stretches_[i].tar_bytes;
    all_said = all_said && stretches_[i].tar_bytes > 0;
  }
  if (all_said && outside + said == *total_) return {};
  const uint64_t missing = *total_ - std::min(outside, *total_);
  if (from == to || missing == 0 ||
      missing / kMostExpansion > stretches_[to - 1].end - stretches_[from].begin) {
    return Fail(ErrorKind::kDamaged,
                "{}: the end member counts {} bytes of tar, the members before it hold {}: some "
                "are missing or too many",
                name_, *total_, outside + said);
  }
  MergeUnknown(missing, from, to - 1);
  return {};
}

std::vector<MemberPlace> MemberSearch::Places() const {
  std::vector<MemberPlace> places;
  uint64_t tar_offset = 0;
  for (const Stretch& stretch : stretches_) {
    // A span has no more than a member may have.
    const uint64_t parts = (stretch.tar_bytes + kMaxMemberTarBytes - 1) / kMaxMemberTarBytes;
    const uint64_t bytes = stretch.end - stretch.begin;
    uint64_t archive_offset = stretch.begin;
    uint64_t left = stretch.tar_bytes;
    for (uint64_t i = 0; i < parts; ++i) {
      const uint64_t archive_end =
          i + 1 == parts ? stretch.end : stretch.begin + bytes / parts * (i + 1);
      const auto tar_bytes = static_cast<uint32_t>(std::min<uint64_t>(left, kMaxMemberTarBytes));
      const auto archive_bytes =
          static_cast<uint32_t>(std::min<uint64_t>(archive_end - archive_offset, UINT32_MAX));
      places.push_back({{tar_offset, tar_bytes, archive_offset, archive_bytes, 0}, stretch.lost});
      tar_offset += tar_bytes;
      left -= tar_bytes;
      archive_offset = archive_end;
    }
  }
  return places;
}

Result<FoundMembers> MemberSearch::Run() {
  ORCIO_TRY(FindEnd());
  ORCIO_TRY(Walk());
  ORCIO_TRY(SettleLengths());
  if (std::all_of(stretches_.begin(), stretches_.end(), [](const auto& s) { return s.lost; })) {
    return Fail(ErrorKind::kDamaged, "{}: not one member of it can be read; use another copy of it",
                name_);
  }
  found_.places = Places();
  return std::move(found_);
}

}  // namespace

Result<bool> EndsInEndMember(const RandomAccess& archive) {
  return ORCIO_TRY(TotalAtEnd(archive)).has_value();
}

Result<FoundMembers> FindMembers(const RandomAccess& archive, const std::string& name,
                                 const std::stop_token& stop) {
  return MemberSearch(archive, name, stop).Run();
}

}  // namespace orcio::inline index
