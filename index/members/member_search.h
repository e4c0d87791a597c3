#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/members/member_source.h"

namespace orcio::inline index {

// What is left of a damaged archive.
struct FoundMembers {
  std::vector<MemberPlace> places;    // in order, without a gap in the tar
  std::vector<std::string> findings;  // what else is damaged, for people
};

// Finds the members of an archive that orcio wrote and whose members do not chain up any more, or
// not to an end member: FORMAT.md, "What a damaged archive still holds". After each damage the
// next header is looked for, and what is in between is lost. How many bytes of the tar that was is
// known from the end member; if that is gone, what comes after such a damage is left out, since
// nobody knows where in the tar it belongs.
//
// Looks at the header and trailer of every member, and at every byte after a damage. kDamaged
// if no member is left, or if they contradict the end member; kCancelled.
[[nodiscard]] Result<FoundMembers> FindMembers(const RandomAccess& archive, const std::string& name,
                                               const std::stop_token& stop);

// Whether the archive's last bytes are an end member of orcio's.
[[nodiscard]] Result<bool> EndsInEndMember(const RandomAccess& archive);

}  // namespace orcio::inline index
