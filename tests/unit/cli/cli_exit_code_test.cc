#include "cli/shared/exit_code.h"
#include "tests/support/catch.h"

namespace orcio::cli {

TEST_CASE("Each kind of error has the exit code that the manual promises") {
  const auto code = [](ErrorKind kind) { return int{ExitCodeOf(Error{kind, 0, ""})}; };
  CHECK(code(ErrorKind::kIo) == 1);
  CHECK(code(ErrorKind::kRemote) == 1);
  CHECK(code(ErrorKind::kInvalid) == 2);
  CHECK(code(ErrorKind::kDamaged) == 4);
  CHECK(code(ErrorKind::kNotFound) == 10);
  CHECK(code(ErrorKind::kLocked) == 11);
  CHECK(code(ErrorKind::kNetwork) == 12);
  CHECK(code(ErrorKind::kRefused) == 12);
  CHECK(code(ErrorKind::kNotRunning) == 20);
}

TEST_CASE("A service that does not run outweighs everything") {
  for (const ExitCode code : {kDone, kFailed, kUsage, kWarnings, kDamage, kNoSuch, kLocked, kHost,
                              kInterrupted, kTerminated}) {
    CHECK(Worse(code, kNotRunning) == kNotRunning);
    CHECK(Worse(kNotRunning, code) == kNotRunning);
    CHECK(Worse(kDone, code) == code);
  }
  CHECK(Worse(kWarnings, kFailed) == kFailed);
}

}  // namespace orcio::cli
