#include "archiver/local/hook.h"

#include <fcntl.h>

#include "base/unique_fd.h"
#include "index/files/file_system.h"
#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

constexpr std::chrono::seconds kPlenty{200};

std::string TextOf(const std::filesystem::path& file) {
  const auto bytes = ValueOf(ReadWholeFile(LocalFileSystem(), file, 1 << 22));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("A hook gets its environment, whatever is in it") {
  const test::ScratchDirectory scratch;
  const std::string message = "it's \"down\"; $(reboot)\nsecond line";
  REQUIRE_OK(RunHook("failure", "printf %s \"$ORCIO_MESSAGE\" > \"$OUT\"",
                     {{"ORCIO_MESSAGE", message}, {"OUT", (scratch / "out").string()}}, {},
                     kPlenty));
  CHECK(TextOf(scratch / "out") == message);
}

TEST_CASE("A hook gets its input whole, and need not read it") {
  const test::ScratchDirectory scratch;
  const std::string document(size_t{2} << 20, 'x');
  REQUIRE_OK(
      RunHook("success", "cat > '" + (scratch / "out").string() + "'", {}, document, kPlenty));
  CHECK(TextOf(scratch / "out") == document);
  CHECK(RunHook("success", "true", {}, document, kPlenty));
}

TEST_CASE("A hook has no file of orcio's") {
  const test::ScratchDirectory scratch;
  // As a library may have opened it: without O_CLOEXEC.
  const UniqueFd leaking(::open("/dev/null", O_RDONLY));
  REQUIRE(::fcntl(leaking.get(), F_GETFD) == 0);
  REQUIRE_OK(RunHook("success", "exec > '" + (scratch / "out").string() + "'; ls /proc/$$/fd", {},
                     {}, kPlenty));
  CHECK(TextOf(scratch / "out") == "0\n1\n2\n");
}

TEST_CASE("A hook that fails says how, and nothing of its command") {
  const auto failed = RunHook("failure", ": https://example.org/token; exit 3", {}, {}, kPlenty);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == "the hook `failure` exited with 3");
}

TEST_CASE("A hook that hangs is killed with its children") {
  const test::ScratchDirectory scratch;
  // The child holds a lock that is free again once it is dead.
  const std::string lock = (scratch / "lock").string();
  const auto failed = RunHook("start", "flock " + lock + " sleep 600 & wait", {}, {},
                              std::chrono::milliseconds(300));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("killed") != std::string::npos);
  REQUIRE_OK(RunHook("start", "flock --wait 60 " + lock + " true", {}, {}, kPlenty));
}

TEST_CASE("What a hook leaves in the background is killed") {
  const test::ScratchDirectory scratch;
  const std::string lock = (scratch / "lock").string();
  const std::string begun = (scratch / "begun").string();
  REQUIRE_OK(RunHook("start",
                     "flock " + lock + " sh -c 'touch " + begun + "; sleep 600' & until [ -e " +
                         begun + " ]; do sleep 0.05; done",
                     {}, {}, kPlenty));
  REQUIRE_OK(RunHook("start", "flock --wait 60 " + lock + " true", {}, {}, kPlenty));
}

}  // namespace orcio
