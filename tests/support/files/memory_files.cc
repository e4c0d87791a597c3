#include "tests/support/files/memory_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace orcio::test {
namespace {

class MemoryRandomAccess : public RandomAccess {
 public:
  explicit MemoryRandomAccess(std::shared_ptr<const FileBytes> bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
    if (offset >= bytes_->size()) return 0;
    size_t count = std::min(into.size(), bytes_->size() - static_cast<size_t>(offset));
    std::copy_n(bytes_->begin() + static_cast<ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  uint64_t size() const override { return bytes_->size(); }

 private:
  std::shared_ptr<const FileBytes> bytes_;
};

class MemoryWritable : public WritableFile {
 public:
  explicit MemoryWritable(std::shared_ptr<FileBytes> bytes) : bytes_(std::move(bytes)) {}
  Result<void> Append(std::span<const std::byte> bytes) override {
    bytes_->insert(bytes_->end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    if (offset + bytes.size() > bytes_->size())
      return Fail(ErrorKind::kInvalid, "not appended yet");
    std::copy(bytes.begin(), bytes.end(), bytes_->begin() + static_cast<ptrdiff_t>(offset));
    return {};
  }
  Result<void> Sync() override { return {}; }

 private:
  std::shared_ptr<FileBytes> bytes_;
};

class MemoryMapped : public MappedFile {
 public:
  MemoryMapped(std::shared_ptr<const FileBytes> bytes, std::shared_ptr<const bool> faulted)
      : bytes_(std::move(bytes)), faulted_(std::move(faulted)) {}
  std::span<const std::byte> bytes() const override { return *bytes_; }
  bool faulted() const override { return *faulted_; }

 private:
  std::shared_ptr<const FileBytes> bytes_;
  std::shared_ptr<const bool> faulted_;
};

}  // namespace

void MemoryFiles::Put(const std::filesystem::path& path, FileBytes bytes) {
  files_[path] = std::make_shared<FileBytes>(std::move(bytes));
}

const FileBytes& MemoryFiles::At(const std::filesystem::path& path) const {
  return *files_.at(path);
}

Result<std::shared_ptr<FileBytes>> MemoryFiles::Find(const std::filesystem::path& path) const {
  auto found = files_.find(path);
  if (found == files_.end()) return Fail(ErrorKind::kNotFound, "{} is not there", path.string());
  return found->second;
}

Result<std::unique_ptr<RandomAccess>> MemoryFiles::OpenRead(
    const std::filesystem::path& path) const {
  return std::make_unique<MemoryRandomAccess>(ORCIO_TRY(Find(path)));
}

Result<std::unique_ptr<WritableFile>> MemoryFiles::Create(const std::filesystem::path& path) const {
  auto [file, added] = files_.try_emplace(path, std::make_shared<FileBytes>());
  if (!added) return FailErrno(EEXIST, "cannot create " + path.string());
  return std::make_unique<MemoryWritable>(file->second);
}

Result<std::unique_ptr<MappedFile>> MemoryFiles::Map(const std::filesystem::path& path) const {
  return std::make_unique<MemoryMapped>(ORCIO_TRY(Find(path)), faulted_);
}

Result<FileStatus> MemoryFiles::Status(const std::filesystem::path& path) const {
  FileStatus status;
  status.size = ORCIO_TRY(Find(path))->size();
  status.is_regular = true;
  return status;
}

Result<std::vector<std::string>> MemoryFiles::List(const std::filesystem::path& directory) const {
  std::vector<std::string> names;
  for (const auto& [path, bytes] : files_) {
    if (path.parent_path() == directory) names.push_back(path.filename());
  }
  return names;
}

Result<void> MemoryFiles::Rename(const std::filesystem::path& from,
                                 const std::filesystem::path& to) const {
  auto file = ORCIO_TRY(Find(from));
  files_.erase(from);
  files_[to] = file;
  return {};
}

Result<void> MemoryFiles::RenameNew(const std::filesystem::path& from,
                                    const std::filesystem::path& to) const {
  if (files_.count(to) != 0) return FailErrno(EEXIST, "cannot rename to " + to.string());
  return Rename(from, to);
}

Result<void> MemoryFiles::Remove(const std::filesystem::path& path) const {
  files_.erase(path);
  return {};
}

Result<bool> MemoryFiles::RemoveAbandoned(const std::filesystem::path& path) const {
  const auto found = files_.find(path);
  // Whoever writes it, and whoever reads it, shares its bytes.
  if (found == files_.end() || found->second.use_count() > 1) return false;
  files_.erase(found);
  return true;
}

Result<uint64_t> MemoryFiles::FreeBytes(const std::filesystem::path&) const {
  return uint64_t{1} << 40;
}

Result<void> MemoryFiles::SyncDirectory(const std::filesystem::path&) const {
  return {};
}

}  // namespace orcio::test
