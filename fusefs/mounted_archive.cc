#include "fusefs/mounted_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "index/rebuild.h"

namespace orcio {

// The right to work on the archive with mutex_ released; others wait until it is given back.
class MountedArchive::Turn {
 public:
  // `lock` holds mutex_, and busy_ is false.
  Turn(MountedArchive& archive, std::unique_lock<std::mutex>& lock)
      : archive_(archive), lock_(lock) {
    archive_.busy_ = true;
    lock_.unlock();
  }
  ~Turn() {
    if (!lock_.owns_lock()) lock_.lock();
    archive_.busy_ = false;
    archive_.turn_over_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Takes mutex_ again, to store what came of it.
  void Done() { lock_.lock(); }

 private:
  MountedArchive& archive_;
  std::unique_lock<std::mutex>& lock_;
};

MountedArchive::MountedArchive(ArchiveFile file, uint32_t number, const ArchivePolicy& policy)
    : file_(std::move(file)), number_(number), policy_(policy) {}

Result<MountedArchive::Reader> MountedArchive::Open() {
  std::unique_lock lock(mutex_);
  turn_over_.wait(lock, [&] { return !busy_; });
  if (reader_ != nullptr) return reader_;
  if (failure_ && Clock::now() < retry_at_) return Failure(*failure_);
  Turn turn(*this, lock);
  const auto begun = Clock::now();
  auto opened = OpenOrRebuild();
  turn.Done();
  if (opened) {
    reader_ = *opened;
    failure_.reset();
    return reader_;
  }
  const std::string& message = opened.error().message;
  if (!failure_ || failure_->message != message) Log(message);
  failure_ = Error{opened.error().kind, EIO, message};
  // Whatever takes long to fail is not worth being busy with all the time.
  const auto now = Clock::now();
  retry_at_ = now + std::max<Clock::duration>(policy_.retry_after, 10 * (now - begun));
  return Failure(*failure_);
}

MountedArchive::Reader MountedArchive::OpenIfIndexed() {
  std::unique_lock lock(mutex_);
  if (reader_ != nullptr || busy_) return reader_;
  Turn turn(*this, lock);
  auto opened = OpenAsIs();
  turn.Done();
  if (opened) {
    reader_ = *opened;
    failure_.reset();
  }
  return reader_;
}

bool MountedArchive::Heal(const Reader& reader) {
  std::unique_lock lock(mutex_);
  turn_over_.wait(lock, [&] { return !busy_; });
  if (reader_ != reader) return true;
  if (sidecar_is_sound_) return false;
  Turn turn(*this, lock);
  const auto checked = reader->sidecar().CheckAll();
  Result<Reader> rebuilt = reader;
  if (!checked) rebuilt = Rebuild(checked.error().message);
  turn.Done();
  sidecar_is_sound_ = checked.has_value() || !rebuilt;
  if (!rebuilt) {
    // What is left of it goes on to be used: each of its blocks is checked.
    Log(rebuilt.error().message);
    return false;
  }
  reader_ = *rebuilt;
  return reader_ != reader;
}

Result<MountedArchive::Reader> MountedArchive::OpenAsIs() const {
  auto sidecar = ORCIO_TRY(Sidecar::Open(policy_.files, file_.sidecar));
  return ORCIO_TRY(
      ArchiveReader::Open(policy_.files, file_.path, std::move(sidecar), policy_.cache));
}

Result<MountedArchive::Reader> MountedArchive::OpenOrRebuild() const {
  auto opened = OpenAsIs();
  if (opened) return opened;
  switch (opened.error().kind) {
    case ErrorKind::kNotFound:
    case ErrorKind::kDamaged:
    case ErrorKind::kUnsupported:
      return Rebuild(opened.error().message);
    default:
      return opened;
  }
}

Result<MountedArchive::Reader> MountedArchive::Rebuild(const std::string& reason) const {
  // Asked before all of the archive is decoded for nothing.
  const std::filesystem::path directory = file_.sidecar.parent_path();
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) != 0) {
    return FailErrno(errno,
                     fmt::format("{}; it cannot be rebuilt in {}", reason, directory.string()));
  }
  Log(fmt::format("{}; rebuilding it", reason));
  const auto begun = Clock::now();
  ORCIO_TRY(RebuildSidecar(policy_.files, file_.path, file_.sidecar, {}, policy_.stop));
  const std::chrono::duration<double> seconds = Clock::now() - begun;
  Log(fmt::format("{}: index rebuilt in {:.1f} s", file_.path.string(), seconds.count()));
  return OpenAsIs();
}

void MountedArchive::Log(const std::string& line) const {
  if (policy_.log) policy_.log(line);
}

}  // namespace orcio
