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
  return std::make_unique<FailingRandomAccess>(ORCIO_TRY(ForwardingFiles::OpenRead(path)),
                                               counter_);
}

Result<std::unique_ptr<WritableFile>> FailingFiles::Create(
    const std::filesystem::path& path) const {
  return std::make_unique<FailingWritableFile>(ORCIO_TRY(ForwardingFiles::Create(path)), counter_);
}

Result<void> FailingFiles::Before(std::string_view call, const std::filesystem::path& path) const {
  return counter_->Call(std::string(call) + " " + path.string());
}

}  // namespace orcio::test
