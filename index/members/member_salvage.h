#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "index/files/file_system.h"
#include "index/members/member_search.h"
#include "index/members/member_source.h"

namespace orcio::inline index {

// Reads what is left of an archive that orcio wrote and whose members do not chain up any more, or
// not to an end member.
class MemberSalvage : public MemberSource {
 public:
  // As FindMembers. `archive` outlives this.
  [[nodiscard]] static Result<MemberSalvage> Plan(const RandomAccess& archive, std::string name,
                                                  const std::stop_token& stop);

  [[nodiscard]] Result<std::optional<MemberPlace>> Next(std::vector<std::byte>& member) override;
  [[nodiscard]] Sha256Digest Digest() override { return digest_.Finish(); }

  // What is damaged but lost spans, for people.
  [[nodiscard]] const std::vector<std::string>& findings() const { return found_.findings; }

 private:
  MemberSalvage(const RandomAccess& archive, std::string name, FoundMembers found)
      : archive_(&archive), name_(std::move(name)), found_(std::move(found)) {}
  [[nodiscard]] Result<void> DigestUpTo(uint64_t offset);

  const RandomAccess* archive_;
  std::string name_;
  FoundMembers found_;
  size_t next_ = 0;
  uint64_t digested_ = 0;
  Sha256 digest_;
};

}  // namespace orcio::inline index
