#include "fusefs/mount/session.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <new>
#include <thread>
#include <utility>

#include "base/free_with.h"
#include "fusefs/kernel/fuse.h"
#include "fusefs/kernel/operations.h"
#include "fusefs/kernel/parallel_directories.h"
#include "fusefs/mount/repository_watch.h"
#include "fusefs/system/idle_watch.h"
#include "fusefs/system/mount_table.h"
#include "fusefs/system/termination.h"

namespace orcio::inline fusefs {
namespace {

// Threads kept; more are started while all of these wait, for an archive to be indexed, say: who
// waits for that must not keep others from reading what is there. Fewer may wait than threads can
// be (Namespace::Options), for who interrupts one needs a thread, too.
constexpr unsigned kIdleThreads = 16;
constexpr unsigned kMostThreads = 512;
constexpr int kReadAheadKiB = 1024;

using SessionHandle = std::unique_ptr<fuse_session, FreeWith<fuse_session_destroy>>;
using LoopConfig = std::unique_ptr<fuse_loop_config, FreeWith<fuse_loop_cfg_destroy>>;

struct Arguments {
  Arguments(const std::vector<std::string>& options) {
    fuse_opt_add_arg(&list, "orcio");
    for (const std::string& option : options) {
      fuse_opt_add_arg(&list, "-o");
      fuse_opt_add_arg(&list, option.c_str());
    }
  }
  ~Arguments() { fuse_opt_free_args(&list); }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  fuse_args list = FUSE_ARGS_INIT(0, nullptr);
};

// The kernel reads 128 KiB ahead of a FUSE file: less than a span. Only root can make it more;
// without it all is well but slower.
void ReadFurtherAhead(const struct stat& root) {
  std::ofstream(
      fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(root.st_dev), minor(root.st_dev)))
      << kReadAheadKiB;
}

// Waits for the mount's first answer.
Result<void> AskForRoot(const std::filesystem::path& mountpoint) {
  struct stat root {};
  if (::stat(mountpoint.c_str(), &root) != 0)
    return FailErrno(errno, fmt::format("{} does not answer", mountpoint.string()));
  ReadFurtherAhead(root);
  return {};
}

// Until the session ends. As libfuse has it: below 0 is the negative errno.
int AnswerRequests(fuse_session* session) {
  const LoopConfig config(fuse_loop_cfg_create());
  fuse_loop_cfg_set_max_threads(config.get(), kMostThreads);
  fuse_loop_cfg_set_idle_threads(config.get(), kIdleThreads);
  return fuse_session_loop_mt(session, config.get());
}

}  // namespace

struct Session::State {
  std::filesystem::path mountpoint;
  MountContext* context = nullptr;
  SessionHandle handle;
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}

Session::~Session() {
  TakeApart();
}

void Session::TakeApart() {
  if (state_->handle == nullptr) return;
  // Lazily, so even if files are open; what is unmounted already is left alone.
  fuse_session_unmount(state_->handle.get());
  state_->handle.reset();
}

Result<std::unique_ptr<Session>> Session::Mount(const std::filesystem::path& mountpoint,
                                                const std::vector<std::string>& options,
                                                MountContext& context) {
  Arguments arguments(options);
  const fuse_lowlevel_ops operations = Operations();
  auto state = std::make_unique<State>();
  state->mountpoint = mountpoint;
  state->context = &context;
  state->handle.reset(fuse_session_new(&arguments.list, &operations, sizeof(operations), &context));
  if (state->handle == nullptr)
    return Fail(ErrorKind::kInvalid, "libfuse refuses the options to mount {}",
                mountpoint.string());
  if (fuse_session_mount(state->handle.get(), mountpoint.c_str()) != 0) {
    return Fail(ErrorKind::kIo, "cannot mount on {}; is /dev/fuse there, and may this user use it?",
                mountpoint.string());
  }
  ParallelDirectories::Attach(state->handle.get());
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

// Not as deleted (notify_delete), for which the kernel waits until nobody looks inside the archive:
// somebody may be waiting there for it to be indexed, and all of the service with him. Errors mean
// that the kernel knows nothing of it.
void Session::TellKernel(const Namespace::Changes& changes) const {
  fuse_session* const session = state_->handle.get();
  for (const auto& [directory, name] : changes.names)
    (void)fuse_lowlevel_notify_inval_entry(session, directory, name.c_str(), name.size());
  for (const Namespace::Inode inode : changes.inodes)
    (void)fuse_lowlevel_notify_inval_inode(session, inode, 0, 0);
}

void Session::LookForChanges() const {
  const MountContext& context = *state_->context;
  try {
    TellKernel(context.tree.Refresh());
  } catch (const std::bad_alloc&) {
    context.log("out of memory: what has changed in the repository may show late");
  }
}

Result<void> Session::Serve(const std::function<void()>& ready,
                            const std::function<void()>& stopping) {
  fuse_session* const session = state_->handle.get();
  std::atomic<bool> stopped = false;
  RepositoryWatch watch(state_->context->repository, [this] { LookForChanges(); });
  const Termination termination(
      [&] {
        stopped = true;
        stopping();
        // While requests are answered: the kernel may hold the watch up until some are.
        watch.Stop();
        fuse_session_exit(session);
      },
      [&] { state_->context->log(Summary(state_->context->Counters())); });
  watch.Start();
  // The kernel refuses if files are open or somebody stands inside.
  const IdleWatch idle(state_->context->last_use, state_->context->idle_timeout,
                       [this] { return UnmountDirectory(state_->mountpoint, false).has_value(); });
  Result<void> answers;
  {
    const std::jthread first_request([&] {
      answers = AskForRoot(state_->mountpoint);
      if (answers) ready();
    });
    const int error = AnswerRequests(session);
    watch.Stop();  // which uses the session
    // Before waiting for the first request: if the loop ended early, this is what answers it.
    TakeApart();
    if (error < 0) return FailErrno(-error, "cannot go on answering the kernel");
  }
  if (!answers && stopped) {
    return Fail(ErrorKind::kCancelled, "told to end before {} was mounted",
                state_->mountpoint.string());
  }
  return answers;
}

}  // namespace orcio::inline fusefs
