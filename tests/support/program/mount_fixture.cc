#include "tests/support/program/mount_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "fusefs/mount/mount.h"
#include "fusefs/system/mount_table.h"
#include "index/repository/repository.h"
#include "tests/support/catch.h"

namespace orcio::test {
namespace {

// The process, other than this one, that has `pipe` open.
pid_t OtherHolder(const std::filesystem::path& pipe) {
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    const std::string name = process.path().filename();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (pid == ::getpid()) continue;
    std::error_code gone;  // processes end while we look
    auto file = std::filesystem::directory_iterator(process.path() / "fd", gone);
    for (; !gone && file != std::filesystem::directory_iterator(); file.increment(gone)) {
      std::error_code closed;  // as they do files: the next may be the pipe all the same
      if (std::filesystem::read_symlink(file->path(), closed) == pipe) return pid;
    }
  }
  throw std::runtime_error("the mount's server is not there");
}

}  // namespace

MountFixture::MountFixture(const std::filesystem::path& repository,
                           const std::vector<std::string>& options)
    : mountpoint_(scratch_ / "mnt") {
  std::filesystem::create_directory(mountpoint_);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  server_lives_ = UniqueFd(ends[0]);
  UniqueFd write_end(ends[1]);  // the server inherits it: nothing is executed
  // The server is no child of ours; but it becomes one, whose end can be awaited, when the process
  // that started it is gone.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) throw std::runtime_error("prctl");
  MountOptions mount;
  mount.mountpoint = mountpoint_;
  mount.cache_bytes = uint64_t{32} << 20;
  mount.fuse_options = options;
  const auto mounted = Mount(Repository(LocalFileSystem(), repository), mount);
  if (!mounted) throw std::runtime_error(mounted.error().message);
  const auto pipe =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(write_end.get()));
  write_end.Reset();
  server_ = OtherHolder(pipe);
}

MountFixture::~MountFixture() {
  if (mounted()) (void)Unmount(mountpoint_, true);
  const bool ended = ServerEnds();
  if (!ended) ::kill(server_, SIGKILL);
  INFO("a mount's server");
  CHECK(ended);
  // Nobody sees what it says once it is in the background, a sanitizer's report included. Only a
  // test ends it by SIGKILL.
  int status = 0;
  pid_t waited = 0;
  while ((waited = ::waitpid(server_, &status, 0)) < 0 && errno == EINTR) {
  }
  CHECK(waited == server_);
  if (WIFEXITED(status)) CHECK(WEXITSTATUS(status) == 0);
  if (WIFSIGNALED(status)) CHECK(WTERMSIG(status) == SIGKILL);
}

bool MountFixture::ServerEnds() const {
  pollfd end{server_lives_.get(), POLLIN, 0};
  return ::poll(&end, 1, 60'000) == 1;
}

bool MountFixture::mounted() const {
  const auto type = MountedType(mountpoint_);
  return type && *type == kMountType;
}

}  // namespace orcio::test
