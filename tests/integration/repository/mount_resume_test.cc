// Indexing that a mount has begun, and that another mount goes on with.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "fusefs/mount/mount.h"
#include "index/rebuild/rebuild.h"
#include "index/repository/repository.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/catch.h"
#include "tests/support/files/watched_files.h"

namespace orcio {
namespace {

using namespace test;

constexpr const char* kName = "old-20221105.tar.gz";
constexpr uint64_t kZeroMiB = 1500;  // a place to go on from is kept for each GiB

// A mount, and its server: a process that only this one ends.
class Server {
 public:
  Server(const std::filesystem::path& repository, const FileSystem& files) {
    std::filesystem::create_directory(mountpoint());
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) ::_exit(Serve(repository, files) ? 0 : 1);
  }
  ~Server() {
    if (pid_ > 0) Kill();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::filesystem::path mountpoint() const { return scratch_ / "mount"; }
  [[nodiscard]] std::string Log() const { return ReadAll(scratch_ / "log"); }
  [[nodiscard]] bool IsUp() const { return std::filesystem::exists(mountpoint() / "old"); }
  [[nodiscard]] bool Runs() const {
    siginfo_t ended{};
    const int waited =
        ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
    return waited == 0 && ended.si_pid == 0;
  }
  void Kill() {
    CHECK(End(SIGKILL) == 128 + SIGKILL);
    (void)Unmount(mountpoint(), true);
  }
  // What it ended with.
  [[nodiscard]] int End(int signal) {
    if (pid_ <= 0) return -1;
    ::kill(pid_, signal);
    int status = 0;
    CHECK(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  [[nodiscard]] bool Serve(const std::filesystem::path& repository, const FileSystem& files) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const UniqueFd log(
        ::open((scratch_ / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, mode_t{0600}));
    if (!log.valid() || ::dup2(log.get(), STDERR_FILENO) < 0) return false;
    return ServeMount(files, repository, mountpoint());
  }

  const ScratchDirectory scratch_;
  pid_t pid_ = -1;
};

// Where nobody gets to write anything more once there is a file of that name.
class HeldFiles : public WatchedFiles {
 public:
  explicit HeldFiles(const std::filesystem::path& name)
      : WatchedFiles([name](const auto& /*path*/, size_t /*size*/) -> Result<void> {
          while (std::filesystem::exists(name)) ::pause();
          return {};
        }) {}
};

void Append(const std::string& tar, std::vector<std::byte>& archive) {
  const auto member = Gzip(AsBytes(tar));
  archive.insert(archive.end(), member.begin(), member.end());
}

std::string FileOf(const std::string& path, const std::string& content) {
  return HandMadeHeader{.path = path, .size = SizeField(content.size())}.Block() + Padded(content);
}

// A file on either side of the place to go on from, and one around it.
std::vector<std::byte> LongArchive() {
  std::vector<std::byte> archive;
  Append(FileOf("first", "before"), archive);
  Append(HandMadeHeader{.path = "zeros", .size = SizeField(kZeroMiB << 20)}.Block(), archive);
  const auto zeros = Gzip(std::vector<std::byte>(size_t{1} << 20));
  for (uint64_t i = 0; i < kZeroMiB; ++i) archive.insert(archive.end(), zeros.begin(), zeros.end());
  Append(FileOf("last", "behind") + EndMarker(), archive);
  return archive;
}

// Of "continuing at N %".
unsigned PercentIn(const std::string& log) {
  constexpr std::string_view kBefore = "continuing at ";
  const size_t at = log.find(kBefore);
  unsigned percent = 0;
  if (at != std::string::npos)
    std::from_chars(log.data() + at + kBefore.size(), log.data() + log.size(), percent);
  return percent;
}

}  // namespace

TEST_CASE_METHOD(LiveRepository, "A mount goes on with what a killed one had indexed") {
  const auto archive = directory() / kName;
  const std::string sidecar = archive.string() + ".idx";
  const auto record = directory() / ("." + std::string(kName) + ".idx.resume");
  const auto bytes = LongArchive();
  std::ofstream(archive, std::ios::binary) << AsText(bytes);
  {
    // However late this process is: the index is not written before the server is killed.
    const HeldFiles files(record);
    Server killed(directory(), files);
    REQUIRE(Eventually([&] { return killed.IsUp(); }));
    BackgroundCommand look({"ls", (killed.mountpoint() / "old/latest/").string()},
                           (source() / "look").string());
    // It gets its name with its first place to go on from. Indexing has the lowest priority: that
    // takes as long as all else on the machine lets it.
    while (killed.Runs() && !std::filesystem::exists(record))
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    REQUIRE(killed.Runs());
    killed.Kill();
    CHECK(look.Wait() != 0);
  }
  REQUIRE(std::filesystem::exists(record));
  REQUIRE_FALSE(std::filesystem::exists(sidecar));

  Server server(directory(), LocalFileSystem());
  REQUIRE(Eventually([&] { return server.IsUp(); }));
  const auto inside = server.mountpoint() / "old/latest";
  CHECK(ReadAll(inside / "last") == "behind");
  INFO(server.Log());
  CHECK(PercentIn(server.Log()) > 60);
  CHECK(PercentIn(server.Log()) < 80);
  CHECK(ReadAll(inside / "first") == "before");
  CHECK(std::filesystem::file_size(inside / "zeros") == kZeroMiB << 20);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(inside))
    names.insert(entry.path().filename());
  CHECK(names == std::set<std::string>{"first", "last", "zeros"});
  CHECK(server.End(SIGTERM) == 0);
  CHECK_FALSE(std::filesystem::exists(record));

  const auto apart = source() / "whole.idx";
  REQUIRE_OK(RebuildSidecar(LocalFileSystem(), archive, apart, {}, {}));
  CHECK((ReadAll(sidecar) == ReadAll(apart)));  // too long to be shown
}

}  // namespace orcio
