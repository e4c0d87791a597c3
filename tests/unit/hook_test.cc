#include "archiver/hook.h"

#include "index/file_system.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {

TEST_CASE("A hook gets its environment, whatever is in it") {
  const test::ScratchDirectory scratch;
  const std::string message = "it's \"down\"; $(reboot)\nsecond line";
  REQUIRE_OK(RunHook("printf %s \"$ORCIO_MESSAGE\" > \"$OUT\"",
                     {{"ORCIO_MESSAGE", message}, {"OUT", (scratch / "out").string()}},
                     std::chrono::seconds(10)));
  const auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), scratch / "out", 1000));
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == message);
}

TEST_CASE("A hook that fails says how") {
  const auto failed = RunHook("exit 3", {}, std::chrono::seconds(10));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("exited with 3") != std::string::npos);
}

TEST_CASE("A hook that hangs is killed with its children") {
  const test::ScratchDirectory scratch;
  // The child holds a lock that is free again once it is dead.
  const std::string lock = (scratch / "lock").string();
  const auto failed =
      RunHook("flock " + lock + " sleep 600 & wait", {}, std::chrono::milliseconds(300));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("killed") != std::string::npos);
  REQUIRE_OK(RunHook("flock --wait 10 " + lock + " true", {}, std::chrono::seconds(20)));
}

}  // namespace orcio
