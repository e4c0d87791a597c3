#include "fusefs/mount/repository_watch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

constexpr const char* kName = "wiki-2026-11-23T020000Z.tar.gz";
using Method = RepositoryWatch::Method;

// A repository's directory, and how often a watch has told of changes in it.
class WatchedDirectory {
 public:
  explicit WatchedDirectory(Method method,
                            std::chrono::milliseconds between_sure_looks = std::chrono::hours(1)) {
    std::filesystem::create_directory(at());
    watch_.emplace(
        at(), [this] { Count(); },
        RepositoryWatch::Options{method, std::chrono::milliseconds(20), between_sure_looks});
    watch_->Start();
    REQUIRE(ToldSince(0));
  }

  [[nodiscard]] std::filesystem::path at() const { return scratch_ / "repository"; }
  [[nodiscard]] int told() {
    const std::scoped_lock lock(mutex_);
    return told_;
  }
  [[nodiscard]] bool ToldSince(int before) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(120), [&] { return told_ > before; });
  }
  // Whether `change` is told of.
  template <class Change>
  [[nodiscard]] bool Tells(const Change& change) {
    const int before = told();
    change();
    return ToldSince(before);
  }
  // Until nothing that has happened so far can still be told of.
  void Settle() {
    for (int last = -1; last != told(); std::this_thread::sleep_for(std::chrono::milliseconds(200)))
      last = told();
  }
  void Stop() { watch_->Stop(); }

 private:
  void Count() {
    {
      const std::scoped_lock lock(mutex_);
      ++told_;
    }
    changed_.notify_all();
  }

  test::ScratchDirectory scratch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int told_ = 0;  // guarded by mutex_
  std::optional<RepositoryWatch> watch_;
};

}  // namespace

TEST_CASE("A watch tells of archives that come, are replaced and go, by either method") {
  WatchedDirectory directory(GENERATE(Method::kAutomatic, Method::kPoll));
  const auto part = directory.at() / (std::string(".") + kName + ".part");
  const auto publish = [&] {
    std::ofstream(part) << "x";
    std::filesystem::rename(part, directory.at() / kName);
  };
  CHECK(directory.Tells(publish));
  directory.Settle();
  CHECK(directory.Tells(publish));
  directory.Settle();
  CHECK(directory.Tells([&] { std::filesystem::remove(directory.at() / kName); }));
}

TEST_CASE("A watch by inotify does not stir for what is no archive") {
  WatchedDirectory directory(Method::kAutomatic);
  directory.Settle();
  const int before = directory.told();
  std::ofstream(directory.at() / (std::string(".") + kName + ".part")) << "half an archive";
  std::ofstream(directory.at() / ".orcio.lock") << "x";
  // Events come in order: once this is told of, those before have been looked at.
  CHECK(directory.Tells([&] { std::ofstream(directory.at() / kName) << "x"; }));
  directory.Settle();
  CHECK(directory.told() - before <= 2);  // created, and closed after writing
}

TEST_CASE("A directory that is moved away, and one in its place, are noticed") {
  WatchedDirectory directory(Method::kAutomatic);
  directory.Settle();
  CHECK(
      directory.Tells([&] { std::filesystem::rename(directory.at(), directory.at() / "../old"); }));
  CHECK(directory.Tells([&] { std::filesystem::create_directory(directory.at()); }));
  directory.Settle();
  CHECK(directory.Tells([&] { std::ofstream(directory.at() / kName) << "x"; }));
}

TEST_CASE("A watch that looks goes on telling until a time of whole seconds can be settled") {
  // It told twice: of two changes within one tick of a coarse clock the second was missed.
  WatchedDirectory directory(Method::kPoll);
  time_t seconds = 1'795'399'200;
  int told = 0;
  // Once more if this process did not run for the two seconds that it takes.
  for (int i = 0; i < 10 && told < 4; ++i) {
    directory.Settle();
    const int before = directory.told();
    const timespec times[2] = {{++seconds, 0}, {seconds, 0}};
    REQUIRE(::utimensat(AT_FDCWD, directory.at().c_str(), times, 0) == 0);
    REQUIRE(directory.ToldSince(before));
    directory.Settle();
    told = directory.told() - before;
  }
  CHECK(told >= 4);
}

TEST_CASE("A watch that looks tells once in a while, whatever the directory's time says") {
  // On some file systems (rclone's, s3fs) it says nothing, and an archive was never noticed.
  WatchedDirectory directory(Method::kPoll, std::chrono::milliseconds(50));
  for (int i = 0; i < 3; ++i) CHECK(directory.ToldSince(directory.told()));
}

TEST_CASE("A watch that was stopped tells nothing more, and is stopped twice in peace") {
  WatchedDirectory directory(GENERATE(Method::kAutomatic, Method::kPoll));
  directory.Stop();
  const int before = directory.told();
  std::ofstream(directory.at() / kName) << "x";
  directory.Stop();
  CHECK(directory.told() == before);
}

}  // namespace orcio
