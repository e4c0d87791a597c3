#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "tests/support/command.h"
#include "tests/support/faults/fault_volume.h"
#include "tests/support/files/loop_disk.h"
#include "tests/support/hosts/link_proxy.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {

// Where faults happen: a compose project of two containers that run and one that does not, on a
// host behind an sshd and a link that breaks, and orcio at home. What is seen of a run from outside
// is what it leaves: its journal, its part files, and its guard's files.
class FaultScene {
 public:
  // In the order in which a run enters them. kCopying and kAssembling are precopy's; a restore
  // sends as it is kCopying, and swaps as it is kStreaming.
  enum class Step {
    kConnecting,
    kCopying,
    kArming,
    kStopping,
    kStreaming,
    kStarting,
    kAssembling,
    kFinishing
  };

  enum class Job { kArchive, kRestore };  // restore: in place, the first archive

  FaultScene(std::string program, Mode mode, Job job);

  // A repository for the next case, and a volume that has changed; with room for `bytes` if
  // given. It is empty, or has the archive that a precopy run is to build upon, or that is
  // restored.
  void NewRepository(std::optional<uint64_t> bytes = {});
  // Somebody else fills it up to `bytes`. It must have been given a size.
  void FillRepository(uint64_t bytes) const;
  void GrowRepository() const;
  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] Job job() const { return job_; }
  // New cases begin with a guard of 2 s. On a busy machine that may fire without a fault.
  void Configure(int guard_seconds) const;
  [[nodiscard]] std::filesystem::path repository() const;

  // Runs orcio in the background, for the job.
  void Launch();
  // The job's words.
  [[nodiscard]] std::vector<std::string> JobWords() const;
  // Polls until the run has entered `step`, or has ended. False if it ended before.
  bool Await(Step step);
  void Signal(int signal) const;
  [[nodiscard]] bool ended() const { return !run_ || !run_->running(); }
  // As Ended has it; 128 + N if signal N ended it.
  [[nodiscard]] int status();
  [[nodiscard]] std::string output() const;
  [[nodiscard]] Ended Orcio(const std::vector<std::string>& words) const;

  [[nodiscard]] bool HasJournal() const;
  // Notes the guard of the run, as long as its journal is there.
  void LookForGuard();
  // The content of its mark, if it has fired; nothing if it has not, or is gone.
  [[nodiscard]] std::optional<std::string> GuardMark() const;
  // Whether it does nothing any more: it is gone, or has fired and is done.
  [[nodiscard]] bool GuardIsDone() const;
  // Waits until neither it nor its directory is there: it sees that this has gone some time after
  // orcio removed it. False if one of them stays.
  [[nodiscard]] bool GuardGoes() const;
  [[nodiscard]] std::vector<int> GuardProcesses() const;
  void KillGuard() const;    // and every other process of orcio's on the host
  void ForgetGuard() const;  // as a reboot does with /run
  // Sends `signal` to the `program` (tar or find) that reads the volume; 0 sends none. False if
  // there is no such program.
  [[nodiscard]] bool SignalReader(const std::string& program, int signal) const;

  // db and web run and are not paused, job does not run.
  [[nodiscard]] bool IsUp() const;
  void StopContainers() const;
  void RestartDockerd();

  [[nodiscard]] SshdFixture& sshd() { return sshd_; }
  [[nodiscard]] LinkProxy& link() { return link_; }
  // Bytes that a whole run's stream brings, about.
  [[nodiscard]] uint64_t stream_bytes() const { return stream_bytes_; }
  // Of the first archive.
  [[nodiscard]] uint64_t archive_bytes() const { return archive_bytes_; }
  // What is wrong with the archives in the repository; empty if nothing is.
  [[nodiscard]] std::string CheckArchives() const;
  // What is neither an archive nor something that belongs to one, but for the lock.
  [[nodiscard]] std::string Leftovers() const;
  // What the volume's files at rest are like: as they were archived, or before the run.
  enum class Content { kArchived, kBefore, kNeither };
  [[nodiscard]] Content VolumeContent() const;
  // Directories of restores beside the volume which have something that was replaced in them.
  [[nodiscard]] std::string Aside() const;
  // Archives made since NewRepository.
  [[nodiscard]] size_t ArchiveCount() const;

  ~FaultScene();
  FaultScene(const FaultScene&) = delete;
  FaultScene& operator=(const FaultScene&) = delete;

 private:
  void RemoveAside() const;
  [[nodiscard]] std::filesystem::path config() const { return scratch_ / "config.yaml"; }
  [[nodiscard]] std::filesystem::path log() const;
  [[nodiscard]] std::filesystem::path base() const { return scratch_ / "base"; }
  [[nodiscard]] std::string Path() const;
  [[nodiscard]] std::vector<std::filesystem::path> Archives() const;
  [[nodiscard]] bool HasPart(bool layer) const;
  [[nodiscard]] bool HasSent() const;  // a restore has begun to
  [[nodiscard]] bool keeps_first() const {
    return mode_ == Mode::kPrecopy || job_ == Job::kRestore;
  }
  // Until the project is up for the first time.
  void AwaitProject() const;
  void RunTwice();
  [[nodiscard]] bool Entered(Step step) const;
  [[nodiscard]] std::filesystem::path GuardDirectory() const;

  const std::string program_;
  const Mode mode_;
  const Job job_;
  ScratchDirectory scratch_;
  FaultVolume volume_;
  DockerdFixture dockerd_;
  SshdFixture sshd_;
  LinkProxy link_;
  uint64_t stream_bytes_ = 0;
  uint64_t archive_bytes_ = 0;
  int case_ = 0;
  std::optional<LoopDisk> disk_;
  std::unique_ptr<BackgroundCommand> run_;
  std::string token_;
  std::string archived_;  // FaultVolume::Digest
  std::string before_;
};

}  // namespace orcio::test
