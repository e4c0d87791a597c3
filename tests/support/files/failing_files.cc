#include "tests/support/files/failing_files.h"

#include <utility>

namespace orcio::test {
namespace {

using Counter = FailingFiles::Counter;

class FailingRandomAccess : public RandomAccess {
 public:
  FailingRandomAccess(std::unique_ptr<RandomAccess> file, std::shared_ptr<Counter> counter)
      : file_(std::move(file)), counter_(std::move(counter)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
    ORCIO_TRY(counter_->Call("ReadAt"));
    return file_->ReadAt(offset, into);
  }
  uint64_t size() const override { return file_->size(); }

 private:
  std::unique_ptr<RandomAccess> file_;
  std::shared_ptr<Counter> counter_;
};

class FailingWritableFile : public WritableFile {
 public:
  FailingWritableFile(std::unique_ptr<WritableFile> file, std::shared_ptr<Counter> counter)
      : file_(std::move(file)), counter_(std::move(counter)) {}
  Result<void> Append(std::span<const std::byte> bytes) override {
    ORCIO_TRY(counter_->Call("Append"));
    return file_->Append(bytes);
  }
  Result<void> WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    ORCIO_TRY(counter_->Call("WriteAt"));
    return file_->WriteAt(offset, bytes);
  }
  Result<void> Sync() override {
    ORCIO_TRY(counter_->Call("Sync"));
    return file_->Sync();
  }

 private:
  std::unique_ptr<WritableFile> file_;
  std::shared_ptr<Counter> counter_;
};

}  // namespace

Result<void> FailingFiles::Counter::Call(const std::string& what) {
  if (++calls != fail_at) return {};
  failed = true;
  return FailErrno(errnum, what);
}

void FailingFiles::FailAt(size_t call, int errnum) {
  counter_->errnum = errnum;
  counter_->calls = 0;
  counter_->failed = false;
  counter_->fail_at = call;
}

Result<std::unique_ptr<RandomAccess>> FailingFiles::OpenRead(
    const std::filesystem::path& path) const {
  ORCIO_TRY(counter_->Call("OpenRead " + path.string()));
  return std::make_unique<FailingRandomAccess>(ORCIO_TRY(files_.OpenRead(path)), counter_);
}

Result<std::unique_ptr<WritableFile>> FailingFiles::Create(
    const std::filesystem::path& path) const {
  ORCIO_TRY(counter_->Call("Create " + path.string()));
  return std::make_unique<FailingWritableFile>(ORCIO_TRY(files_.Create(path)), counter_);
}

Result<std::unique_ptr<MappedFile>> FailingFiles::Map(const std::filesystem::path& path) const {
  ORCIO_TRY(counter_->Call("Map " + path.string()));
  return files_.Map(path);
}

Result<FileStatus> FailingFiles::Status(const std::filesystem::path& path) const {
  ORCIO_TRY(counter_->Call("Status " + path.string()));
  return files_.Status(path);
}

Result<std::vector<std::string>> FailingFiles::List(const std::filesystem::path& directory) const {
  ORCIO_TRY(counter_->Call("List " + directory.string()));
  return files_.List(directory);
}

Result<void> FailingFiles::Rename(const std::filesystem::path& from,
                                  const std::filesystem::path& to) const {
  ORCIO_TRY(counter_->Call("Rename " + to.string()));
  return files_.Rename(from, to);
}

Result<void> FailingFiles::RenameNew(const std::filesystem::path& from,
                                     const std::filesystem::path& to) const {
  ORCIO_TRY(counter_->Call("RenameNew " + to.string()));
  return files_.RenameNew(from, to);
}

Result<void> FailingFiles::Remove(const std::filesystem::path& path) const {
  ORCIO_TRY(counter_->Call("Remove " + path.string()));
  return files_.Remove(path);
}

Result<bool> FailingFiles::RemoveAbandoned(const std::filesystem::path& path) const {
  ORCIO_TRY(counter_->Call("RemoveAbandoned " + path.string()));
  return files_.RemoveAbandoned(path);
}

Result<uint64_t> FailingFiles::FreeBytes(const std::filesystem::path& directory) const {
  ORCIO_TRY(counter_->Call("FreeBytes " + directory.string()));
  return files_.FreeBytes(directory);
}

Result<void> FailingFiles::SyncDirectory(const std::filesystem::path& directory) const {
  ORCIO_TRY(counter_->Call("SyncDirectory " + directory.string()));
  return files_.SyncDirectory(directory);
}

}  // namespace orcio::test
