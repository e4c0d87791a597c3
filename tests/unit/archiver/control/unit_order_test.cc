#include "archiver/control/unit_order.h"

#include <algorithm>
#include <string>

#include "tests/support/catch.h"

namespace orcio {
namespace {

using Names = std::vector<std::string>;

FoundUnit Unit(const std::string& name, const Names& after = {}, const Names& stop_with_it = {}) {
  FoundUnit unit;
  unit.name = name;
  unit.state.active = "active";
  unit.state.after = after;
  unit.state.stop_with_it = stop_with_it;
  return unit;
}

FoundUnit Listed(const std::string& name, const Names& after = {}, const Names& stop_with_it = {}) {
  auto unit = Unit(name, after, stop_with_it);
  unit.listed = true;
  return unit;
}

Names NamesOf(const std::vector<FoundUnit>& units) {
  Names names;
  for (const auto& unit : units) names.push_back(unit.name);
  return names;
}

const FoundUnit& Of(const std::vector<FoundUnit>& units, const std::string& name) {
  const auto found = std::find_if(units.begin(), units.end(),
                                  [&](const FoundUnit& unit) { return unit.name == name; });
  REQUIRE(found != units.end());
  return *found;
}

}  // namespace

TEST_CASE("Units are in the order that systemd has and in the list's where it says nothing") {
  const auto units = InOrder({Listed("a.service", {"c.service", "basic.target", "a.service"}),
                              Listed("b.service"), Listed("c.service")});
  CHECK(NamesOf(units) == Names{"b.service", "c.service", "a.service"});
  for (size_t i = 0; i < units.size(); ++i) {
    CHECK(units[i].starts_with == i);
    CHECK(units[i].stops_with == i);
  }
}

TEST_CASE("An order is known by whichever name of a unit") {
  auto named = Listed("b.service");
  named.state.id = "real.service";
  const auto units = InOrder({Listed("a.service", {"real.service"}), named});
  CHECK(NamesOf(units) == Names{"b.service", "a.service"});
}

TEST_CASE("Units that do not run have no say in the order of others") {
  auto idle = Listed("b.service");
  idle.state.active = "inactive";
  const auto units = InOrder({Listed("a.service", {"b.service"}), idle});
  CHECK(NamesOf(units) == Names{"a.service", "b.service"});
}

// It started with the database, without what it wants, and outlived that when all was stopped.
TEST_CASE("What joined one listed unit and comes after another starts and stops with that") {
  const auto units = InOrder({Listed("db.service", {}, {"app.service"}), Listed("cache.service"),
                              Unit("app.service", {"db.service", "cache.service"}),
                              Unit("worker.service", {"app.service"})});
  CHECK(NamesOf(units) == Names{"db.service", "cache.service", "app.service", "worker.service"});
  for (const std::string name : {"cache.service", "app.service", "worker.service"}) {
    CHECK(Of(units, name).starts_with == 1);
    CHECK(Of(units, name).stops_with == 1);
  }
}

// It was down first, and whoever knocked at its socket meanwhile started it again.
TEST_CASE("What goes down with what joined goes down no later than that") {
  auto app = Unit("app.service", {"db.service", "cache.service", "app.socket"}, {"w.service"});
  app.state.triggers = {"app.socket"};
  auto worker = Unit("w.service", {"w.socket"});
  worker.state.triggers = {"w.socket"};
  std::vector<FoundUnit> found{Listed("db.service", {}, {"app.service"}), Listed("cache.service"),
                               app};
  Names with_it{"app.service", "app.socket"};
  SECTION("its socket") {
    found.push_back(Unit("app.socket"));
  }
  SECTION("what depends on it without an order") {
    found.push_back(worker);
    found.push_back(Unit("app.socket"));
    found.push_back(Unit("w.socket"));
    with_it.insert(with_it.end(), {"w.service", "w.socket"});
  }
  const auto units = InOrder(found);
  CHECK(Of(units, "db.service").stops_with == 0);
  CHECK(Of(units, "cache.service").stops_with == 1);
  for (const auto& name : with_it) {
    CAPTURE(name);
    CHECK(Of(units, name).stops_with == 1);
    CHECK(Of(units, name).starts_with == 1);
  }
}

TEST_CASE("A listed unit that comes after what joined another comes after that one") {
  SECTION("though it is listed before it") {
    const auto units = InOrder({Listed("web.service", {"app.service"}),
                                Listed("db.service", {}, {"app.service"}), Unit("app.service")});
    CHECK(NamesOf(units) == Names{"db.service", "app.service", "web.service"});
    CHECK(Of(units, "app.service").starts_with == 0);
    CHECK(Of(units, "web.service").starts_with == 2);
  }
  SECTION("though that comes after what joined it") {
    const auto units = InOrder({Listed("web.service", {"pg@main.service"}),
                                Listed("pg.service", {"pg@main.service"}, {"pg@main.service"}),
                                Unit("pg@main.service")});
    CHECK(NamesOf(units) == Names{"pg@main.service", "pg.service", "web.service"});
    CHECK(Of(units, "pg@main.service").starts_with == Of(units, "pg.service").starts_with);
  }
  SECTION("though that depends on another that joined") {
    const auto units =
        InOrder({Listed("db.service", {}, {"app.service"}), Listed("web.service", {"w.service"}),
                 Listed("cache.service"), Unit("app.service", {"cache.service"}, {"w.service"}),
                 Unit("w.service")});
    CHECK(NamesOf(units) ==
          Names{"db.service", "cache.service", "app.service", "w.service", "web.service"});
    CHECK(Of(units, "w.service").stops_with == 1);
    CHECK(Of(units, "web.service").stops_with == 4);
  }
  SECTION("but not if systemd has it the other way round") {
    const auto units = InOrder({Listed("db.service", {"web.service"}, {"app.service"}),
                                Listed("web.service", {"app.service"}), Unit("app.service")});
    CHECK(NamesOf(units) == Names{"app.service", "web.service", "db.service"});
    CHECK(Of(units, "app.service").starts_with == Of(units, "web.service").starts_with);
  }
}

TEST_CASE("A socket goes before its service though both have an order to keep") {
  auto service = Listed("x.service", {"x.socket", "db.service"});
  service.state.triggers = {"x.socket"};
  const auto units = InOrder({service, Listed("db.service", {}, {"x.service"}), Unit("x.socket")});
  CHECK(Of(units, "db.service").starts_with < Of(units, "x.service").starts_with);
  CHECK(Of(units, "x.socket").starts_with <= Of(units, "x.service").starts_with);
  CHECK(Of(units, "x.socket").stops_with >= Of(units, "x.service").stops_with);
}

TEST_CASE("Units whose order is a circle are all there") {
  const auto units = InOrder(
      {Listed("a.service", {"b.service"}), Listed("b.service", {"c.service"}, {"d.service"}),
       Listed("c.service", {"a.service"}), Unit("d.service", {"d.service"})});
  CHECK(Of(units, "d.service").starts_with == Of(units, "b.service").starts_with);
  auto names = NamesOf(units);
  std::sort(names.begin(), names.end());
  CHECK(names == Names{"a.service", "b.service", "c.service", "d.service"});
}

}  // namespace orcio
