#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/files/forwarding_files.h"

namespace orcio::test {

// Another file system of which one call fails: the Nth of all that there are. As thread-safe as the
// other one.
class FailingFiles : public ForwardingFiles {
 public:
  explicit FailingFiles(const FileSystem& files) : ForwardingFiles(files) {}

  // Call number `call`, counted from 1, fails with `errnum`; 0: none does. Starts counting anew.
  void FailAt(size_t call, int errnum = ENOSPC);
  [[nodiscard]] size_t calls() const { return counter_->calls; }
  [[nodiscard]] bool failed() const { return counter_->failed; }

  [[nodiscard]] Result<std::unique_ptr<RandomAccess>> OpenRead(
      const std::filesystem::path& path) const override;
  [[nodiscard]] Result<std::unique_ptr<WritableFile>> Create(
      const std::filesystem::path& path) const override;

  // Shared with the files it hands out.
  struct Counter {
    std::atomic<size_t> calls = 0;
    std::atomic<size_t> fail_at = 0;
    std::atomic<int> errnum = 0;
    std::atomic<bool> failed = false;
    // Counts one more call, and fails if it is the one.
    [[nodiscard]] Result<void> Call(const std::string& what);
  };

 private:
  [[nodiscard]] Result<void> Before(std::string_view call,
                                    const std::filesystem::path& path) const override;

  std::shared_ptr<Counter> counter_ = std::make_shared<Counter>();
};

}  // namespace orcio::test
