#include "archiver/listing/remote_listing.h"

#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <map>

#include "archiver/listing/listing_parser.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

constexpr std::chrono::seconds kPatience{600};

struct Listed {
  ScratchMemory memory;
  InternedBytes paths{memory};
  HostListing files{memory, paths};
};

// Feeds `text` in pieces of `piece` bytes.
Result<ListingParser::Ended> Parse(ListingTool::Kind kind, std::string_view text, Listed& into,
                                   size_t piece = 65536) {
  const std::string host = "atena";
  ListingParser parser(kind, host, into.files);
  while (!text.empty()) {
    const auto room = ORCIO_TRY(parser.Buffer());
    const size_t count = std::min({room.size(), text.size(), piece});
    std::memcpy(room.data(), text.data(), count);
    ORCIO_TRY(parser.Commit(count));
    text.remove_prefix(count);
  }
  return parser.Finish();
}

std::string Text(std::initializer_list<std::string_view> records) {
  std::string text;
  for (const auto record : records) text.append(record).push_back('\0');
  return text;
}

}  // namespace

TEST_CASE("What find lists is read, however it is cut") {
  const std::string text = Text(
      {"orcio-begin 1795572186 27911.85",
       "f 644 1000 33 2 17 65024 42 1700000000.1234567890 -1.5000000000 ./srv/a b\nc",
       "s 755 0 0 1 0 65024 43 1.0 1.0 ./srv/socket",
       "d 1755 0 0 3 4096 65024 44 5.0 99999999999999.0 ./srv", "orcio-end 1 1795572190 27915.90"});
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{65536}}) {
    Listed listed;
    const auto ended = ValueOf(Parse(ListingTool::Kind::kFind, text, listed, piece));
    CHECK(ended.begun.seconds == 1'795'572'186);
    CHECK(ended.begun.uptime_ms == 27'911'850);
    CHECK(ended.find_status == 1);
    REQUIRE(listed.files.size() == 2);
    const HostFile& file = listed.files.File(0);
    CHECK(listed.files.Path(0) == "srv/a b\nc");
    CHECK(file.type == EntryType::kFile);
    CHECK(file.mode == 0644);
    CHECK(file.uid == 1000);
    CHECK(file.gid == 33);
    CHECK(file.links == 2);
    CHECK(file.size == 17);
    CHECK(file.inode == 42);
    CHECK(file.mtime_ns == 1'700'000'000'123'456'789);
    CHECK(file.ctime_ns == -1'500'000'000);
    CHECK(listed.files.File(1).ctime_ns == INT64_MAX);
    CHECK(listed.files.File(1).mode == 01755);
  }
}

TEST_CASE("What stat lists is read, names with newlines too, however it is cut") {
  const std::string text =
      Text({"orcio-begin 1 2.5",
            "//81a4 0 5 1 2 fe00 7 1 2026-11-25 02:03:06.929214698 +0000|2 x.5 "
            "+0000//./srv/a\nb\n//41ed 0 0 2 4096 fe00 8 3 y|4 z//./srv/d\n"
            "orcio-end 0 3 4.5"});
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{65536}}) {
    Listed listed;
    REQUIRE_OK(Parse(ListingTool::Kind::kStat, text, listed, piece));
    REQUIRE(listed.files.size() == 2);
    CHECK(listed.files.Path(0) == "srv/a\nb");
    CHECK(listed.files.File(0).mtime_ns == 1'929'214'698);
    CHECK(listed.files.File(0).ctime_ns == 2'500'000'000);
    CHECK(listed.files.File(0).gid == 5);
    CHECK(listed.files.Path(1) == "srv/d");
    CHECK(listed.files.File(1).type == EntryType::kDirectory);
  }
}

TEST_CASE("A list without its end, or of anything else, is refused") {
  const std::string good = "f 644 0 0 1 1 1 1 1.0 1.0 ./srv/a";
  for (const auto& text :
       {std::string(), Text({"orcio-begin 1 2.5", good}), Text({good, "orcio-end 0 1 2.5"}),
        Text({"orcio-begin x 2.5"}), Text({"orcio-begin 1 2.5", "f 644", "orcio-end 0 1 2"}),
        Text({"orcio-begin 1 2.5", "f 644 0 0 1 1 1 1 1.0 1.0 srv/a", "orcio-end 0 1 2"}),
        Text({"orcio-begin 1 2.5", "f 9 0 0 1 1 1 1 1.0 1.0 ./a", "orcio-end 0 1 2"}),
        Text({"orcio-begin 1 2.5", "f 644 -1 0 1 1 1 1 1.0 1.0 ./a", "orcio-end 0 1 2"}),
        Text({"orcio-begin 1 2.5", "orcio-end 0 1 2", good}),
        Text({"orcio-begin 1 2.5", std::string(100'000, 'x')})}) {
    INFO(text.substr(0, 100));
    Listed listed;
    const auto parsed = Parse(ListingTool::Kind::kFind, text, listed);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == ErrorKind::kRemote);
  }
}

TEST_CASE("The tools of this host list what lstat says, GNU's and busybox's") {
  const test::ScratchDirectory scratch;
  const std::string names[] = {"plain", "with space", "new\nline", "'$(x)`\"", "\xff\xfe", "*?[a]"};
  for (const auto& name : names) std::ofstream(scratch / name) << name;
  std::filesystem::create_directory(scratch / "excluded");
  std::ofstream(scratch / "excluded/file") << "x";
  std::filesystem::create_hard_link(scratch / "plain", scratch / "other name");
  std::filesystem::create_symlink("nowhere", scratch / "link");
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
  ServiceConfig service;
  service.name = "wiki";
  service.paths = {scratch.path()};

  const bool busybox = GENERATE(false, true);
  std::map<std::string, std::string> environment;
  const test::ScratchDirectory programs;
  RemoteTar tar;
  if (busybox) {
    test::MustRunShell("busybox --install -s " + programs.path().string());
    environment["PATH"] = programs.path();
    tar.kind = RemoteTar::Kind::kBusybox;
    tar.program = "tar";
  } else {
    service.exclude = {"excl*"};
  }
  test::LocalHost host("here", environment);
  const auto tool = ValueOf(DetectListing(host, service, tar, {}));
  CHECK((tool.kind == ListingTool::Kind::kStat) == busybox);
  CHECK(tool.gzip);
  Listed listed;
  const auto clock = ValueOf(ListFiles(host, service, tool, true, listed.files, kPatience, {}));
  CHECK(std::abs(clock.seconds - ::time(nullptr)) < 60);
  CHECK(clock.uptime_ms > 0);
  // The directory, six files, another name, a link and a fifo; and what busybox cannot leave out.
  CHECK(listed.files.size() == (busybox ? 12 : 10));
  for (uint32_t i = 0; i < listed.files.size(); ++i) {
    const std::string path = "/" + std::string(listed.files.Path(i));
    INFO(path);
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    const HostFile& file = listed.files.File(i);
    CHECK(file.mode == (status.st_mode & 07777));
    CHECK(file.inode == status.st_ino);
    CHECK(file.links == status.st_nlink);
    CHECK(file.size == static_cast<uint64_t>(status.st_size));
    CHECK(file.ctime_ns == status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec);
    CHECK(file.mtime_ns == status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
  }
}

TEST_CASE("Where a file system's times do not tell every change, files are not listed") {
  ServiceConfig service;
  service.name = "wiki";
  service.paths = {"/proc/self"};
  test::LocalHost host;
  const auto tool = DetectListing(host, service, {}, {});
  REQUIRE_FALSE(tool);
  CHECK(tool.error().kind == ErrorKind::kUnsupported);
}

TEST_CASE("A file that may not be listed is an error, and one that is gone is none") {
  ServiceConfig service;
  service.name = "wiki";
  service.paths = {"/nonexistent/path"};
  test::LocalHost host;
  Listed listed;
  REQUIRE_OK(ListFiles(host, service, {}, false, listed.files, kPatience, {}));
  CHECK(listed.files.size() == 0);
  const test::ScratchDirectory programs;
  test::LocalHost strict("here", {{"PATH", programs.path().string() + ":/usr/bin:/bin"}});
  const auto list_with_complaint = [&](const std::string& complaint) {
    std::ofstream(programs / "find") << "#!/bin/sh\ncat >&2 <<'END'\n"
                                     << complaint << "\nEND\nexit 1\n";
    std::filesystem::permissions(programs / "find", std::filesystem::perms::owner_all);
    return ListFiles(strict, service, {}, false, listed.files, kPatience, {});
  };
  // busybox writes names as they are.
  CHECK(
      list_with_complaint("stat: can't stat './a\nb': No such file or directory\n"
                          "find: ./c: No such file or directory"));
  for (const std::string complaint :
       {"find: x: Permission denied", "find: a: No such file or directory\nb: Permission denied",
        "find: ./c: No such file or directory\nfind: a\nb: Permission denied"}) {
    const auto refused = list_with_complaint(complaint);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::kRemote);
  }
}

TEST_CASE("The earliest that a clock can have shown takes into account that it was set back") {
  CHECK(EarliestSeconds({1000, 5000}, {1060, 65'000}) == 1000);
  // Set back by 500 s meanwhile, and forward.
  CHECK(EarliestSeconds({1000, 5000}, {560, 65'000}) == 500);
  CHECK(EarliestSeconds({1000, 5000}, {2060, 65'000}) == 1000);
  // No uptime, or a reboot.
  CHECK(EarliestSeconds({1000, 0}, {900, 0}) == 900);
  CHECK(EarliestSeconds({1000, 5000}, {1060, 100}) == 1000);
}

TEST_CASE("A find that hangs is given up, and said which file came last") {
  const test::ScratchDirectory scratch;
  std::ofstream(scratch / "find") << "#!/bin/sh\n/usr/bin/find \"$@\"\nsleep 600\n";
  std::filesystem::permissions(scratch / "find", std::filesystem::perms::owner_all);
  std::filesystem::create_directory(scratch / "volume");
  std::ofstream(scratch / "volume/page") << "text";
  ServiceConfig service;
  service.name = "wiki";
  service.paths = {scratch / "volume"};
  test::LocalHost host("atena", {{"PATH", scratch.path().string() + ":/usr/bin:/bin"}});
  Listed listed;
  // Not compressed: gzip would keep all of it to itself.
  // Long enough for the find itself.
  const auto stalled =
      ListFiles(host, service, {}, false, listed.files, std::chrono::seconds(15), {});
  REQUIRE_FALSE(stalled);
  INFO(stalled.error().message);
  CHECK(stalled.error().kind == ErrorKind::kLimit);
  CHECK(stalled.error().message.find("nothing came from atena for 15 s") != std::string::npos);
  CHECK(stalled.error().message.find("volume/page: look there") != std::string::npos);
}

}  // namespace orcio
