#include "archiver/run/in_place.h"

#include "tests/support/catch.h"
#include "tests/support/hosts/local_host.h"

namespace orcio {
namespace {

using Items = std::vector<std::string>;

ServiceConfig Wiki() {
  ServiceConfig service;
  service.name = "wiki";
  service.paths = {"/srv/wiki", "/var/lib/wiki", "/srv/wiki-extra", "/data"};
  return service;
}

}  // namespace

TEST_CASE("All of a service's paths are swapped where they are, those of one directory together") {
  const SwapPlan plan = ValueOf(PlanSwap(Wiki(), {}));
  REQUIRE(plan.trees.size() == 3);
  CHECK(plan.trees[0].top == "/");
  CHECK(plan.trees[0].items == Items{"data"});
  CHECK(plan.trees[1].top == "/srv");
  CHECK(plan.trees[1].items == Items{"wiki", "wiki-extra"});
  CHECK(plan.trees[2].top == "/var/lib");
  CHECK(plan.trees[2].items == Items{"wiki"});
  CHECK(plan.id.size() == 32);
  CHECK(plan.id != ValueOf(PlanSwap(Wiki(), {})).id);
  CHECK_FALSE(plan.keep);
}

TEST_CASE("What is wanted is swapped once, and beside the service's path, not beside itself") {
  const SwapPlan plan =
      ValueOf(PlanSwap(Wiki(), {"/srv/wiki/pages/b", "/srv/wiki/pages/a", "/srv/wiki/pages/a/x",
                                "/srv/wiki/pages/a", "/srv/wiki/pages/a-b", "/data/1"}));
  REQUIRE(plan.trees.size() == 2);
  CHECK(plan.trees[0].top == "/");
  CHECK(plan.trees[0].items == Items{"data/1"});
  CHECK(plan.trees[1].top == "/srv");
  CHECK(plan.trees[1].items == Items{"wiki/pages/a", "wiki/pages/a-b", "wiki/pages/b"});
}

TEST_CASE("What is in none of the service's paths is not the service's to replace") {
  for (const char* wanted : {"/srv", "/srv/wiki2", "/etc/passwd", "/"}) {
    CAPTURE(wanted);
    const auto plan = PlanSwap(Wiki(), {"/srv/wiki", wanted});
    REQUIRE_FALSE(plan);
    CHECK(plan.error().kind == ErrorKind::kInvalid);
    CHECK(plan.error().message.starts_with(wanted));
  }
}

TEST_CASE("What an archive leaves out is kept") {
  ServiceConfig service = Wiki();
  service.exclude = {"cache"};
  CHECK(ValueOf(PlanSwap(service, {})).keep);
}

TEST_CASE("What is at the top of the host's tree is looked at by its name") {
  test::LocalHost host;
  const SwapPlan plan = ValueOf(PlanSwap(Wiki(), {"/data"}));
  const auto answers = SwapAnswers(ValueOf(host.Run(LookForSwap(plan), {}, {})).out);
  Items real;
  for (const SwapAnswer& answer : answers) {
    if (answer.word == "real") real.push_back(answer.rest);
  }
  CHECK(real == Items{"/data"});
  CHECK(UnpackedTree(plan, plan.trees[0]) == "/.orcio-restore-" + plan.id + "/tree");
}

}  // namespace orcio
