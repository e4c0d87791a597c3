// Too little memory (RLIMIT_AS) for what orcio is asked to do is an error that it tells, never a
// crash; what it was serving meanwhile, it serves again afterwards.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/unique_fd.h"
#include "tests/integration/mounted_repository.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/needs.h"

namespace orcio::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr int kSignal = 128;

class Repository {
 public:
  Repository() {
    for (int i = 0; i < 40; ++i)
      files_.Write("srv/wiki/file" + std::to_string(i), Noise(100'000, static_cast<unsigned>(i)));
    files_.Archive("wiki-2025-11-23T020000Z.tar.gz");
  }
  [[nodiscard]] std::string directory() const { return files_.directory().string(); }
  [[nodiscard]] Ended Run(uint64_t limit, const std::vector<std::string>& words) const {
    std::vector<std::string> all{"prlimit",      "--core=0", "--as=" + std::to_string(limit),
                                 BuiltProgram(), "-r",       directory()};
    all.insert(all.end(), words.begin(), words.end());
    return RunCommand(all);
  }

 private:
  MountedRepository files_;
};

// Whether the file can be opened, and read to its end as `content`. By system calls: a stream may
// throw if read() fails.
bool ReadsAs(const std::filesystem::path& path, const std::string& content) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string read(content.size() + 1, '\0');
  size_t size = 0;
  ssize_t got = file.valid() ? 1 : -1;
  while (got > 0 && size < read.size()) {
    got = ::read(file.get(), read.data() + size, read.size() - size);
    if (got > 0) size += static_cast<size_t>(got);
  }
  return got == 0 && std::string_view(read).substr(0, size) == content;
}

// Of the files below `directory`, those that could be read to their ends.
size_t Readable(const std::filesystem::path& directory) {
  size_t count = 0;
  for (int i = 0; i < 40; ++i)
    count +=
        ReadsAs(directory / ("file" + std::to_string(i)), Noise(100'000, static_cast<unsigned>(i)))
            ? 1
            : 0;
  return count;
}

uint64_t AddressSpace(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  uint64_t pages = 0;
  in >> pages;
  return pages * 4096;
}

void Limit(int pid, rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  REQUIRE(::prlimit(pid, RLIMIT_AS, &limit, nullptr) == 0);
}

}  // namespace

TEST_CASE("With too little memory to look into an archive, orcio says so") {
  const Repository repository;
  // Below this not even the dynamic linker finds room.
  uint64_t least = 128 * kMiB;
  for (uint64_t step = least / 2; step >= kMiB / 16; step /= 2) {
    if (repository.Run(least - step, {"--version"}).status == 0) least -= step;
  }
  size_t refused_in_all = 0;  // a small answer may need no more than --version does
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"list"}, {"ls", "wiki:srv/wiki"}, {"cat", "wiki:srv/wiki/file7"}, {"index", "wiki"}}) {
    CAPTURE(words.front());
    size_t refused = 0;
    for (uint64_t limit = least;; limit += refused < 8 ? kMiB / 16 : kMiB) {
      CAPTURE(limit);
      const Ended ended = repository.Run(limit, words);
      INFO(ended.err);
      REQUIRE(ended.status < kSignal);
      if (ended.status == 0) break;
      ++refused;
      CHECK(ended.err.starts_with("orcio: "));
    }
    refused_in_all += refused;
  }
  CHECK(refused_in_all > 0);
  CHECK(repository.Run(RLIM_INFINITY, {"ls", "wiki:srv/wiki"}).status == 0);
}

TEST_CASE("A mount without memory to read gives errors, and reads again when there is some") {
  NeedRoot();
  NeedFuse();
  const Repository repository;
  const ScratchDirectory scratch;
  const auto at = scratch / "mount";
  std::filesystem::create_directory(at);
  BackgroundCommand mount(
      {BuiltProgram(), "-r", repository.directory(), "mount", "-f", at.string()},
      (scratch / "log").string());
  const auto archive = at / "wiki/2025-11-23T020000Z/srv/wiki";
  std::error_code not_yet;
  REQUIRE(Eventually([&] { return std::filesystem::exists(at / "wiki", not_yet); }));
  size_t unread = 0;
  for (uint64_t more = 0; more <= 2 * kMiB; more += kMiB / 4) {
    Limit(mount.pid(), AddressSpace(mount.pid()) + more);
    unread += 40 - Readable(archive);
    if (mount.running()) continue;
    // libfuse gives up if it has no memory for the next request: an end, and no crash.
    CHECK(mount.Wait() < kSignal);
    return;
  }
  CHECK(unread > 0);
  Limit(mount.pid(), RLIM_INFINITY);
  CHECK(Eventually([&] { return Readable(archive) == 40; }));
  CHECK(mount.End(SIGTERM) == 0);
}

}  // namespace orcio::test
