#include "fusefs/mount/mount.h"

#include <malloc.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/dup_filter_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "fusefs/kernel/fuse.h"
#include "fusefs/mount/mount_options.h"
#include "fusefs/mount/session.h"
#include "fusefs/system/background.h"
#include "fusefs/system/mount_table.h"

namespace orcio::inline fusefs {
namespace {

// What was found out before anything is started.
struct Plan {
  std::filesystem::path repository;       // absolute
  std::filesystem::path index_directory;  // absolute, or empty
  std::filesystem::path mountpoint;       // absolute, without symlinks
  ParsedMountOptions options;
  bool foreground = false;
};

bool IsWithin(const std::filesystem::path& path, const std::filesystem::path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first ==
         directory.end();
}

// A mount whose server is gone answers ENOTCONN until it is unmounted, and ECONNABORTED whoever was
// asking as it went. Not stat(2), which the kernel may still answer for it.
bool IsDead(const std::filesystem::path& mountpoint) {
  struct statvfs status {};
  return ::statvfs(mountpoint.c_str(), &status) != 0 &&
         (errno == ENOTCONN || errno == ECONNABORTED);
}

Result<void> CheckMountpoint(const std::filesystem::path& mountpoint) {
  while (ORCIO_TRY(MountedType(mountpoint)) == kMountType) {
    if (!IsDead(mountpoint)) {
      return Fail(ErrorKind::kInvalid, "{} is mounted already; `orcio umount {}` unmounts it",
                  mountpoint.string(), mountpoint.string());
    }
    ORCIO_TRY(UnmountDirectory(mountpoint, true));
  }
  struct stat status {};
  if (::stat(mountpoint.c_str(), &status) != 0)
    return FailErrno(errno, fmt::format("cannot mount on {}", mountpoint.string()));
  if (!S_ISDIR(status.st_mode))
    return Fail(ErrorKind::kInvalid, "cannot mount on {}: it is no directory", mountpoint.string());
  return {};
}

// What /proc/mounts and df(1) show: as fstab has it, by which `mount -a` knows what is mounted.
// libfuse takes options apart at commas, and takes backslashes for escapes.
std::string SourceName(const std::filesystem::path& repository) {
  const std::string name = repository.string();
  return name.find_first_of(",\\") == name.npos ? name : "orcio";
}

Result<Plan> MakePlan(const Repository& repository, const MountOptions& options) {
  Plan plan;
  plan.foreground = options.foreground;
  plan.options =
      ORCIO_TRY(ParseMountOptions(options.fuse_options, options.cache_bytes, ::geteuid() == 0));
  std::error_code error;
  plan.repository = std::filesystem::canonical(repository.directory(), error);
  if (error) {
    return Fail(ErrorKind::kNotFound, "cannot mount the repository {}: {}",
                repository.directory().string(), error.message());
  }
  plan.index_directory = repository.index_directory();
  if (!plan.index_directory.empty())
    plan.index_directory = std::filesystem::absolute(plan.index_directory, error);
  plan.options.fuse.push_back("fsname=" + SourceName(plan.repository));
  plan.mountpoint = ORCIO_TRY(ResolveMountpoint(options.mountpoint));
  if (IsWithin(plan.repository, plan.mountpoint)) {
    return Fail(ErrorKind::kInvalid, "cannot mount on {}: it would hide the repository {}",
                plan.mountpoint.string(), plan.repository.string());
  }
  ORCIO_TRY(CheckMountpoint(plan.mountpoint));
  return plan;
}

std::shared_ptr<spdlog::logger> MakeLogger(bool foreground) {
  // One bad span fails many reads: its line is written once.
  auto once = std::make_shared<spdlog::sinks::dup_filter_sink_mt>(std::chrono::minutes(1));
  if (foreground)
    once->add_sink(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  else
    once->add_sink(
        std::make_shared<spdlog::sinks::syslog_sink_mt>("orcio", LOG_PID, LOG_DAEMON, false));
  auto logger = std::make_shared<spdlog::logger>("orcio", std::move(once));
  logger->flush_on(spdlog::level::info);
  return logger;
}

// Each archive that is open takes a descriptor, and there may be thousands.
void AllowManyOpenFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// glibc gives threads heaps of their own, and keeps in each what spans have been freed there: many
// times the cache, for threads that come and go. What is small each thread keeps at hand all the
// same, and beside decoding a span the wait for the one heap is nothing. In it, each thread that
// libfuse keeps has a buffer of 1 MiB.
void ShareOneHeap() {
  ::mallopt(M_ARENA_MAX, 1);
}

Result<void> Serve(const FileSystem& files, const Plan& plan, const std::function<void()>& ready) {
  const auto logger = MakeLogger(plan.foreground);
  const auto log = [logger](const std::string& line) { logger->warn("{}", line); };
  AllowManyOpenFiles();
  ShareOneHeap();
  SpanCache cache(plan.options.cache_bytes);
  Namespace::Options options;
  options.log = log;
  options.symlinks_inside = plan.options.symlinks_inside;
  const auto tree = ORCIO_TRY(Namespace::Open(
      Repository(files, plan.repository, plan.index_directory), cache, std::move(options)));
  MountContext context{.tree = *tree,
                       .cache = cache,
                       .repository = plan.repository,
                       .default_permissions = plan.options.default_permissions,
                       .shown = plan.options.shown,
                       .idle_timeout = plan.options.idle_timeout,
                       .log = log};
  const auto session = ORCIO_TRY(Session::Mount(plan.mountpoint, plan.options.fuse, context));
  // Before the first request is answered: until then nobody can have followed any.
  if (plan.options.nosymfollow) ORCIO_TRY(ForbidSymlinks(plan.mountpoint));
  auto served = session->Serve(
      [&] {
        // libfuse writes to standard error, which is about to go.
        if (!plan.foreground)
          fuse_set_log_func([](fuse_log_level level, const char* format, va_list arguments) {
            ::vsyslog(static_cast<int>(level), format, arguments);
          });
        ready();
      },
      [&] { tree->Stop(); });
  if (!served) log(served.error().message);
  return served;
}

}  // namespace

Result<void> Mount(const Repository& repository, const MountOptions& options) {
  const Plan plan = ORCIO_TRY(MakePlan(repository, options));
  const FileSystem& files = repository.files();
  if (plan.foreground) return Serve(files, plan, [] {});
  return RunInBackground(
      [&](const std::function<void()>& ready) { return Serve(files, plan, ready); });
}

Result<void> Unmount(const std::filesystem::path& mountpoint, bool lazy) {
  return UnmountDirectory(ORCIO_TRY(FindMount(mountpoint)), lazy);
}

}  // namespace orcio::inline fusefs
