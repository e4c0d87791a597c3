#include "index/repository/repository_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

bool IsLockedFor(const std::filesystem::path& repository) {
  const auto lock = RepositoryLock::Take(repository, kAtOnce);
  return !lock && lock.error().kind == ErrorKind::kLocked;
}

}  // namespace

TEST_CASE("A second run is refused and told the process that holds the lock") {
  test::ScratchDirectory repository;
  const auto lock = RepositoryLock::Take(repository.path());
  REQUIRE_OK(lock);
  const auto second = RepositoryLock::Take(repository.path(), kAtOnce);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().kind == ErrorKind::kLocked);
  CHECK(second.error().message.find("process " + std::to_string(::getpid())) != std::string::npos);
  CHECK(second.error().message.find(repository.path().string()) == 0);
}

TEST_CASE("A lock ends with its object") {
  test::ScratchDirectory repository;
  {
    const auto lock = RepositoryLock::Take(repository.path());
    REQUIRE_OK(lock);
    CHECK(IsLockedFor(repository.path()));
  }
  REQUIRE_OK(RepositoryLock::Take(repository.path()));
}

TEST_CASE("A lock that is held for an instant is waited for") {
  test::ScratchDirectory repository;
  auto held = std::make_optional(ValueOf(RepositoryLock::Take(repository.path())));
  const std::jthread holder([&held] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    held.reset();
  });
  REQUIRE_OK(RepositoryLock::Take(repository.path(), std::chrono::minutes(1)));
}

TEST_CASE("A lock ends with its process, killed or not") {
  test::ScratchDirectory repository;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto lock = RepositoryLock::Take(repository.path());
    [[maybe_unused]] const auto put = ::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  const auto refused = RepositoryLock::Take(repository.path(), kAtOnce);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("process " + std::to_string(holder) + ")") !=
        std::string::npos);
  REQUIRE_OK(RepositoryLock::Take(repository.path()));
}

TEST_CASE("A program that the holder starts does not inherit the lock") {
  test::ScratchDirectory repository;
  std::optional<test::BackgroundCommand> child;
  {
    const auto lock = RepositoryLock::Take(repository.path());
    REQUIRE_OK(lock);
    // It has called exec once it has made its file.
    const auto made = repository / "made";
    child.emplace(std::vector<std::string>{"/bin/sh", "-c", "> " + made.string() + "; sleep 60"},
                  (repository / "log").string());
    while (!std::filesystem::exists(made) && child->running()) ::usleep(1000);
  }
  REQUIRE_OK(RepositoryLock::Take(repository.path()));
}

TEST_CASE("The lock file is readable by its owner alone and names the holder") {
  test::ScratchDirectory repository;
  const auto lock = RepositoryLock::Take(repository.path());
  REQUIRE_OK(lock);
  struct stat status {};
  REQUIRE(::stat((repository / ".orcio.lock").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  std::string line;
  std::getline(std::ifstream(repository / ".orcio.lock"), line);
  CHECK(line == std::to_string(::getpid()));
}

TEST_CASE("A longer process id left by an earlier run is replaced") {
  test::ScratchDirectory repository;
  std::ofstream(repository / ".orcio.lock") << "99999999999\n";
  const auto lock = RepositoryLock::Take(repository.path());
  REQUIRE_OK(lock);
  const auto second = RepositoryLock::Take(repository.path(), kAtOnce);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message.find("process " + std::to_string(::getpid()) + ")") !=
        std::string::npos);
}

TEST_CASE("Whether a lock is held can be asked, by its holder too") {
  test::ScratchDirectory repository;
  CHECK_FALSE(RepositoryLock::IsHeld(repository.path()));
  CHECK_FALSE(std::filesystem::exists(repository / ".orcio.lock"));
  {
    const auto lock = RepositoryLock::Take(repository.path());
    REQUIRE_OK(lock);
    CHECK(RepositoryLock::IsHeld(repository.path()));
    CHECK(RepositoryLock::IsHeld(repository.path()));
    CHECK(IsLockedFor(repository.path()));
  }
  CHECK_FALSE(RepositoryLock::IsHeld(repository.path()));
}

TEST_CASE("Whoever asks whether a lock is held is in nobody's way") {
  test::ScratchDirectory repository;
  std::ofstream(repository / ".orcio.lock") << "1\n";
  const auto ask = [&](const std::stop_token& stop) {
    while (!stop.stop_requested()) (void)RepositoryLock::IsHeld(repository.path());
  };
  const std::jthread one(ask), other(ask);
  int refused = 0;
  for (int i = 0; i < 2000; ++i)
    refused += RepositoryLock::Take(repository.path(), kAtOnce) ? 0 : 1;
  CHECK(refused == 0);
}

TEST_CASE("A missing repository is not found, with how to make it") {
  test::ScratchDirectory scratch;
  const auto lock = RepositoryLock::Take(scratch / "absent");
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().kind == ErrorKind::kNotFound);
  CHECK(lock.error().message.find("mkdir -p") != std::string::npos);
}

TEST_CASE("A repository that is a file is refused with ENOTDIR") {
  test::ScratchDirectory scratch;
  std::ofstream(scratch / "file") << "x";
  const auto lock = RepositoryLock::Take(scratch / "file");
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().kind == ErrorKind::kIo);
  CHECK(lock.error().errnum == ENOTDIR);
}

TEST_CASE("A symbolic link in the lock file's place is not followed") {
  test::ScratchDirectory repository;
  std::ofstream(repository / "precious") << "data";
  std::filesystem::create_symlink(repository / "precious", repository / ".orcio.lock");
  const auto lock = RepositoryLock::Take(repository.path());
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().errnum == ELOOP);
  CHECK(std::filesystem::file_size(repository / "precious") == 4);
}

TEST_CASE("A FIFO in the lock file's place is refused, not waited for") {
  test::ScratchDirectory repository;
  REQUIRE(::mkfifo((repository / ".orcio.lock").c_str(), 0600) == 0);
  const auto lock = RepositoryLock::Take(repository.path());
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().message.find("not a regular file") != std::string::npos);
}

TEST_CASE("A repository that cannot be written is an I/O error with its errno") {
  test::ScratchDirectory repository;
  REQUIRE(::chmod(repository.path().c_str(), 0555) == 0);
  // Root writes anywhere: the child that tries gives its privileges up first.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    const auto lock = RepositoryLock::Take(repository.path());
    ::_exit(!lock && lock.error().kind == ErrorKind::kIo && lock.error().errnum == EACCES ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace orcio
