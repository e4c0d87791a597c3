#include "fusefs/mount/mount_options.h"

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

TEST_CASE("Root mounts for all and a user for himself, each within the archived permissions") {
  const auto root = ValueOf(ParseMountOptions({}, kMiB, true));
  CHECK(Has(root, "allow_other"));
  const auto user = ValueOf(ParseMountOptions({}, kMiB, false));
  CHECK_FALSE(Has(user, "allow_other"));
  for (const auto& options : {root, user}) {
    CHECK(Has(options, "default_permissions"));
    CHECK(options.default_permissions);
    CHECK_FALSE(options.shown.root_is_private);
  }
}

// With allow_other alone everybody read what root had archived as 0600.
TEST_CASE("Permissions are not checked where that is said in so many words, and not otherwise") {
  const bool as_root = GENERATE(false, true);
  for (const char* words :
       {"allow_other", "noallow_other", "allow_root", "uid=1", "umask=077",
        "nodefault_permissions,default_permissions", "default_permissions,allow_other"}) {
    INFO(words);
    const auto options = ValueOf(ParseMountOptions({words}, kMiB, as_root));
    CHECK(Has(options, "default_permissions"));
    CHECK(options.default_permissions);
  }
  // Nor is anybody else let in by that word alone.
  const auto alone = ValueOf(ParseMountOptions({"nodefault_permissions"}, kMiB, as_root));
  CHECK_FALSE(Has(alone, "default_permissions"));
  CHECK_FALSE(alone.default_permissions);
  CHECK_FALSE(Has(alone, "allow_other"));
  const auto open =
      ValueOf(ParseMountOptions({"allow_other", "nodefault_permissions"}, kMiB, as_root));
  CHECK_FALSE(Has(open, "default_permissions"));
  CHECK(Has(open, "allow_other"));
}

TEST_CASE("Whoever mounts says who else may look, and the last word counts") {
  const bool as_root = GENERATE(false, true);
  const auto of = [&](const char* words) {
    return ValueOf(ParseMountOptions({words}, kMiB, as_root));
  };
  CHECK(Has(of("allow_other"), "allow_other"));
  CHECK_FALSE(Has(of("noallow_other"), "allow_other"));
  CHECK_FALSE(Has(of("allow_other,noallow_other"), "allow_other"));
  CHECK(Has(of("noallow_other,allow_other"), "allow_other"));
  // The kernel knows no such word: others stand before a closed door.
  const auto root_too = of("allow_other,allow_root");
  CHECK(Has(root_too, "allow_other"));
  CHECK_FALSE(Has(root_too, "allow_root"));
  CHECK(root_too.shown.root_is_private);
  CHECK_FALSE(of("allow_root,allow_other").shown.root_is_private);
  const auto nothing_guards =
      ParseMountOptions({"allow_root,nodefault_permissions"}, kMiB, as_root);
  REQUIRE_FALSE(nothing_guards.has_value());
  CHECK(nothing_guards.error().message.find("allow_root") != std::string::npos);
}

// "unknown mount option bogus", and no word of what there is.
TEST_CASE("Whoever writes an unknown option reads which there are, and which was meant") {
  const auto told = [](const char* word) {
    const auto options = ParseMountOptions({word}, kMiB, true);
    REQUIRE_FALSE(options.has_value());
    return options.error().message;
  };
  for (const char* known : kMountOptionWords) {
    INFO(known);
    CHECK(told("xyzzy=1").find(known) != std::string::npos);
  }
  CHECK(told("xyzzy=1").find("did you mean") == std::string::npos);
  CHECK(told("cash_size=1G").find("did you mean `cache_size`?") != std::string::npos);
  CHECK(told("noallow_others").find("did you mean `noallow_other`?") != std::string::npos);
  // What there is to be known of is known.
  for (std::string word : kMountOptionWords) {
    if (word.ends_with('=')) word += '1';
    INFO(word);
    CHECK(ParseMountOptions({word}, kMiB, true).has_value());
  }
}

TEST_CASE("Options of fstab that are for others are passed over") {
  const auto plain = ValueOf(ParseMountOptions({}, kMiB, true));
  const auto options = ValueOf(ParseMountOptions(
      {"ro,noauto,user,user=maria,_netdev,nofail,x-systemd.automount,x-systemd.idle-timeout=60",
       "defaults", "", "nosuid,,nodev"},
      kMiB, true));
  CHECK(options.fuse == plain.fuse);
}

// mount(8), FILESYSTEM-INDEPENDENT MOUNT OPTIONS, but for rw, suid, dev and remount.
TEST_CASE("What mount has for every file system is taken") {
  const auto plain = ValueOf(ParseMountOptions({}, kMiB, true));
  for (const char* word :
       {"async",         "sync",       "dirsync",    "atime",       "noatime",   "diratime",
        "nodiratime",    "relatime",   "norelatime", "strictatime", "lazytime",  "nostrictatime",
        "nolazytime",    "auto",       "noauto",     "defaults",    "nodev",     "nosuid",
        "exec",          "ro",         "group",      "owner",       "user",      "nouser",
        "users",         "user=maria", "_netdev",    "nofail",      "iversion",  "noiversion",
        "mand",          "nomand",     "silent",     "loud",        "symfollow", "comment=any",
        "X-mount.mkdir", "x-gvfs-show"}) {
    INFO(word);
    const auto options = ParseMountOptions({word}, kMiB, true);
    REQUIRE_OK(options);
    CHECK(options->fuse == plain.fuse);
    CHECK_FALSE(options->nosymfollow);
  }
  const std::string context = "context=system_u:object_r:samba_share_t:s0";
  CHECK(Has(ValueOf(ParseMountOptions({context}, kMiB, true)), context));
}

TEST_CASE("nosymfollow is the kernel's to keep and root's to ask for") {
  const auto plain = ValueOf(ParseMountOptions({}, kMiB, true));
  const auto options = ValueOf(ParseMountOptions({"ro,nosymfollow,nofail"}, kMiB, true));
  CHECK(options.nosymfollow);
  CHECK(options.fuse == plain.fuse);  // libfuse would hand it to the kernel as ours
  CHECK_FALSE(ValueOf(ParseMountOptions({"nosymfollow,symfollow"}, kMiB, true)).nosymfollow);
  CHECK(ValueOf(ParseMountOptions({"symfollow", "nosymfollow"}, kMiB, true)).nosymfollow);
  REQUIRE_OK(ParseMountOptions({"nosymfollow,symfollow"}, kMiB, false));
  const auto refused = ParseMountOptions({"nosymfollow"}, kMiB, false);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("only root") != std::string::npos);
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
