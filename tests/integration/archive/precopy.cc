// `mode: precopy` against the truth: a tree that changes at random before a run, in it, and up to
// the moment when the service stops, then the archive against what the stopped service has. They
// must be equal, run after run, whatever was taken over from the run before, or from one in between
// that was killed or gave up.
//
// precopy [--first F] [--seeds N] [--runs R] [--busybox 1]
//
// Taking a rule out must make it fail: the comparison of change times or of inodes in IsUnchanged,
// IsSteady's with the time of the sync, also if a run that gives up keeps what it has, or
// MovedFiles. Tried with each.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "archiver/capture/run_options.h"
#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "archiver/safety/run_journal.h"
#include "index/repository/repository.h"
#include "index/upkeep/leftovers.h"
#include "tests/support/command.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/hosts/tar_tree.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"
#include "tests/support/trees/changing_tree.h"

namespace orcio::test {
namespace {

constexpr std::chrono::milliseconds kRest{3100};
constexpr unsigned kLongestRun = 500;  // milliseconds, mostly
constexpr std::chrono::seconds kPatience{120};

struct Options {
  uint64_t first = 1;
  uint64_t seeds = 50;
  unsigned runs = 3;
  bool busybox = false;
};

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const auto value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--first") options.first = value;
    if (name == "--seeds") options.seeds = value;
    if (name == "--runs") options.runs = static_cast<unsigned>(value);
    if (name == "--busybox") options.busybox = value != 0;
  }
  return options;
}

// All that an archive keeps of a tree.
std::string Describe(const std::filesystem::path& tree, bool busybox) {
  if (!busybox) return DescribeTree(tree);
  CommandOptions options;
  options.directory = tree;
  // Seconds alone, and neither holes nor attributes.
  return MustRunShell(R"(
    find . -printf '%P %y %m %U %G %n %l %Ts ' \( -type d -o -printf '%s' \) -printf '\n' | LC_ALL=C sort
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
  )",
                      options);
}

// The first line in which two texts differ.
std::string Difference(const std::string& wanted, const std::string& found) {
  size_t at = 0;
  while (at < wanted.size() && at < found.size() && wanted[at] == found[at]) ++at;
  const auto line = [&](const std::string& text) {
    const size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return text.substr(begin, std::min<size_t>(text.find('\n', at) - begin, 300));
  };
  return "there: " + line(wanted) + "\n  archived: " + line(found);
}

// A PATH where there is nothing but busybox.
std::string BusyboxPath(const std::filesystem::path& directory) {
  std::filesystem::create_directory(directory);
  MustRunShell("busybox --install -s " + directory.string());
  return directory;
}

class Case {
 public:
  Case(uint64_t seed, bool busybox)
      : busybox_(busybox),
        volume_(scratch_ / "volume"),
        tree_(std::make_unique<ChangingTree>(volume_, seed)),
        random_(seed) {
    std::filesystem::create_directory(scratch_ / "repository");
    service_.name = "wiki";
    service_.host = "here";
    service_.paths = {volume_};
    service_.mode = Mode::kPrecopy;
    service_.full_every = 3;
    options_.retry_pause = std::chrono::seconds(0);
    options_.writer.threads = 1;
    // Of what this host has, each in turn.
    constexpr std::array kWires = {Wire::kNone, Wire::kGzip, Wire::kZstd};
    service_.wire = kWires[seed % (busybox ? 2 : 3)];
    if (busybox) environment_["PATH"] = BusyboxPath(scratch_ / "bin");
  }

  // What is wrong with the archive; empty if it is right.
  std::string Run(uint64_t seed) {
    if (!tree_) tree_ = std::make_unique<ChangingTree>(volume_, seed);
    // What the archive before is to be taken over from must have been at rest for a while.
    std::this_thread::sleep_for(kRest);
    tree_->Change(static_cast<unsigned>(random_() % 30));
    if (random_() % 2 == 0) {
      if (auto wrong = RunKilled(); !wrong.empty()) return wrong;
      tree_->Change(static_cast<unsigned>(random_() % 10));
    }
    if (random_() % 2 == 0) {
      if (auto wrong = RunGivenUp(); !wrong.empty()) return wrong;
      tree_->Change(static_cast<unsigned>(random_() % 10));
    }
    tree_->StartWriting();
    std::string truth;
    FakeControl control;
    control.on_stop = [&] {
      tree_->StopWriting();
      truth = Describe(volume_, busybox_);
    };
    LocalHost host("here", environment_);
    const auto outcome = RunService(
        {service_, LocalFileSystem(), scratch_ / "repository", options_, {}}, host, control, {});
    tree_.reset();
    if (outcome.error) return outcome.error->message;
    if (outcome.facts.mode != "precopy") return "not precopy: " + Said(outcome);
    if (!outcome.facts.transfer->full) {
      entries_ += outcome.entries;
      taken_over_ += outcome.facts.transfer->reused_entries;
    }
    size_t losses = 0;
    for (const auto& warning : outcome.facts.warnings) {
      if (warning.find("busybox tar keeps no") != std::string::npos) ++losses;
      if (warning.find("vanished") != std::string::npos ||
          warning.find("another one than") != std::string::npos) {
        return warning;
      }
    }
    if (losses != (busybox_ ? 1U : 0U)) return "what tar cannot keep is not said once";
    const auto found = Extracted(outcome.archive);
    return found == truth ? "" : Difference(truth, found);
  }

