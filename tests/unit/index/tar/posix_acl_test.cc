#include "index/entry/posix_acl.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

const std::vector<AclEntry> kUnsorted = {{AclTag::kOther, 0, 0},   {AclTag::kMask, 7, 0},
                                         {AclTag::kGroup, 4, 70},  {AclTag::kUser, 5, 2000},
                                         {AclTag::kUser, 6, 1000}, {AclTag::kGroupObject, 4, 0},
                                         {AclTag::kGroup, 1, 60},  {AclTag::kUserObject, 7, 0}};

}  // namespace

TEST_CASE("An ACL is what setfacl stores, byte for byte") {
  const test::ScratchDirectory scratch;
  const std::string file = (scratch / "file").string();
  std::ofstream(file) << "x";
  test::MustRun(
      {"setfacl", "-m", "u::rwx,g::r,o::-,u:1000:rw,u:2000:rx,g:60:x,g:70:r,m::rwx", file});
  char stored[256];
  const ssize_t size = ::getxattr(file.c_str(), "system.posix_acl_access", stored, sizeof(stored));
  REQUIRE(size > 0);
  CHECK(EncodePosixAcl(kUnsorted, false) == std::string(stored, static_cast<size_t>(size)));
}

TEST_CASE("The kernel takes an ACL whose mask was missing, and grants what acl_calc_mask would") {
  const test::ScratchDirectory scratch;
  const std::string file = (scratch / "file").string();
  std::ofstream(file) << "x";
  const std::string acl = EncodePosixAcl({{AclTag::kUserObject, 6, 0},
                                          {AclTag::kUser, 5, 1000},
                                          {AclTag::kGroupObject, 2, 0},
                                          {AclTag::kOther, 0, 0}},
                                         false);
  REQUIRE(::setxattr(file.c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0) == 0);
  CHECK(test::MustRun({"getfacl", "-ncp", "--omit-header", file}).find("mask::rwx") !=
        std::string::npos);
}

TEST_CASE("An ACL that says no more than the mode is none, unless it is a default one") {
  const std::vector<AclEntry> base = {
      {AclTag::kUserObject, 7, 0}, {AclTag::kGroupObject, 5, 0}, {AclTag::kOther, 5, 0}};
  CHECK(EncodePosixAcl(base, false).empty());
  CHECK(EncodePosixAcl(base, true).size() == 4 + 3 * 8);
  CHECK(EncodePosixAcl({}, true).empty());
}

TEST_CASE("An ACL comes back from its value, and gives the permissions that the kernel gives") {
  const test::ScratchDirectory scratch;
  const std::string file = (scratch / "file").string();
  std::ofstream(file) << "x";
  const std::string value = EncodePosixAcl(kUnsorted, false);
  REQUIRE(::setxattr(file.c_str(), "system.posix_acl_access", value.data(), value.size(), 0) == 0);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  const auto decoded = DecodePosixAcl(value);
  REQUIRE(decoded.has_value());
  CHECK(decoded->size() == kUnsorted.size());
  CHECK(PermissionsOfAcl(*decoded) == (status.st_mode & 0777));
  CHECK(EncodePosixAcl(*decoded, false) == value);
}

TEST_CASE("What is no ACL is none") {
  const std::string value = EncodePosixAcl(kUnsorted, false);
  for (size_t size = 0; size < value.size(); ++size) {
    CAPTURE(size);
    const auto decoded = DecodePosixAcl(value.substr(0, size));
    CHECK((!decoded || size % 8 == 4));
    // "Other" stands last.
    if (decoded) CHECK_FALSE(PermissionsOfAcl(*decoded).has_value());
  }
  CHECK_FALSE(DecodePosixAcl("\3" + value.substr(1)).has_value());
  const auto with = [&](size_t at, char byte) {
    std::string changed = value;
    changed[at] = byte;
    return DecodePosixAcl(changed).has_value();
  };
  REQUIRE(with(4, 1));
  CHECK_FALSE(with(4, 4));   // two owning groups, out of order
  CHECK_FALSE(with(4, 3));   // no such tag
  CHECK_FALSE(with(6, 8));   // more than rwx
  CHECK_FALSE(with(52, 8));  // a named one without an id
  // Named ones without a mask.
  CHECK_FALSE(DecodePosixAcl(value.substr(0, 52) + value.substr(60)).has_value());
  CHECK_FALSE(PermissionsOfAcl({{AclTag::kUserObject, 7, 0},
                                {AclTag::kUserObject, 7, 0},
                                {AclTag::kGroupObject, 5, 0},
                                {AclTag::kOther, 5, 0}})
                  .has_value());
}

}  // namespace orcio
