#include "index/sidecar/write/section_writer.h"

#include <string>

#include "base/bytes.h"
#include "tests/support/catch.h"
#include "tests/support/files/memory_files.h"

namespace orcio {
namespace {

// Writes NAME with `names`, of which places for `counted` bytes were given out before.
Result<void> WriteNames(test::MemoryFiles& files, std::string_view names, uint64_t counted) {
  const auto file = ValueOf(files.Create("made"));
  SectionWriter out(*file);
  PlaceCounter places;
  out.Begin(SectionId::kNodes);
  out.AppendRecord(places.Take(counted));
  out.Begin(SectionId::kNames);
  out.Append(AsBytes(names));
  out.CheckEnd(places);
  out.Begin(SectionId::kAttributes);
  out.Append(AsBytes("what follows"));
  return out.Finish({});
}

}  // namespace

TEST_CASE("Places are given out one behind the other") {
  PlaceCounter places;
  CHECK(places.Take(3) == 0);
  CHECK(places.Take(0) == 3);
  CHECK(places.Take(4) == 3);
  CHECK(places.end() == 7);
}

TEST_CASE("A section that is not what was counted is no sidecar") {
  test::MemoryFiles sound;
  REQUIRE_OK(WriteNames(sound, "name", 4));
  CHECK(AsText(std::span(sound.At("made")).first(8)) == "ORCIOIDX");

  test::MemoryFiles files;
  const uint64_t counted = GENERATE(0U, 3U, 5U);
  const auto written = WriteNames(files, "name", counted);
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().kind == ErrorKind::kInvalid);
  CHECK(written.error().message ==
        fmt::format("the sidecar's section NAME came to 4 bytes, {} were counted before: a mistake "
                    "in orcio, please report it",
                    counted));
  const auto& made = files.At("made");
  CHECK((made.size() < 8 || AsText(std::span(made).first(8)) != "ORCIOIDX"));
}

}  // namespace orcio
