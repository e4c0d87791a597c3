#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/unique_fd.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/program/mount_fixture.h"

namespace orcio {
namespace {

using namespace test;

constexpr const char* kOldDate = "2025-11-16T020000Z";
constexpr const char* kNewDate = "2025-11-23T020000Z";
constexpr const char* kOld = "wiki-2025-11-16T020000Z.tar.gz";
constexpr const char* kNew = "wiki-2025-11-23T020000Z.tar.gz";

// What another process reads: this one's find one archive under `latest`.
std::string ReadByAnother(const std::filesystem::path& path) {
  return RunCommand({"cat", path.string()}).out;
}

class LatestRepository : public LiveRepository {
 public:
  LatestRepository() {
    Write("first", first);
    Write("second", "old");
    Archive(kOld);
  }
  void AddNewer() const {
    Write("second", "new");
    Archive(kNew);
  }

  // More than a pipe holds.
  const std::string first = Noise(300'000, 1);
};

// A cp of two files below `latest` that has come as far as the first: it writes that into a pipe
// that nobody reads yet.
class BegunCopy {
 public:
  BegunCopy(const std::filesystem::path& latest, std::vector<std::string> words) {
    const std::string pipe = (scratch_ / "first").string();
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    pipe_ = UniqueFd(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(pipe_.valid());
    for (const auto& word : {std::string("cp"), (latest / "first").string(),
                             (latest / "second").string(), scratch_.path().string()})
      words.push_back(word);
    copy_.emplace(words, log());
    REQUIRE(Eventually([this] { return ReadSome(); }));
  }
  // Lets it go on. Its exit status.
  int Finish() {
    REQUIRE(::fcntl(pipe_.get(), F_SETFL, 0) == 0);
    while (ReadSome()) {
    }
    return copy_->Wait();
  }
  [[nodiscard]] const std::string& first() const { return first_; }
  [[nodiscard]] std::string second() const { return ReadAll(scratch_ / "second"); }
  [[nodiscard]] std::string said() const { return ReadAll(log()); }

 private:
  [[nodiscard]] std::string log() const { return (scratch_ / "log").string(); }
  bool ReadSome() {
    std::string piece(4096, ' ');
    const ssize_t got = ::read(pipe_.get(), piece.data(), piece.size());
    if (got > 0) first_.append(piece, 0, static_cast<size_t>(got));
    return got > 0;
  }

  ScratchDirectory scratch_;
  UniqueFd pipe_;
  std::string first_;
  std::optional<BackgroundCommand> copy_;
};

}  // namespace

// `cp -a wiki/latest/srv out`: with a newer archive in the middle cp ended with 0, some of its
// files from the one archive and some from the other.
TEST_CASE_METHOD(LatestRepository, "A copy from latest is of one archive when a newer one comes") {
  const MountFixture mount(directory());
  const auto latest = mount / "wiki/latest";
  std::vector<std::string> words;
  SECTION("by a process") {}
  SECTION("by one in a pid namespace of its own") {
    words = {"unshare", "--pid", "--fork"};
  }
  BegunCopy copy(latest, words);
  AddNewer();
  REQUIRE(Eventually([&] { return ReadByAnother(latest / "second") == "new"; }));
  CHECK(copy.Finish() == 0);
  CHECK((copy.first() == first));
  CHECK(copy.second() == "old");
  CHECK(copy.said().empty());
}

TEST_CASE_METHOD(LatestRepository, "A copy whose archive goes in the middle ends with an error") {
  const MountFixture mount(directory());
  const auto latest = mount / "wiki/latest";
  BegunCopy copy(latest, {});
  const auto old = directory() / kOld;
  SECTION("pruned") {
    AddNewer();
    std::filesystem::remove(old);
  }
  SECTION("replaced under its name") {
    Write("second", "new");
    std::filesystem::rename(Archive(kNew), old);
  }
  REQUIRE(Eventually([&] { return ReadByAnother(latest / "second") == "new"; }));
  CHECK(copy.Finish() != 0);
  CHECK((copy.first() == first));
  CHECK(copy.second().empty());
  CHECK(copy.said().find("Stale file handle") != std::string::npos);
}

TEST_CASE_METHOD(LatestRepository, "All threads of a process find one archive under latest") {
  const MountFixture mount(directory());
  const auto latest = mount / "wiki/latest";
  CHECK(ReadAll(latest / "second") == "old");
  AddNewer();
  REQUIRE(Eventually([&] { return ReadByAnother(latest / "second") == "new"; }));
  std::string by_thread;
  std::jthread([&] { by_thread = ReadAll(latest / "second"); }).join();
  CHECK(by_thread == "old");
  CHECK(std::filesystem::read_symlink(latest) == kOldDate);
  // Whoever names a date gets that.
  CHECK(ReadAll(mount / "wiki" / kNewDate / "second") == "new");
}

TEST_CASE_METHOD(LatestRepository,
                 "A copy by a process that the mount's server cannot see is of one archive, too") {
  const ScratchDirectory scratch;
  const auto mountpoint = scratch / "mount";
  std::filesystem::create_directory(mountpoint);
  BackgroundCommand server(
      {"unshare", "--pid", "--fork", "--kill-child", BuiltProgram(), "--repository",
       directory().string(), "mount", "--foreground", mountpoint.string()},
      (scratch / "log").string());
  const auto latest = mountpoint / "wiki/latest";
  // To the server the number of every process here is 0, and /proc tells of others than it sees.
  REQUIRE(Eventually([&] { return std::filesystem::exists(mountpoint / "wiki" / kOldDate); }));
  BegunCopy copy(latest, {});
  AddNewer();
  REQUIRE(Eventually([&] { return std::filesystem::exists(mountpoint / "wiki" / kNewDate); }));
  CHECK(copy.Finish() == 0);
  CHECK(copy.second() == "old");
  MustRun({BuiltProgram(), "umount", mountpoint.string()});
  CHECK(server.Wait() == 0);
}

}  // namespace orcio
