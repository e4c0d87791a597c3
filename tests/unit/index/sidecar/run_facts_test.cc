#include "index/sidecar/run_facts.h"

#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("The run's facts survive being written and read") {
  RunFacts facts;
  facts.service = "wiki";
  facts.host = "atena";
  facts.mode = "stop";
  facts.control = "compose";
  facts.start_seconds = 1795399200;
  facts.end_seconds = 1795399290;
  facts.downtime = Downtime{1.5, 80.25, 2};
  facts.transfer = TransferFacts{true, 1, 2, 3, 4};
  facts.wire = WireFacts{"zstd", 12345};
  facts.shrunk_from = ArchiveSize{uint64_t{52} << 20, 4711};
  facts.size_accepted = true;
  facts.mounts = {"/srv/wiki", "/srv/wiki/data"};
  facts.warnings = {"srv/wiki/a: file changed as we read it"};
  facts.tools = {{"tar", "GNU tar 1.34"}};
  CHECK(ValueOf(ParseRunFacts(ToJson(facts))) == facts);
  facts.downtime->not_running = 1.25;
  CHECK(ValueOf(ParseRunFacts(ToJson(facts))) == facts);
}

TEST_CASE("Facts that are missing or unknown are no error, wrong types are") {
  CHECK(ValueOf(ParseRunFacts("{}")) == RunFacts{});
  CHECK(ValueOf(ParseRunFacts(R"({"service":"a","later":[1]})")).service == "a");
  for (const char* bad :
       {"", "[]", "{", R"({"service":1})", R"({"downtime":{"stop":"x"}})", R"({"warnings":{}})",
        R"({"downtime":{"not_running":"x"}})", R"({"start":77777777777777777777})",
        R"({"wire":{"bytes":-1}})", R"({"wire":1})", R"({"downtime":[]})", R"({"end":1.5})",
        R"({"shrunk_from":3})", R"({"shrunk_from":{"entries":"x"}})", R"({"size_accepted":1})",
        R"({"mounts":{}})", R"({"mounts":[1]})"}) {
    INFO(bad);
    CHECK(ParseRunFacts(bad).error().kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("A warning that is not UTF-8 does not spoil the facts") {
  RunFacts facts;
  facts.warnings = {"caf\xe9"};
  CHECK(ValueOf(ParseRunFacts(ToJson(facts))).warnings.front() == "caf\xEF\xBF\xBD");
}

}  // namespace orcio
