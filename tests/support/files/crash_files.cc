#include "tests/support/files/crash_files.h"

#include <algorithm>
#include <cerrno>
#include <random>
#include <stdexcept>
#include <utility>

namespace orcio::test {
namespace {

constexpr size_t kBlock = 512;
// Of which every subset is tried.
constexpr size_t kMostPending = 10;

class Contents : public RandomAccess {
 public:
  explicit Contents(FileBytes bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
    if (offset >= bytes_.size()) return 0;
    const size_t count = std::min(into.size(), bytes_.size() - static_cast<size_t>(offset));
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  uint64_t size() const override { return bytes_.size(); }

 private:
  FileBytes bytes_;
};

class MappedContents : public MappedFile {
 public:
  explicit MappedContents(FileBytes bytes) : bytes_(std::move(bytes)) {}
  std::span<const std::byte> bytes() const override { return bytes_; }
  bool faulted() const override { return false; }

 private:
  FileBytes bytes_;
};

}  // namespace

class CrashFiles::Writable : public WritableFile {
 public:
  Writable(const CrashFiles& files, std::shared_ptr<Inode> inode)
      : files_(files), inode_(std::move(inode)) {}
  Result<void> Append(std::span<const std::byte> bytes) override {
    const Lock lock(files_.mutex_);
    inode_->bytes.insert(inode_->bytes.end(), bytes.begin(), bytes.end());
    files_.Look("append");
    return {};
  }
  Result<void> WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    const Lock lock(files_.mutex_);
    if (offset + bytes.size() > inode_->bytes.size())
      return Fail(ErrorKind::kInvalid, "not appended yet");
    std::copy(bytes.begin(), bytes.end(), inode_->bytes.begin() + static_cast<ptrdiff_t>(offset));
    files_.Look("write");
    return {};
  }
  Result<void> Sync() override {
    const Lock lock(files_.mutex_);
    inode_->synced = inode_->bytes;
    files_.Look("sync");
    return {};
  }

