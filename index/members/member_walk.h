#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "index/files/file_system.h"
#include "index/gzip/gzip_member.h"
#include "index/members/member_source.h"

namespace orcio::inline index {

// Hops from member to member of an archive that orcio wrote, reading each byte once, front to back.
// Errors name the archive and the offset. Not thread-safe.
class MemberWalk : public MemberSource {
 public:
  // `archive` outlives the walk; `name` is for messages. Looks at both ends of the archive: one
  // that was cut is noticed here. kUnsupported if orcio did not write it.
  [[nodiscard]] static Result<MemberWalk> Begin(const RandomAccess& archive, std::string name);

  // Replaces `member` by the bytes of the next member. Nothing once the end member has gone by,
  // with the lengths it claims and the file's end right after it.
  [[nodiscard]] Result<std::optional<MemberPlace>> Next(std::vector<std::byte>& member) override;

  [[nodiscard]] Sha256Digest Digest() override { return digest_.Finish(); }

 private:
  MemberWalk(const RandomAccess& archive, std::string name);
  [[nodiscard]] Result<MemberHeader> HeaderAt(uint64_t offset) const;
  [[nodiscard]] Result<void> CheckEnd(const MemberHeader& header,
                                      const std::vector<std::byte>& member) const;

  const RandomAccess* archive_;
  std::string name_;
  uint64_t tar_offset_ = 0;
  uint64_t archive_offset_ = 0;
  Sha256 digest_;
};

}  // namespace orcio::inline index
