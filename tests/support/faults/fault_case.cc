#include "tests/support/faults/fault_case.h"

#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <chrono>
#include <functional>
#include <random>
#include <thread>
#include <vector>

namespace orcio::test {
namespace {

using Clock = std::chrono::steady_clock;
using Step = FaultScene::Step;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kUpWithin{60};
// A guard's time in the scene is 2 s.
constexpr milliseconds kLongerThanGuard{6000};

// In the order of FaultScene::Step.
constexpr std::array<const char*, 8> kStepNames{"connecting", "copying",   "arming",
                                                "stopping",   "streaming", "starting",
                                                "assembling", "finishing"};

// At this pace, what a precopy run fetches takes a second or two.
constexpr uint64_t kSlowLink = uint64_t{8} << 20;

std::string LastLine(const std::string& text) {
  constexpr size_t kMost = 160;
  const size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "it said nothing";
  const size_t newline = text.rfind('\n', end);
  const size_t begin = newline == std::string::npos ? 0 : newline + 1;
  return text.substr(begin, std::min(kMost, end + 1 - begin));
}

class FaultCase;
struct Kind {
  const char* name;
  void (FaultCase::*inflict)();
};

class FaultCase {
 public:
  FaultCase(FaultScene& scene, uint64_t seed, unsigned number)
      : scene_(scene), number_(number), random_((seed << 20) + number), step_(AnyStep()) {}

  static const std::vector<Kind>& Kinds(Mode mode, FaultScene::Job job);
  FaultReport Run();

  void Kill() { Strike(SIGKILL); }
  void Terminate() { Strike(SIGTERM); }
  void Freeze();
  void FreezeAndKill();
  void Cut();
  void Stall();
  void Trickle();
  void KillSessions();
  void KillTar();
  void RestartDocker();
  void Reboot();
  void FillDisk();
  void FillDiskLater();
  void KillBothEnds();
  void KillFind();
  void StopReader();

 private:
  uint64_t Below(uint64_t limit) {
    return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_);
  }
  void Sleep(uint64_t most_ms) { std::this_thread::sleep_for(milliseconds(Below(most_ms + 1))); }
  Step AnyStep();
  [[nodiscard]] bool precopy() const { return scene_.mode() == Mode::kPrecopy; }
  [[nodiscard]] bool restores() const { return scene_.job() == FaultScene::Job::kRestore; }
  // Steps before `step` are not for this fault.
  void NotBefore(Step step) { step_ = std::max(step_, step); }
  // As soon as there is one, unless the run ends first.
  void SignalReader(const std::string& program, int signal);
  void Note(const std::string& text) { report_.fault += " " + text; }
  // Waits for the step, and a while into it.
  void Reach();
  void Strike(int signal);
  void Settle();
  void Recover();
  void Judge();
  void NextRun();
  void JudgeRestore();
  void NextRestore();
  void Problem(const std::string& text) {
    report_.problem += (report_.problem.empty() ? "" : "; ") + text;
  }

