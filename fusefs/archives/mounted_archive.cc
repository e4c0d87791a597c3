#include "fusefs/archives/mounted_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "index/rebuild/rebuild.h"

namespace orcio::inline fusefs {
namespace {

// How often those who wait are asked whether they still do.
constexpr std::chrono::milliseconds kGaveUpAsked{100};
constexpr std::chrono::seconds kLookAgain{1};

// Whether a new sidecar would do if this is what is wrong.
bool CanBeMadeAnew(const Error& error) {
  return error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kDamaged ||
         error.kind == ErrorKind::kUnsupported;
}

// What is not there or makes no sense is the inside of something that is there: EIO. Who may not
// read it is told so.
int ErrnoInside(const Error& error) {
  if (error.errnum == ESTALE) return ESTALE;
  return IsPermissionDenied(error) ? EACCES : EIO;
}

}  // namespace

bool IsSameFile(const FileStatus& a, const FileStatus& b) {
  return a.size == b.size && a.mtime_ns == b.mtime_ns && a.device == b.device && a.inode == b.inode;
}

// The right to work on the archive with mutex_ released; others wait until it is given back.
class SCOPED_CAPABILITY MountedArchive::Turn {
 public:
  // busy_ is false.
  explicit Turn(MountedArchive& archive) RELEASE(archive.mutex_) : archive_(archive) {
    archive.busy_ = true;
    archive.mutex_.unlock();
  }
  // Takes mutex_ again.
  ~Turn() RELEASE() {
    archive_.mutex_.lock();
    archive_.busy_ = false;
    archive_.turn_over_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  MountedArchive& archive_;
};

template <class Work>
auto MountedArchive::InTurn(const Work& work) {
  const Turn turn(*this);
  return work();
}

MountedArchive::MountedArchive(ArchiveFile file, uint32_t number, const ArchivePolicy& policy)
    : file_(std::move(file)), number_(number), policy_(policy) {}

Result<MountedArchive::Reader> MountedArchive::Open(const GaveUp& gave_up) {
  last_used_.store(Clock::now().time_since_epoch(), std::memory_order_relaxed);
  auto opened = OpenOnce(gave_up);
  if (opened && opened->is_new) policy_.open_archives.Add(shared_from_this());
  if (!opened) return Failure(std::move(opened).error());
  return std::move(opened->reader);
}

Result<MountedArchive::Opened> MountedArchive::OpenOnce(const GaveUp& gave_up) {
  const MutexLock lock(mutex_);
  for (;;) {
    // A reader goes on to be used while its sidecar is made anew.
    if (reader_ != nullptr) return Opened{reader_, std::exchange(is_new_, false)};
    if (failure_ && Clock::now() < retry_at_) return Failure(*failure_);
    if (busy_ || indexing_) {
      ORCIO_TRY(WaitToOpen(gave_up));
      continue;
    }
    const auto begun = Clock::now();
    auto opened = InTurn([&] { return OpenAsIs(); });
    if (opened || !CanBeMadeAnew(opened.error())) {
      Keep(std::move(opened), begun);
    } else {
      StartIndexing(opened.error().message);
    }
  }
}

Result<void> MountedArchive::WaitToOpen(const GaveUp& gave_up) {
  const bool too_many = policy_.waiting++ >= policy_.most_waiting && indexing_;
  const bool waited = !too_many && Wait(true, gave_up);
  --policy_.waiting;
  if (waited) return {};
  return Failure(too_many
                     ? Error{ErrorKind::kIo, EAGAIN,
                             file_.path.string() + ": too many wait for archives to be indexed"}
                     : Error{ErrorKind::kCancelled, EINTR,
                             file_.path.string() + ": interrupted while it is indexed"});
}

bool MountedArchive::Wait(bool also_indexing, const GaveUp& gave_up) {
  const auto over = [&]() REQUIRES(mutex_) { return !busy_ && !(also_indexing && indexing_); };
  while (!turn_over_.wait_for(mutex_, kGaveUpAsked, over)) {
    if (gave_up && gave_up()) return false;
  }
  return true;
}

void MountedArchive::Keep(Result<Reader> opened, Clock::time_point begun) {
  if (opened) {
    reader_ = *std::move(opened);
    is_new_ = true;
    failure_.reset();
    return;
  }
  const auto& [kind, errnum, message] = opened.error();
  const bool stale = errnum == ESTALE;
  if (!stale && (!failure_ || failure_->message != message)) Log(message);
  failure_ = Error{kind, ErrnoInside(opened.error()), message};
  // Whatever takes long to fail is not worth being busy with all the time.
  const auto now = Clock::now();
  retry_at_ = now + std::max<Clock::duration>(policy_.retry_after, 10 * (now - begun));
}

MountedArchive::Reader MountedArchive::OpenIfIndexed() {
  last_used_.store(Clock::now().time_since_epoch(), std::memory_order_relaxed);
  Opened opened = OpenAtOnce();
  if (opened.is_new) policy_.open_archives.Add(shared_from_this());
  return std::move(opened.reader);
}

MountedArchive::Opened MountedArchive::OpenAtOnce() {
  const MutexLock lock(mutex_);
  if (reader_ == nullptr && !busy_ && !indexing_) {
    auto opened = InTurn([&] { return OpenAsIs(); });
    if (opened) Keep(std::move(opened), {});
  }
  return {reader_, reader_ != nullptr && std::exchange(is_new_, false)};
}

bool MountedArchive::Close() {
  Reader closed;  // let go of without the lock
  const MutexLock lock(mutex_);
  if (open_files_ == 0 && !busy_ && !indexing_) closed = std::exchange(reader_, nullptr);
  return closed != nullptr;
}

bool MountedArchive::is_open() {
  const MutexLock lock(mutex_);
  return reader_ != nullptr;
}

bool MountedArchive::Heal(const Reader& reader, const GaveUp& gave_up) {
  const MutexLock lock(mutex_);
  if (!Wait(false, gave_up)) return false;
  if (reader_ == reader && !indexing_) {
    if (sidecar_is_sound_) return false;
    const auto checked = InTurn([&] { return reader->sidecar().CheckAll(); });
    sidecar_is_sound_ = true;  // or there is no better one, unless indexing makes it
    if (checked) return false;
    StartIndexing(checked.error().message);
  }
  if (reader_ == reader && !Wait(true, gave_up)) return false;
  return reader_ != reader;
}

bool MountedArchive::Changed() {
  {
    const MutexLock lock(mutex_);
    const auto now = Clock::now();
    if (changed_ || (reader_ != nullptr && now - looked_at_ < kLookAgain)) return changed_;
    looked_at_ = now;
  }
  const bool changed = !IsListedFile();
  const MutexLock lock(mutex_);
  changed_ = changed_ || changed;
  return changed_;
}

Result<MountedArchive::Reader> MountedArchive::OpenAsIs() const {
  return UnlessReplaced([&]() -> Result<Reader> {
    auto sidecar = ORCIO_TRY(Sidecar::Open(policy_.files, file_.sidecar));
    return ORCIO_TRY(
        ArchiveReader::Open(policy_.files, file_.path, std::move(sidecar), policy_.cache));
  }());
}

// What the kernel has of this number's inodes is the listed file's, whatever is there now.
Result<MountedArchive::Reader> MountedArchive::UnlessReplaced(Result<Reader> opened) const {
  if (IsListedFile()) return opened;
  return Failure(
      Error{ErrorKind::kIo, ESTALE, file_.path.string() + " is not the file that was listed"});
}

// If it cannot be looked at, nothing is known of a change.
bool MountedArchive::IsListedFile() const {
  const auto status = policy_.files.Status(file_.path);
  return status ? IsSameFile(*status, file_.status) : status.error().kind != ErrorKind::kNotFound;
}

void MountedArchive::StartIndexing(const std::string& reason) {
  indexing_ = true;
  policy_.indexer.Submit([self = shared_from_this(), reason](const std::stop_token& stop) {
    self->Index(reason, stop);
  });
}

void MountedArchive::Index(const std::string& reason, const std::stop_token& stop) {
  const auto begun = Clock::now();
  Result<Reader> rebuilt = Fail(
      ErrorKind::kIo, "{}: indexing it broke off: a bug, please report it", file_.path.string());
  try {
    rebuilt = UnlessReplaced(Rebuild(reason, stop));
  } catch (const std::bad_alloc&) {
    rebuilt = FailErrno(ENOMEM, "cannot index " + file_.path.string());
  }
  {
    const MutexLock lock(mutex_);
    indexing_ = false;
    if (reader_ == nullptr || rebuilt) {
      sidecar_is_sound_ = false;
      Keep(std::move(rebuilt), begun);
    } else {
      // What is left of the old one goes on to be used: each of its blocks is checked.
      Log(rebuilt.error().message);
    }
  }
  turn_over_.notify_all();
}

Result<MountedArchive::Reader> MountedArchive::Rebuild(const std::string& reason,
                                                       const std::stop_token& stop) const {
  // Asked before the log says that something is being done.
  ORCIO_TRY(policy_.files.OpenRead(file_.path));
  const std::filesystem::path directory = file_.sidecar.parent_path();
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) != 0) {
    Error error =
        FailErrno(errno, fmt::format("{}; it cannot be made in {}", reason, directory.string()))
            .value();
    error.message += "; name another directory for indexes with --index-dir";
    return Failure(std::move(error));
  }
  Log(fmt::format("{}; rebuilding it", reason));
  const auto begun = Clock::now();
  RebuildOptions rebuild;
  rebuild.facts = KeptFacts(policy_.files, file_.path, file_.sidecar);
  rebuild.resumed = [this](uint64_t done, uint64_t total) {
    Log(fmt::format(
        "{}: continuing at {} %", file_.path.string(),
        static_cast<unsigned>(100.0 * static_cast<double>(done) / static_cast<double>(total))));
  };
  rebuild.note = [this](const std::string& note) { Log(note); };
  ORCIO_TRY(RebuildSidecar(policy_.files, file_.path, file_.sidecar, rebuild, stop));
  const std::chrono::duration<double> seconds = Clock::now() - begun;
  Log(fmt::format("{}: index rebuilt in {:.1f} s", file_.path.string(), seconds.count()));
  return OpenAsIs();
}

void MountedArchive::Log(const std::string& line) const {
  if (policy_.log) policy_.log(line);
}

}  // namespace orcio::inline fusefs
