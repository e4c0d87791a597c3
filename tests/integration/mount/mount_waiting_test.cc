#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <thread>

#include "fusefs/mount/mount.h"
#include "index/repository/repository.h"
#include "tests/integration/mount/live_repository.h"
#include "tests/support/catch.h"
#include "tests/support/files/watched_files.h"

namespace orcio {
namespace {

using namespace test;

constexpr const char* kDate = "2025-11-23T020000Z";
constexpr const char* kName = "wiki-2025-11-23T020000Z.tar.gz";

// A mount whose server writes no index before it may: until then, whoever looks into an archive
// that has none waits.
class HeldServer {
 public:
  explicit HeldServer(const std::filesystem::path& repository) {
    std::filesystem::create_directory(mountpoint());
    server_ = ::fork();
    REQUIRE(server_ >= 0);
    if (server_ == 0) ::_exit(Serve(repository) ? 0 : 1);
  }
  ~HeldServer() {
    LetGo();
    ::kill(server_, SIGTERM);
    int status = 0;
    CHECK(::waitpid(server_, &status, 0) == server_);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  HeldServer(const HeldServer&) = delete;
  HeldServer& operator=(const HeldServer&) = delete;

  [[nodiscard]] std::filesystem::path mountpoint() const { return scratch_ / "mount"; }
  void LetGo() const { std::ofstream(scratch_ / "go").flush(); }
  // Whether it has gone on without having been let go: so that what cannot be ended ends.
  [[nodiscard]] bool gave_up() const { return std::filesystem::exists(scratch_ / "gave up"); }

 private:
  [[nodiscard]] bool Serve(const std::filesystem::path& repository) const {
    const WatchedFiles files([this](const auto& /*path*/, size_t /*size*/) -> Result<void> {
      const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
      while (!gave_up() && !std::filesystem::exists(scratch_ / "go")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        if (std::chrono::steady_clock::now() > end) std::ofstream(scratch_ / "gave up").flush();
      }
      return {};
    });
    return ServeMount(files, repository, mountpoint());
  }

  const ScratchDirectory scratch_;
  pid_t server_ = -1;
};

// Whether the process is in the system call, and not running.
bool IsIn(int pid, long call) {
  const std::string text = ReadAll("/proc/" + std::to_string(pid) + "/syscall");
  long in = -1;
  std::from_chars(text.data(), text.data() + text.size(), in);
  return in == call;
}

// Whether it sleeps in a way that a signal ends; in a lock of the kernel's it does not.
bool SleepsLightly(int pid) {
  const std::string text = ReadAll("/proc/" + std::to_string(pid) + "/stat");
  const size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.substr(name_end + 1).starts_with(" S ");
}

}  // namespace

// Without FUSE_PARALLEL_DIROPS the kernel holds the second back until the first has its answer.
TEST_CASE_METHOD(LiveRepository, "Two looks into one directory are served at once") {
  for (const char* name : {"a", "b"}) Write(name, "content");
  std::filesystem::remove(Archive(kName).string() + ".idx");
  const HeldServer server(directory());
  const auto inside = server.mountpoint() / "wiki" / kDate;
  REQUIRE(Eventually([&] { return std::filesystem::exists(inside); }));
  const std::string log = (server.mountpoint().parent_path() / "log").string();
  const auto waits = [](const BackgroundCommand& look) {
    return Eventually([&] { return IsIn(look.pid(), SYS_statx) && SleepsLightly(look.pid()); });
  };
  BackgroundCommand first({"stat", (inside / "a").string()}, log);
  CHECK(waits(first));
  BackgroundCommand second({"stat", (inside / "b").string()}, log);
  CHECK(waits(second));
  // The server has the second, and answers it while the first goes on waiting.
  CHECK(second.End(SIGTERM) == 128 + SIGTERM);
  CHECK(first.running());
  CHECK(waits(first));
  CHECK_FALSE(server.gave_up());
  server.LetGo();
  CHECK(first.Wait() == 0);
}

// The first could be interrupted, all others in the same directory not by SIGKILL.
TEST_CASE_METHOD(LiveRepository, "Whoever waits for an archive to be indexed can be interrupted") {
  for (const char* name : {"a", "b", "c"}) Write(name, "content");
  const auto archive = Archive(kName);
  const std::string sidecar = archive.string() + ".idx";
  std::filesystem::remove(sidecar);
  const HeldServer server(directory());
  const auto inside = server.mountpoint() / "wiki" / kDate;
  REQUIRE(Eventually([&] { return std::filesystem::exists(inside); }));
  {
    const std::string log = (server.mountpoint().parent_path() / "log").string();
    BackgroundCommand first({"ls", inside.string()}, log);
    CHECK(Eventually([&] { return IsIn(first.pid(), SYS_getdents64); }));
    BackgroundCommand second({"ls", inside.string()}, log);
    CHECK(Eventually([&] { return IsIn(second.pid(), SYS_getdents64); }));
    BackgroundCommand look({"stat", (inside / "a").string()}, log);
    CHECK(Eventually([&] { return IsIn(look.pid(), SYS_statx); }));
    BackgroundCommand read({"cat", (inside / "b").string()}, log);
    CHECK(Eventually([&] { return IsIn(read.pid(), SYS_openat); }));
    // In an order in which each but the last waits for another.
    CHECK(read.End(SIGKILL) == 128 + SIGKILL);
    CHECK(look.End(SIGTERM) == 128 + SIGTERM);
    CHECK(second.End(SIGKILL) == 128 + SIGKILL);
    CHECK(first.End(SIGTERM) == 128 + SIGTERM);
  }
  CHECK_FALSE(server.gave_up());
  CHECK_FALSE(std::filesystem::exists(sidecar));
  // It goes on to be indexed.
  server.LetGo();
  CHECK(ReadAll(inside / "c") == "content");
}

}  // namespace orcio
