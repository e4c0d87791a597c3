#include "index/members/member_salvage.h"

#include <algorithm>
#include <utility>

namespace orcio::inline index {
namespace {

constexpr size_t kDigestBytes = size_t{1} << 20;

}  // namespace

Result<MemberSalvage> MemberSalvage::Plan(const RandomAccess& archive, std::string name,
                                          const std::stop_token& stop) {
  auto found = ORCIO_TRY(FindMembers(archive, name, stop));
  return MemberSalvage(archive, std::move(name), std::move(found));
}

Result<void> MemberSalvage::DigestUpTo(uint64_t offset) {
  std::vector<std::byte> piece(std::min<uint64_t>(kDigestBytes, offset - digested_));
  while (digested_ < offset) {
    const auto bytes = std::span(piece).first(std::min<uint64_t>(piece.size(), offset - digested_));
    ORCIO_TRY(ReadExactly(*archive_, digested_, bytes, name_));
    digest_.Update(bytes);
    digested_ += bytes.size();
  }
  return {};
}

Result<std::optional<MemberPlace>> MemberSalvage::Next(std::vector<std::byte>& member) {
  if (next_ == found_.places.size()) {
    ORCIO_TRY(DigestUpTo(archive_->size()));
    return std::nullopt;
  }
  const MemberPlace& place = found_.places[next_++];
  const Span& span = place.span;
  if (place.lost) return place;
  ORCIO_TRY(DigestUpTo(span.archive_offset));
  member.resize(span.archive_bytes);
  ORCIO_TRY(ReadExactly(*archive_, span.archive_offset, member, name_));
  digest_.Update(member);
  digested_ += member.size();
  return place;
}

}  // namespace orcio::inline index