 private:
  const CrashFiles& files_;
  std::shared_ptr<Inode> inode_;
};

void CrashFiles::Put(const std::filesystem::path& path, FileBytes bytes) {
  const auto inode = std::make_shared<Inode>(Inode{bytes, std::move(bytes)});
  now_[path] = inode;
  synced_[path] = inode;
}

FileBytes CrashFiles::OnDisk(const Inode& inode, Unsynced unsynced, uint64_t seed) {
  FileBytes disk = inode.synced;
  if (unsynced == Unsynced::kMissing) return disk;
  if (unsynced == Unsynced::kThere) return inode.bytes;
  disk.resize(inode.bytes.size());
  std::mt19937_64 random(seed);
  for (size_t at = 0; at < disk.size() && unsynced == Unsynced::kAtRandom; at += kBlock) {
    if (random() % 2 == 0) continue;
    const size_t count = std::min(kBlock, disk.size() - at);
    std::copy_n(inode.bytes.begin() + static_cast<ptrdiff_t>(at), count,
                disk.begin() + static_cast<ptrdiff_t>(at));
  }
  return disk;
}

std::vector<CrashFiles::Disk> CrashFiles::PossibleDisks() const {
  const Lock lock(mutex_);
  if (pending_.size() > kMostPending) throw std::runtime_error("too many changes to try them all");
  std::vector<Disk> disks;
  for (size_t subset = 0; subset < size_t{1} << pending_.size(); ++subset) {
    Entries entries = synced_;
    for (size_t i = 0; i < pending_.size(); ++i) {
      if ((subset >> i & 1) != 0) Apply(pending_[i], entries);
    }
    for (const auto unsynced :
         {Unsynced::kThere, Unsynced::kMissing, Unsynced::kZeros, Unsynced::kAtRandom}) {
      Disk disk;
      for (const auto& [path, inode] : entries) disk[path] = OnDisk(*inode, unsynced, subset);
      if (std::find(disks.begin(), disks.end(), disk) == disks.end())
        disks.push_back(std::move(disk));
    }
  }
  return disks;
}

void CrashFiles::Apply(const Change& change, Entries& entries) {
  if (!change.to.empty()) entries[change.to] = change.inode;
  const auto from = entries.find(change.from);
  if (from != entries.end() && from->second == change.inode) entries.erase(from);
}

void CrashFiles::Apply(Change change) const {
  Apply(change, now_);
  pending_.push_back(std::move(change));
}

void CrashFiles::Look(const std::string& call) const {
  if (look_) look_(call);
}

Result<std::shared_ptr<CrashFiles::Inode>> CrashFiles::Find(
    const std::filesystem::path& path) const {
  const auto found = now_.find(path);
  if (found == now_.end())
    return Failure(Error{ErrorKind::kNotFound, ENOENT, path.string() + " is not there"});
  return found->second;
}

Result<std::unique_ptr<RandomAccess>> CrashFiles::OpenRead(
    const std::filesystem::path& path) const {
  const Lock lock(mutex_);
  return std::make_unique<Contents>(ORCIO_TRY(Find(path))->bytes);
}

Result<std::unique_ptr<WritableFile>> CrashFiles::Create(const std::filesystem::path& path) const {
  const Lock lock(mutex_);
  if (now_.count(path) != 0) return FailErrno(EEXIST, "cannot create " + path.string());
  const auto inode = std::make_shared<Inode>();
  Apply(Change{inode, {}, path});
  Look("create " + path.string());
  return std::make_unique<Writable>(*this, inode);
}

Result<std::unique_ptr<MappedFile>> CrashFiles::Map(const std::filesystem::path& path) const {
  const Lock lock(mutex_);
  return std::make_unique<MappedContents>(ORCIO_TRY(Find(path))->bytes);
}

Result<FileStatus> CrashFiles::Status(const std::filesystem::path& path) const {
  const Lock lock(mutex_);
  FileStatus status;
  status.size = ORCIO_TRY(Find(path))->bytes.size();
  status.is_regular = true;
  return status;
}

Result<std::vector<std::string>> CrashFiles::List(const std::filesystem::path& directory) const {
  const Lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [path, inode] : now_) {
    if (path.parent_path() == directory) names.push_back(path.filename());
  }
  return names;
}

Result<void> CrashFiles::Rename(const std::filesystem::path& from,
                                const std::filesystem::path& to) const {
  const Lock lock(mutex_);
  Apply(Change{ORCIO_TRY(Find(from)), from, to});
  Look("rename " + from.string() + " " + to.string());
  return {};
}

Result<void> CrashFiles::RenameNew(const std::filesystem::path& from,
                                   const std::filesystem::path& to) const {
  const Lock lock(mutex_);
  if (now_.count(to) != 0) return FailErrno(EEXIST, "cannot rename to " + to.string());
  return Rename(from, to);
}

Result<void> CrashFiles::Remove(const std::filesystem::path& path) const {
  const Lock lock(mutex_);
  if (const auto found = now_.find(path); found != now_.end()) {
    Apply(Change{found->second, path, {}});
    Look("remove " + path.string());
  }
  return {};
}

// Nothing is written but by the run that the test watches.
Result<bool> CrashFiles::RemoveAbandoned(const std::filesystem::path& path) const {
  const Lock lock(mutex_);
  const bool there = now_.count(path) != 0;
  ORCIO_TRY(Remove(path));
  return there;
}

Result<uint64_t> CrashFiles::FreeBytes(const std::filesystem::path&) const {
  return uint64_t{1} << 40;
}

Result<void> CrashFiles::SyncDirectory(const std::filesystem::path& directory) const {
  const Lock lock(mutex_);
  synced_ = now_;
  pending_.clear();
  Look("sync " + directory.string());
  return {};
}

}  // namespace orcio::test
