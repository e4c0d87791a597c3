#include "fusefs/mount_options.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace orcio {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

bool Has(const ParsedMountOptions& options, const std::string& word) {
  return std::find(options.fuse.begin(), options.fuse.end(), word) != options.fuse.end();
}

}  // namespace

TEST_CASE("Every mount is read-only, nosuid, nodev, and of the type fuse.orcio") {
  const auto options = ValueOf(ParseMountOptions({}, kMiB, GENERATE(false, true)));
  for (const char* word : {"ro", "nosuid", "nodev", "subtype=orcio"}) CHECK(Has(options, word));
  CHECK(options.cache_bytes == kMiB);
}

TEST_CASE("Root mounts for all within the archived permissions, a user for himself") {
  const auto root = ValueOf(ParseMountOptions({}, kMiB, true));
  CHECK(Has(root, "allow_other"));
  CHECK(Has(root, "default_permissions"));
  CHECK(root.default_permissions);
  const auto user = ValueOf(ParseMountOptions({}, kMiB, false));
  CHECK_FALSE(Has(user, "allow_other"));
  CHECK_FALSE(Has(user, "default_permissions"));
  CHECK_FALSE(user.default_permissions);
  const auto strict = ValueOf(ParseMountOptions({"default_permissions"}, kMiB, false));
  CHECK_FALSE(Has(strict, "allow_other"));
  CHECK(strict.default_permissions);
}

TEST_CASE("A user who lets others in does so within the archived permissions") {
  const auto options = ValueOf(ParseMountOptions({"allow_other"}, kMiB, false));
  CHECK(Has(options, "allow_other"));
  CHECK(Has(options, "default_permissions"));
  CHECK(options.default_permissions);
}

TEST_CASE("Options of fstab that are for others are passed over") {
  const auto plain = ValueOf(ParseMountOptions({}, kMiB, true));
  const auto options = ValueOf(ParseMountOptions(
      {"ro,noauto,user,user=maria,_netdev,nofail,x-systemd.automount,x-systemd.idle-timeout=60",
       "defaults", "", "nosuid,,nodev"},
      kMiB, true));
  CHECK(options.fuse == plain.fuse);
}

TEST_CASE("noexec reaches the kernel, cache_size does not") {
  const auto options = ValueOf(ParseMountOptions({"noexec,cache_size=3M"}, kMiB, true));
  CHECK(Has(options, "noexec"));
  CHECK_FALSE(Has(options, "cache_size=3M"));
  CHECK(options.cache_bytes == 3 * kMiB);
}

TEST_CASE("Owner, permissions and idle time are the server's, not the kernel's") {
  const auto plain = ValueOf(ParseMountOptions({}, kMiB, true));
  CHECK_FALSE(plain.shown.uid.has_value());
  CHECK_FALSE(plain.shown.gid.has_value());
  CHECK_FALSE(plain.shown.umask.has_value());
  CHECK(plain.idle_timeout == std::chrono::seconds(0));
  const auto options =
      ValueOf(ParseMountOptions({"uid=1000,gid=100", "umask=027", "idle_timeout=600"}, kMiB, true));
  CHECK(options.fuse == plain.fuse);
  CHECK(options.shown.uid == 1000U);
  CHECK(options.shown.gid == 100U);
  CHECK(options.shown.umask == 027U);
  CHECK(options.idle_timeout == std::chrono::minutes(10));
  CHECK(options.default_permissions);
}

TEST_CASE("Options that would let someone write, and unknown ones, are errors that name them") {
  for (const char* word :
       {"rw", "suid", "dev", "bogus", "cache_size=many", "max_read=1", "uid=root", "uid=", "uid=-1",
        "uid=4294967295", "gid=5x", "umask=8", "umask=1000", "idle_timeout=1.5",
        "idle_timeout=", "idle_timeout", "uid"}) {
    const auto options = ParseMountOptions({"ro", word}, kMiB, true);
    REQUIRE_FALSE(options.has_value());
    CHECK(options.error().kind == ErrorKind::kInvalid);
    CHECK(options.error().message.find(word) != std::string::npos);
  }
}

TEST_CASE("Sizes have a number and at most one unit") {
  CHECK(ValueOf(ParseSize("0")) == 0);
  CHECK(ValueOf(ParseSize("512")) == 512);
  CHECK(ValueOf(ParseSize("64K")) == 65536);
  CHECK(ValueOf(ParseSize("256m")) == 256 * kMiB);
  CHECK(ValueOf(ParseSize("2G")) == 2048 * kMiB);
  CHECK(ValueOf(ParseSize("1T")) == kMiB * kMiB);
  for (const char* text :
       {"", "K", "-1", "1.5G", "1KB", "1 K", "x", "99999999999T", "1@", "99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(ParseSize(text).has_value());
  }
}

}  // namespace orcio
