#include "index/members/member_walk.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/bytes.h"

namespace orcio::inline index {

Result<MemberWalk> MemberWalk::Begin(const RandomAccess& archive, std::string name) {
  MemberWalk walk(archive, std::move(name));
  ORCIO_TRY(walk.HeaderAt(0));
  // An archive without its end member is the likeliest damage by far (a copy that was broken off),
  // and worth noticing before hours are spent on what stands before.
  const uint64_t end_bytes = EncodeEndMember(0).size();
  if (archive.size() >= end_bytes) {
    const auto last = walk.HeaderAt(archive.size() - end_bytes);
    if (last && last->is_end) return walk;
    if (!last && last.error().kind == ErrorKind::kIo) return Failure(last.error());
  }
  return Fail(ErrorKind::kDamaged,
              "{}: cut short or overwritten: its {} bytes do not end in an end member; use another "
              "copy of it",
              walk.name_, archive.size());
}

MemberWalk::MemberWalk(const RandomAccess& archive, std::string name)
    : archive_(&archive), name_(std::move(name)) {}

Result<MemberHeader> MemberWalk::HeaderAt(uint64_t offset) const {
  std::array<std::byte, kMaxMemberHeaderBytes> bytes{};
  const size_t got = ORCIO_TRY(archive_->ReadAt(offset, bytes));
  auto header = ParseMemberHeader(std::span(bytes).first(got));
  if (!header)
    return Fail(header.error().kind, "{} at offset {}: {}", name_, offset, header.error().message);
  return header;
}

Result<std::optional<MemberPlace>> MemberWalk::Next(std::vector<std::byte>& member) {
  const MemberHeader header = ORCIO_TRY(HeaderAt(archive_offset_));
  if (header.member_bytes > archive_->size() - archive_offset_)
    return Fail(ErrorKind::kDamaged, "{} at offset {}: a member of {} bytes, but only {} are left",
                name_, archive_offset_, header.member_bytes, archive_->size() - archive_offset_);
  member.resize(header.member_bytes);
  ORCIO_TRY(ReadExactly(*archive_, archive_offset_, member, name_));
  digest_.Update(member);
  if (header.is_end) {
    ORCIO_TRY(CheckEnd(header, member));
    return std::nullopt;
  }
  const Span span{tar_offset_, header.tar_bytes, archive_offset_, header.member_bytes, 0};
  archive_offset_ += header.member_bytes;
  tar_offset_ += header.tar_bytes;
  return MemberPlace{span};
}

Result<void> MemberWalk::CheckEnd(const MemberHeader& header,
                                  const std::vector<std::byte>& member) const {
  if (header.total_tar_bytes != tar_offset_)
    return Fail(
        ErrorKind::kDamaged,
        "{} at offset {}: the end member counts {} bytes of tar, the members before it hold "
        "{}: some are missing or too many",
        name_, archive_offset_, header.total_tar_bytes, tar_offset_);
  if (archive_offset_ + member.size() != archive_->size())
    return Fail(ErrorKind::kDamaged, "{} at offset {}: {} bytes follow the end member", name_,
                archive_offset_ + member.size(),
                archive_->size() - archive_offset_ - member.size());
  // Its header was believed above, so all of it must be as orcio writes it.
  if (!std::ranges::equal(member, EncodeEndMember(header.total_tar_bytes)))
    return Fail(ErrorKind::kDamaged, "{} at offset {}: damaged end member", name_, archive_offset_);
  return {};
}

}  // namespace orcio::inline index
