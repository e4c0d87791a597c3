#include "archiver/outcome/discreet_text.h"

#include <cerrno>

#include "tests/support/catch.h"

namespace orcio {
namespace {

const std::string kName = "srv/members/Ada Lovelace.pdf";

}  // namespace

TEST_CASE("Warnings are told by their kinds and how many there are, without a name") {
  CHECK(KindsOf({}).empty());
  CHECK(KindsOf({kName + ": file changed as we read it"}) == "1 file changed while it was read");
  const std::string kinds =
      KindsOf({kName + ": file changed as we read it", kName + ": File removed before we read it",
               kName + ": Cannot stat: No such file or directory",
               kName + ": vanished before it was read, and 3 more",
               kName + ": File shrank by 12 bytes; padding with zeros",
               kName + ": file changed as we read it", kName + ": Cannot open: Permission denied",
               kName + ": its content is another one than in members-2026-11-16T020000Z.tar.gz",
               "container members_job_run_1 was running", "and 17 more"});
  CHECK(kinds ==
        "2 files changed while they were read, 3 files vanished before they were read, "
        "1 file shrank while it was read, 1 file changed without a sign of it, "
        "1 file could not be read as it should, 18 other warnings");
  CHECK(KindsOf({"its archive holds nothing of /srv/members, which was not empty before: see",
                 "/opt/members, which container a has as /b, is in no service's paths: it is not "
                 "archived; write",
                 "/opt/db (volume db), which container a has as /b, is mounted there by docker "
                 "(nfs), and"}) ==
        "1 archive far smaller than those before it, 1 volume that no path covers, "
        "1 volume that goes with its service");
  CHECK(KindsOf({"its archive holds nothing but the empty /srv/members: see",
                 "nothing is mounted on /srv/members/db, where something was"}) ==
        "1 archive of empty paths, 1 archive without what was on a disk");
  for (const std::string odd : {"and  more", "and -1 more", "and 0 more", "and x more"})
    CHECK(KindsOf({odd}) == "1 other warning");
}

TEST_CASE("Every kind of error is told in words of orcio's own") {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::kLimit); ++kind) {
    const std::string text = KindOf({static_cast<ErrorKind>(kind), ENOENT, kName});
    CAPTURE(text);
    CHECK_FALSE(text.empty());
    CHECK(text.find("Ada") == std::string::npos);
  }
  CHECK(KindOf({ErrorKind::kIo, ENOSPC, kName}).find("No space left on device") !=
        std::string::npos);
  CHECK(KindOf({ErrorKind::kIo, 0, kName}) == "an error of this machine's files");
  CHECK(KindOf({ErrorKind::kIo, 99'999, kName}) == "an error of this machine's files");
}

TEST_CASE("What went wrong with a service is told without what anybody said of it") {
  ServiceOutcome outcome;
  outcome.service = "members";
  outcome.host = "workshop";
  CHECK(DiscreetProblems(outcome).empty());
  outcome.error = Error{ErrorKind::kRemote, 0, "tar failed: " + kName};
  outcome.start_error = Error{ErrorKind::kNetwork, 0, kName};
  outcome.hook_error = Error{ErrorKind::kIo, 0, kName};
  outcome.ping_error = Error{ErrorKind::kIo, 0, kName};
  outcome.facts.warnings = {kName + ": file changed as we read it", kName};
  outcome.facts.start_seconds = 1'795'399'200;
  outcome.seconds = 40;
  CHECK(DiscreetProblems(outcome) ==
        std::vector<std::string>{
            "members on workshop: NOT CONFIRMED RUNNING AGAIN: the host is away, or the "
            "connection broke",
            "members on workshop: no archive: a command on the host failed",
            "members on workshop: 1 file changed while it was read, 1 other warning",
            "members on workshop: a hook failed", "members on workshop: a ping failed",
            "members on workshop: begun at 2026-11-23T020000Z, it took 40 s"});
}

}  // namespace orcio
