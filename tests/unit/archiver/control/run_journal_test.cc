#include "archiver/safety/run_journal.h"

#include <sys/stat.h>

#include <fstream>

#include "base/bytes.h"
#include "index/repository/repository.h"
#include "tests/support/catch.h"
#include "tests/support/files/failing_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

RunJournal Wiki() {
  RunJournal journal;
  journal.service.name = "wiki";
  journal.service.host = "atena";
  journal.service.control = ControlKind::kCommands;
  journal.service.project = "the-wiki";
  journal.service.units = {"a.service", "b.service"};
  journal.service.stop_command = "stop 'it'\nnow";
  journal.service.start_command = "start";
  journal.service.status_command = "status";
  journal.service.stop_timeout = std::chrono::seconds(7);
  journal.service.start_timeout = std::chrono::seconds(77);
  journal.running = {"web", "db"};
  journal.memory = R"([{"id":"\"1\""}])";
  journal.guard = "0123456789abcdef0123456789abcdef";
  journal.start_seconds = 1795543200;
  return journal;
}

}  // namespace

TEST_CASE("A journal comes back as it was written, for its owner's eyes only") {
  const test::ScratchDirectory scratch;
  REQUIRE_OK(WriteJournal(LocalFileSystem(), scratch.path(), Wiki()));
  const auto found = ValueOf(ListJournals(LocalFileSystem(), scratch.path()));
  REQUIRE(found.size() == 1);
  CHECK(ServiceOfJournal(found[0]) == "wiki");
  struct stat status {};
  REQUIRE(::stat(found[0].c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto read = ValueOf(ReadJournal(LocalFileSystem(), found[0]));
  const auto wrote = Wiki();
  CHECK(read.service.name == "wiki");
  CHECK(read.service.host == "atena");
  CHECK(read.service.control == ControlKind::kCommands);
  CHECK(read.service.project == "the-wiki");
  CHECK(read.service.units == wrote.service.units);
  CHECK(read.service.stop_command == wrote.service.stop_command);
  CHECK(read.service.start_command == "start");
  CHECK(read.service.status_command == "status");
  CHECK(read.service.stop_timeout == wrote.service.stop_timeout);
  CHECK(read.service.start_timeout == wrote.service.start_timeout);
  CHECK(read.running == wrote.running);
  CHECK(read.memory == wrote.memory);
  CHECK(read.guard == wrote.guard);
  CHECK(read.start_seconds == wrote.start_seconds);
  REQUIRE_OK(RemoveJournal(LocalFileSystem(), scratch.path(), "wiki"));
  CHECK(std::filesystem::is_empty(scratch.path()));
}

TEST_CASE("What is being replaced comes back from a journal, whatever bytes its names are of") {
  const test::ScratchDirectory scratch;
  RunJournal journal = Wiki();
  journal.swap = SwapPlan{"fedcba9876543210fedcba9876543210",
                          {{"/srv", {"wiki/it's \xff\x01\n%41", "wiki/ä"}}, {"/", {"data"}}},
                          true};
  REQUIRE_OK(WriteJournal(LocalFileSystem(), scratch.path(), journal));
  const auto path = JournalPath(scratch.path(), "wiki");
  const auto read = ValueOf(ReadJournal(LocalFileSystem(), path));
  REQUIRE(read.swap);
  CHECK(*read.swap == *journal.swap);
  // An orcio that knows of no swaps must not take it for one of its own.
  const auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), path, 1 << 20));
  CHECK(AsText(bytes).find("\"version\": 2") != std::string_view::npos);
}

TEST_CASE("A swap that leads elsewhere is no journal's") {
  const SwapPlan good{"fedcba9876543210fedcba9876543210", {{"/srv", {"wiki"}}}, false};
  const auto refused = [](const SwapPlan& swap) {
    const test::ScratchDirectory scratch;
    RunJournal journal = Wiki();
    journal.swap = swap;
    REQUIRE_OK(WriteJournal(LocalFileSystem(), scratch.path(), journal));
    return !ReadJournal(LocalFileSystem(), JournalPath(scratch.path(), "wiki"));
  };
  CHECK_FALSE(refused(good));
  for (const char* item : {"", "/etc", "..", "wiki/../../etc", "wiki/.."}) {
    SwapPlan bad = good;
    bad.trees[0].items[0] = item;
    CAPTURE(item);
    CHECK(refused(bad));
  }
  for (const char* top : {"", "srv", "/srv/.."}) {
    SwapPlan bad = good;
    bad.trees[0].top = top;
    CAPTURE(top);
    CHECK(refused(bad));
  }
  SwapPlan bad = good;
  bad.id = "../../etc";
  CHECK(refused(bad));
  bad.id = "";
  CHECK(refused(bad));
  bad = good;
  bad.trees.clear();
  CHECK(refused(bad));
  bad = good;
  bad.trees[0].items.clear();
  CHECK(refused(bad));
}

TEST_CASE("A journal is no archive") {
  const test::ScratchDirectory scratch;
  REQUIRE_OK(WriteJournal(LocalFileSystem(), scratch.path(), Wiki()));
  CHECK(ValueOf(Repository(LocalFileSystem(), scratch.path()).List()).empty());
}

TEST_CASE("A journal that cannot be brought to disk is not there, whichever call fails") {
  size_t call = 1;
  for (;; ++call) {
    CAPTURE(call);
    const test::ScratchDirectory scratch;
    test::FailingFiles files(LocalFileSystem());
    files.FailAt(call);
    const auto written = WriteJournal(files, scratch.path(), Wiki());
    CHECK(written.has_value() == !files.failed());
    CHECK(std::filesystem::is_empty(scratch.path()) == files.failed());
    if (!files.failed()) break;
  }
  CHECK(call == 7);  // remove an old one, create, append, sync, rename, sync of the directory
}

TEST_CASE("A journal that is damaged, of another version or of another service is refused") {
  const test::ScratchDirectory scratch;
  const auto path = JournalPath(scratch.path(), "wiki");
  REQUIRE_OK(WriteJournal(LocalFileSystem(), scratch.path(), Wiki()));
  const auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), path, 1 << 20));
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto replace = [&](const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  };
  SECTION("cut short") {
    text.resize(text.size() / 2);
  }
  SECTION("empty") {
    text.clear();
  }
  SECTION("a newer version") {
    replace("\"version\": 1", "\"version\": 2");
  }
  SECTION("another service's") {
    replace("\"service\": \"wiki\"", "\"service\": \"blog\"");
  }
  SECTION("a field of another type") {
    replace("\"stop_timeout\": 7", "\"stop_timeout\": \"7\"");
  }
  SECTION("a number that fits nowhere") {
    replace("\"stop_timeout\": 7", "\"stop_timeout\": 77777777777777777777");
  }
  SECTION("a token that is a path") {
    replace("0123456789abcdef0123456789abcdef", "../../../etc");
  }
  std::ofstream(path, std::ios::trunc) << text;
  const auto read = ReadJournal(LocalFileSystem(), path);
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == ErrorKind::kDamaged);
  CHECK(read.error().message.find(path.string()) != std::string::npos);
}

}  // namespace orcio