  FaultScene& scene_;
  const unsigned number_;
  std::mt19937_64 random_;
  Step step_;
  bool recover_ = false;  // nobody is left who starts the service
  bool fired_ = false;
  std::string stopped_;  // a program on the host
  Clock::time_point struck_;
  FaultReport report_;
};

const std::vector<Kind>& FaultCase::Kinds(Mode mode, FaultScene::Job job) {
  static const std::vector<Kind> kinds{
      {"SIGKILL", &FaultCase::Kill},
      {"link cut", &FaultCase::Cut},
      {"SIGTERM", &FaultCase::Terminate},
      {"host rebooted", &FaultCase::Reboot},
      {"SIGSTOP, then SIGCONT", &FaultCase::Freeze},
      {"repository full", &FaultCase::FillDisk},
      {"link stalled", &FaultCase::Stall},
      {"both ends killed", &FaultCase::KillBothEnds},
      {"sshd's children killed", &FaultCase::KillSessions},
      {"dockerd restarted", &FaultCase::RestartDocker},
      {"tar killed", &FaultCase::KillTar},
      {"SIGSTOP, then SIGKILL", &FaultCase::FreezeAndKill},
      {"link trickles", &FaultCase::Trickle},
      {"repository filled", &FaultCase::FillDiskLater},
      {"reader stopped", &FaultCase::StopReader},
  };
  static const std::vector<Kind> of_precopy = [] {
    auto more = kinds;
    more.push_back({"find killed", &FaultCase::KillFind});
    return more;
  }();
  static const std::vector<Kind> of_restore = [] {
    auto less = kinds;  // it writes nothing to the repository but its journal
    std::erase_if(less, [](const Kind& kind) {
      return kind.inflict == &FaultCase::FillDisk || kind.inflict == &FaultCase::StopReader;
    });
    return less;
  }();
  if (job == FaultScene::Job::kRestore) return of_restore;
  return mode == Mode::kPrecopy ? of_precopy : kinds;
}

Step FaultCase::AnyStep() {
  const auto step = static_cast<Step>(Below(kStepNames.size()));
  if (precopy() || (restores() && step == Step::kCopying)) return step;
  return step == Step::kCopying      ? Step::kStreaming
         : step == Step::kAssembling ? Step::kFinishing
                                     : step;
}

void FaultCase::Reach() {
  const bool slow = precopy() && (step_ == Step::kCopying || step_ == Step::kStreaming);
  if (slow) scene_.link().Trickle(kSlowLink);
  scene_.Launch();
  (void)scene_.Await(step_);
  // Steps take from some milliseconds to three seconds.
  const uint64_t most = step_ == Step::kStarting     ? 3000
                        : slow                       ? 2000
                        : step_ == Step::kAssembling ? 60
                                                     : 400;
  const uint64_t into = Below(most);
  std::this_thread::sleep_for(milliseconds(into));
  Note(fmt::format("while {} + {} ms", kStepNames[static_cast<size_t>(step_)], into));
  scene_.LookForGuard();
  if (slow) scene_.link().Pass();
  struck_ = Clock::now();
}

void FaultCase::Strike(int signal) {
  Reach();
  scene_.Signal(signal);
}

void FaultCase::Freeze() {
  Strike(SIGSTOP);
  std::this_thread::sleep_for(kLongerThanGuard);
  fired_ = scene_.GuardMark().has_value();
  scene_.Signal(SIGCONT);
}

void FaultCase::FreezeAndKill() {
  Strike(SIGSTOP);
  Sleep(5000);
  scene_.Signal(SIGKILL);
}

void FaultCase::Cut() {
  const uint64_t after = Below(scene_.stream_bytes());
  Note(fmt::format("after {} bytes", after));
  scene_.link().CutAfter(after);
  struck_ = Clock::now();
  scene_.Launch();
  const uint64_t away = Below(5000);
  const auto target = scene_.link().passed() + after;
  while (!scene_.ended() && scene_.link().passed() < target) {
    scene_.LookForGuard();
    std::this_thread::sleep_for(milliseconds(2));
  }
  struck_ = Clock::now();
  std::this_thread::sleep_for(milliseconds(away));
  Note(fmt::format("for {} ms", away));
  scene_.link().Pass();
}

void FaultCase::Stall() {
  Reach();
  scene_.link().StallAfter(Below(scene_.stream_bytes() / 4));
  Sleep(9000);
  scene_.link().Pass();
}

void FaultCase::Trickle() {
  Reach();
  const uint64_t rate = 20 + Below(2000);
  Note(fmt::format("at {} bytes/s", rate));
  scene_.link().Trickle(rate);
  std::this_thread::sleep_for(kLongerThanGuard * 2);
  scene_.link().Pass();
}

void FaultCase::KillSessions() {
  Reach();
  scene_.sshd().SignalSessions(SIGKILL);
}

void FaultCase::KillTar() {
  step_ = restores() || (precopy() && Below(2) == 0) ? Step::kCopying : Step::kStreaming;
  // So that there is one to be killed.
  scene_.link().Trickle(precopy() ? kSlowLink : 1 << 20);
  scene_.Launch();
  (void)scene_.Await(step_);
  Sleep(40);
  SignalReader("tar", SIGKILL);
}

void FaultCase::KillFind() {
  step_ = Below(2) == 0 ? Step::kConnecting : Step::kStopping;
  scene_.Launch();
  (void)scene_.Await(step_);
  SignalReader("find", SIGKILL);
}

// While the service is down, which must not last until somebody continues the reader.
void FaultCase::StopReader() {
  const bool find = precopy() && Below(2) == 0;
  step_ = find ? Step::kStopping : Step::kStreaming;
  scene_.link().Trickle(precopy() ? kSlowLink : 1 << 20);
  scene_.Launch();
  (void)scene_.Await(step_);
  stopped_ = find ? "find" : "tar";
  SignalReader(stopped_, SIGSTOP);
}

void FaultCase::SignalReader(const std::string& program, int signal) {
  struck_ = Clock::now();
  while (!scene_.ended() && Clock::now() - struck_ < kLongerThanGuard) {
    scene_.LookForGuard();
    if (!scene_.SignalReader(program, signal)) continue;
    Note(fmt::format("after {}", kStepNames[static_cast<size_t>(step_)]));
    break;
  }
  scene_.link().Pass();
}

// Before the stop, it would be dockerd that is to blame for what does not run.
void FaultCase::RestartDocker() {
  NotBefore(precopy() ? Step::kCopying : Step::kStopping);
  Reach();
  scene_.RestartDockerd();
}

// What a reboot leaves: containers that were stopped stay down, and the guard is gone. Orcio may
// have been on the same power line.
void FaultCase::Reboot() {
  NotBefore(precopy() ? Step::kCopying : Step::kArming);
  Reach();
  recover_ = Below(2) == 0;
  if (recover_) scene_.Signal(SIGKILL);
  Note(recover_ ? "with orcio" : "alone");
  scene_.sshd().Stop();
  scene_.KillGuard();
  scene_.ForgetGuard();
  std::this_thread::sleep_for(milliseconds(100));
  // A run that was over before has nothing to do with what does not run now.
  if (scene_.HasJournal()) scene_.StopContainers();
  Sleep(2000);
  scene_.sshd().Start();
  struck_ = Clock::now();
}

void FaultCase::FillDisk() {
  // A precopy run has its layers there as well.
  const uint64_t bytes = 16384 + Below(scene_.archive_bytes() * (precopy() ? 3 : 1));
  Note(fmt::format("after {} bytes", bytes));
  scene_.NewRepository(bytes);
  struck_ = Clock::now();
  scene_.Launch();
}

// When a run has looked for room already.
void FaultCase::FillDiskLater() {
  scene_.NewRepository(uint64_t{128} << 20);
  Reach();
  const uint64_t bytes = Below(uint64_t{128} << 10);
  Note(fmt::format("but for {} bytes", bytes));
  scene_.FillRepository(bytes);
}

void FaultCase::KillBothEnds() {
  Reach();
  scene_.Signal(SIGKILL);
  scene_.KillGuard();
  scene_.sshd().SignalSessions(SIGKILL);
  recover_ = true;
}

// Until orcio has ended and its guard is done.
void FaultCase::Settle() {
  const auto deadline = Clock::now() + 2 * kUpWithin;
  while (Clock::now() < deadline) {
    scene_.LookForGuard();
    fired_ = fired_ || scene_.GuardMark().has_value();
    if (scene_.ended() && (recover_ || scene_.GuardIsDone())) return;
    std::this_thread::sleep_for(milliseconds(20));
  }
  Problem(scene_.ended() ? "the guard does not end" : "orcio does not end");
}

// By `recover`, or by the next run, which does it first (a restore does not).
void FaultCase::Recover() {
  if (!recover_ || (Below(2) == 0 && !restores())) return;
  struck_ = Clock::now();
  const Ended recovered = scene_.Orcio({"recover"});
  Note("recovered");
  if (recovered.status != 0)
    Problem(fmt::format("recover: exit {}: {}", recovered.status, recovered.err));
  recover_ = false;
}

// A run that has not said so may have restored what it was to.
void FaultCase::JudgeRestore() {
  const auto content = scene_.VolumeContent();
  report_.outcome = fmt::format("exit {}, {}{}", scene_.status(),
                                content == FaultScene::Content::kArchived ? "restored"
                                : content == FaultScene::Content::kBefore ? "as before"
                                                                          : "half restored",
                                fired_ ? ", guard fired" : "");
  report_.seconds = std::chrono::duration<double>(Clock::now() - struck_).count();
  if (content == FaultScene::Content::kNeither)
    Problem("the volume is neither as archived nor as it was");
  if (scene_.status() == 0 && content != FaultScene::Content::kArchived)
    Problem("exit 0, and it was not restored");
  if (scene_.status() == 130) Problem("it says that it was interrupted by hand");
  if (!scene_.IsUp()) Problem("what was running does not run, or more than that does");
  if (Clock::now() - struck_ > kUpWithin) Problem("that took longer than a minute");
  if (!report_.problem.empty()) Problem("it said: " + scene_.output());
}

void FaultCase::NextRestore() {
  scene_.GrowRepository();
  scene_.Configure(60);
  scene_.link().Pass();
  const Ended recovered = scene_.Orcio({"recover"});
  if (recovered.status != 0)
    Problem(fmt::format("recover: exit {}: {}", recovered.status, recovered.err));
  const Ended next = scene_.Orcio(scene_.JobWords());
  // 3 if an earlier one was killed while it sent.
  if (next.status != 0 && next.status != 3)
    Problem(fmt::format("next restore: exit {}: {}", next.status, next.err));
  if (scene_.VolumeContent() != FaultScene::Content::kArchived)
    Problem("the next restore did not restore");
  if (!scene_.IsUp()) Problem("the service is down after the next restore");
  if (const auto wrong = scene_.CheckArchives(); !wrong.empty()) Problem("then: " + wrong);
  if (!scene_.GuardGoes()) Problem("the guard is still there");
  if (const auto aside = scene_.Aside(); !aside.empty()) Problem("kept aside: " + aside);
  if (const auto left = scene_.Leftovers(); !left.empty()) Problem("left over: " + left);
}

void FaultCase::Judge() {
  if (!stopped_.empty() && scene_.SignalReader(stopped_, 0))
    Problem("the " + stopped_ + " that was stopped is still there");
  const int status = scene_.status();
  const size_t archives = scene_.ArchiveCount();
  report_.outcome =
      fmt::format("exit {}, {}{}", status, archives == 1 ? "an archive" : "no archive",
                  fired_ ? ", guard fired" : "");
  if (status != 0 && status < 128) report_.outcome += " (" + LastLine(scene_.output()) + ")";
  report_.seconds = std::chrono::duration<double>(Clock::now() - struck_).count();
  if (!recover_ && !scene_.IsUp()) Problem("what was running does not run, or more than that does");
  if (!recover_ && Clock::now() - struck_ > kUpWithin) Problem("that took longer than a minute");
  if (archives > 0 && fired_) Problem("the guard fired, and there is an archive");
  if (status == 0 && archives != 1) Problem("exit 0 without an archive");
  if (const auto wrong = scene_.CheckArchives(); !wrong.empty()) Problem(wrong);
  if (!report_.problem.empty()) Problem("it said: " + scene_.output());
}

void FaultCase::NextRun() {
  scene_.GrowRepository();
  scene_.Configure(60);
  scene_.link().Pass();
  const size_t before = scene_.ArchiveCount();
  struck_ = Clock::now();
  const Ended next = scene_.Orcio({"archive", "--json"});
  if (recover_) report_.seconds = std::chrono::duration<double>(Clock::now() - struck_).count();
  if (next.status != 0 && next.status != 3)
    Problem(fmt::format("next run: exit {}: {}", next.status, next.err));
  if (scene_.ArchiveCount() != before + 1) Problem("the next run made no archive");
  if (precopy() && next.out.find("\"full\":false") == std::string::npos)
    Problem("the next run takes nothing over: " + next.out + next.err);
  if (!scene_.IsUp()) Problem("the service is down after the next run");
  if (const auto wrong = scene_.CheckArchives(); !wrong.empty()) Problem("next run: " + wrong);
  if (!scene_.GuardGoes()) Problem("the guard is still there");
  if (const auto left = scene_.Leftovers(); !left.empty()) Problem("left over: " + left);
}

FaultReport FaultCase::Run() {
  scene_.NewRepository();
  const auto& kinds = Kinds(scene_.mode(), scene_.job());
  const Kind& kind = kinds.at(number_ % kinds.size());
  report_.fault = kind.name;
  (this->*kind.inflict)();
  Settle();
  Recover();
  if (restores()) {
    JudgeRestore();
    NextRestore();
  } else {
    Judge();
    NextRun();
  }
  return report_;
}

}  // namespace

FaultReport RunFaultCase(FaultScene& scene, uint64_t seed, unsigned number) {
  return FaultCase(scene, seed, number).Run();
}

unsigned FaultKinds(Mode mode, FaultScene::Job job) {
  return static_cast<unsigned>(FaultCase::Kinds(mode, job).size());
}

}  // namespace orcio::test
