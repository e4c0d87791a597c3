#include "index/repository/archive_name.h"

#include "tests/support/catch.h"

namespace orcio {
namespace {

struct Expected {
  const char* file_name;
  const char* service;
  const char* date;
  int64_t seconds;
};

}  // namespace

TEST_CASE("Archive names of orcio and of older scripts are understood") {
  const Expected expected =
      GENERATE(Expected{"wiki-2026-11-23T020000Z.tar.gz", "wiki", "2026-11-23T020000Z", 1795399200},
               Expected{"wiki-20221105.tar.gz", "wiki", "2022-11-05", 1667606400},
               Expected{"wiki-202211050300.tgz", "wiki", "2022-11-05T0300", 1667617200},
               Expected{"wiki-20221105030000.tgz", "wiki", "2022-11-05T030000", 1667617200},
               Expected{"wiki-2022-11-05_03-00-00.tar.gz", "wiki", "2022-11-05T030000", 1667617200},
               Expected{"wiki-2022-11-05T03:00:00.tar", "wiki", "2022-11-05T030000", 1667617200},
               Expected{"wiki_2022-11-05.tar.gz", "wiki", "2022-11-05", 1667606400},
               Expected{"wiki.20221105.tar.gz", "wiki", "2022-11-05", 1667606400},
               Expected{"members-db-2-20221105.tar.gz", "members-db-2", "2022-11-05", 1667606400},
               Expected{"web-2024-20221105.tar.gz", "web-2024", "2022-11-05", 1667606400},
               Expected{"leap-2024-02-29.tar.gz", "leap", "2024-02-29", 1709164800});
  const auto name = ParseArchiveName(expected.file_name, 7);
  REQUIRE(name.has_value());
  CHECK(name->service == expected.service);
  CHECK(name->date == expected.date);
  CHECK(name->seconds == expected.seconds);
}

TEST_CASE("A name without a possible date is dated by its modification time") {
  const std::string file_name =
      GENERATE(as<std::string>{}, "old-server.tar.gz", "wiki-2023-02-29.tar.gz",
               "wiki-20221305.tar.gz", "wiki-2022-11-05T2500.tar.gz", "2022-11-05.tar.gz");
  const auto name = ParseArchiveName(file_name, 1667617200);
  REQUIRE(name.has_value());
  CHECK(name->service == file_name.substr(0, file_name.find(".tar")));
  CHECK(name->date == "2022-11-05T030000Z");
}

TEST_CASE("Sidecars, unfinished and other files are no archives") {
  for (const char* file_name :
       {"", "wiki-20221105.tar.gz.idx", ".wiki-20221105.tar.gz.part", ".wiki-20221105.tar.gz",
        "wiki.zip", "tar.gz", ".tar.gz", ".orcio.lock", "notes.txt"}) {
    INFO(file_name);
    CHECK_FALSE(ParseArchiveName(file_name, 0).has_value());
  }
}

TEST_CASE("A made name is read back as it was made") {
  const auto name = ParseArchiveName(MakeArchiveName("a-b.c_d", 1795399200), 0);
  REQUIRE(name.has_value());
  CHECK(name->service == "a-b.c_d");
  CHECK(name->seconds == 1795399200);
  CHECK(name->gzip);
}

TEST_CASE("Dates before the epoch and beyond all calendars are formatted") {
  CHECK(FormatDate(-1) == "1969-12-31T235959Z");
  CHECK(FormatDate(INT64_MAX) == "9999-12-31T235959Z");
}

TEST_CASE("Service names keep to what shells and file systems take unquoted") {
  for (const char* good : {"wiki", "gestionaledb", "a", "7zip", "web-2.example_org"})
    CHECK(IsServiceName(good));
  for (const char* bad : {"", "-wiki", ".wiki", "wiki/x", "wi ki", "wiki\n", "wiki$", "wikì"})
    CHECK_FALSE(IsServiceName(bad));
  CHECK_FALSE(IsServiceName(std::string(65, 'a')));
}

}  // namespace orcio