  [[nodiscard]] unsigned kept() const { return kept_; }
  // Of all entries but those of runs that read everything, in hundreds.
  [[nodiscard]] uint64_t PartTakenOver() const {
    return entries_ == 0 ? 0 : taken_over_ * 100 / entries_;
  }

 private:
  // Another run, killed somewhere in it. What it leaves must not keep the next one from being
  // right.
  std::string RunKilled() {
    const auto repository = scratch_ / "repository";
    const auto before = Archives(repository);
    const pid_t child = ::fork();
    if (child == 0) {
      FakeControl control;
      LocalHost host("here", environment_);
      const auto outcome =
          RunService({service_, LocalFileSystem(), repository, options_, {}}, host, control, {});
      ::_exit(outcome.error ? 1 : 0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random_() % kLongestRun));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    // As `orcio recover` and the next `orcio archive` do.
    std::filesystem::remove(JournalPath(repository, service_.name));
    if (auto left = LeftBehind(repository); !left.empty()) return left;
    for (const auto& archive : Archives(repository)) {
      if (std::find(before.begin(), before.end(), archive) == before.end())
        MustRunShell("tar tf " + archive.string());
    }
    return "";
  }

  // Another run, which takes too long to stop: what it keeps for the next one must not make that
  // one wrong.
  std::string RunGivenUp() {
    auto service = service_;
    service.max_downtime = std::chrono::seconds(1);
    FakeControl control;
    control.on_stop = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1050)); };
    tree_->StartWriting();
    LocalHost host("here", environment_);
    const auto outcome = RunService(
        {service, LocalFileSystem(), scratch_ / "repository", options_, {}}, host, control, {});
    tree_->StopWriting();
    if (!outcome.error) return "did not give up";
    if (outcome.error->kind != ErrorKind::kLimit) return outcome.error->message;
    if (outcome.error->message.find("is kept for the next run") != std::string::npos) ++kept_;
    return "";
  }

  // A program that the run was just starting holds its files until it has become that program.
  static std::string LeftBehind(const std::filesystem::path& repository) {
    for (const auto end = std::chrono::steady_clock::now() + kPatience;;) {
      const auto removed = RemoveLeftovers(LocalFileSystem(), repository, std::time(nullptr));
      if (!removed || !removed->errors.empty()) return "leftovers could not be removed";
      const std::string left = PartLeft(repository);
      if (left.empty()) return "";
      if (std::chrono::steady_clock::now() > end) return "left behind: " + left;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  static std::string PartLeft(const std::filesystem::path& repository) {
    for (const auto& each : std::filesystem::directory_iterator(repository)) {
      if (each.path().extension() == ".part") return each.path();
    }
    return "";
  }

  static std::vector<std::filesystem::path> Archives(const std::filesystem::path& repository) {
    std::vector<std::filesystem::path> archives;
    const auto listed = Repository(LocalFileSystem(), repository).List();
    if (!listed) throw std::runtime_error(listed.error().message);
    for (const auto& file : *listed) archives.push_back(file.path);
    return archives;
  }

  static std::string Said(const ServiceOutcome& outcome) {
    return outcome.facts.warnings.empty() ? "" : outcome.facts.warnings.back();
  }

  std::string Extracted(const std::filesystem::path& archive) {
    const auto into = scratch_ / "extracted";
    std::filesystem::create_directory(into);
    MustRunShell("tar -xpf " + archive.string() + " --same-owner --numeric-owner --xattrs --acls " +
                 "--xattrs-include='*' -C " + into.string());
    auto described = Describe(into / volume_.relative_path(), busybox_);
    std::filesystem::remove_all(into);
    return described;
  }

  const bool busybox_;
  ScratchDirectory scratch_;
  const std::filesystem::path volume_;
  std::unique_ptr<ChangingTree> tree_;
  std::mt19937_64 random_;
  std::map<std::string, std::string> environment_;
  ServiceConfig service_;
  ServiceRunOptions options_;
  uint64_t entries_ = 0, taken_over_ = 0;
  unsigned kept_ = 0;  // runs that gave up and left something
};

int Run(const Options& options) {
  NeedRoot();
  unsigned failed = 0;
  unsigned kept = 0;
  for (uint64_t seed = options.first; seed < options.first + options.seeds; ++seed) {
    Case one(seed, options.busybox);
    std::string wrong;
    unsigned run = 0;
    for (; run < options.runs && wrong.empty(); ++run) wrong = one.Run(seed * 1000 + run);
    if (wrong.empty() && one.PartTakenOver() == 0) wrong = "nothing was taken over";
    kept += one.kept();
    if (!wrong.empty()) {
      ++failed;
      std::printf("FAIL seed %llu, run %u: %s\n     again: precopy --first %llu --seeds 1\n",
                  static_cast<unsigned long long>(seed), run, wrong.c_str(),
                  static_cast<unsigned long long>(seed));
    } else {
      std::printf("ok   seed %llu, %llu %% of the entries taken over\n",
                  static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(one.PartTakenOver()));
    }
    std::fflush(stdout);
  }
  std::printf("%llu of %llu seeds passed; %u runs that gave up left something\n",
              static_cast<unsigned long long>(options.seeds - failed),
              static_cast<unsigned long long>(options.seeds), kept);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace orcio::test

int main(int argc, char** argv) {
  try {
    return orcio::test::Run(orcio::test::Parse(argc, argv));
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "precopy: %s\n", exception.what());
    return 1;
  }
}
