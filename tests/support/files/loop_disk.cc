#include "tests/support/files/loop_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "tests/support/command.h"

namespace orcio::test {
namespace fs = std::filesystem;
namespace {

constexpr const char* kReserve = ".room-to-grow";
constexpr const char* kSize = "256M";

}  // namespace

LoopDisk::LoopDisk(fs::path directory, uint64_t bytes, const std::vector<std::string>& options)
    : directory_(std::move(directory)), is_ext4_(MountLoop(options)) {
  if (!is_ext4_) {
    std::fprintf(stderr, "no loop devices here: a tmpfs stands for the small disk\n");
    const std::string size = std::string("mode=0700,size=") + kSize;
    if (::mount("orcio-loop-disk", directory_.c_str(), "tmpfs", 0, size.c_str()) != 0)
      throw std::runtime_error("cannot mount a tmpfs: " + std::string(std::strerror(errno)));
  }
  Reserve(bytes);
}

LoopDisk::~LoopDisk() {
  ::umount2(directory_.c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove(image(), ignored);
}

bool LoopDisk::MountLoop(const std::vector<std::string>& options) const {
  MustRun({"truncate", "-s", kSize, image()});
  std::vector<std::string> words{"mkfs.ext4", "-q", "-m", "0"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(image());
  MustRun(words);
  if (RunCommand({"mount", "-o", "loop", image(), directory_}).status != 0) return false;
  fs::permissions(directory_, fs::perms::owner_all);
  return true;
}

// All but `bytes`.
void LoopDisk::Reserve(uint64_t bytes) const {
  const UniqueFd file(
      ::open((directory_ / kReserve).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const uint64_t available = fs::space(directory_).available;
  if (!file.valid() || available < bytes ||
      ::posix_fallocate(file.get(), 0, static_cast<off_t>(available - bytes)) != 0)
    throw std::runtime_error("a small disk cannot be filled");
}

void LoopDisk::Grow() const {
  fs::remove(directory_ / kReserve);
}

bool LoopDisk::IsItsOwn(const std::string& name) {
  return name == kReserve || name == "lost+found";
}

}  // namespace orcio::test
