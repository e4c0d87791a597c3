#include "archiver/control/compose_control.h"

#include <algorithm>
#include <utility>

#include "archiver/control/compose_script.h"
#include "archiver/control/start_levels.h"
#include "archiver/docker/compose_remake.h"
#include "archiver/docker/docker_json.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// Stops the containers of one level of dependencies, which are at the end of its words; says so, or
// ends all of this with docker's own words.
constexpr const char* kStopLevel = R"sh(stop_level() {
  said=$("$@" 2>&1 >/dev/null </dev/null) || {
    status=$?
    printf '%s\n' "$said" >&2
    case $said in *'o such container'*) ;; *) exit "$status" ;; esac
  }
  echo 'orcio-level: stopped'
}
)sh";
constexpr std::string_view kLevelStopped = "orcio-level: stopped";

// Starts those of one level. If one is gone, or was made anew, what depends on it waits for that
// to be found out. Other failures show in the containers' states, with more detail.
constexpr const char* kStartLevel = R"sh(gone=
start_level() {
  [ -z "$gone" ] || return 0
  said=$("$@" 2>&1 >/dev/null </dev/null) || {
    case $said in *'o such container'*) gone=1 ;; esac
  }
}
)sh";

// Docker's own grace if neither the container nor the configuration has one.
constexpr std::chrono::seconds kDefaultGrace{10};
// For docker and compose themselves, on a machine as busy as one is at night.
constexpr std::chrono::seconds kToolTime{120};
// For what compose runs in the containers before they stop, or after they have started.
constexpr std::chrono::seconds kHookTime{600};

Containers Flat(const std::vector<Containers>& levels) {
  Containers all;
  for (const auto& level : levels) all.insert(all.end(), level.begin(), level.end());
  return all;
}

bool SameService(const DockerContainer& a, const DockerContainer& b) {
  return a.service == b.service && !a.one_off && !b.one_off;
}

std::set<std::string> IdsOf(const Containers& containers) {
  const auto ids = ContainerIds(containers);
  return {ids.begin(), ids.end()};
}

bool AllRun(const Containers& wanted, const Containers& now) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const DockerContainer& container) {
    const auto* found = FindContainer(now, container.id);
    return found != nullptr && found->running();
  });
}

}  // namespace

Result<void> ComposeControl::Inspect(RemoteHost& host, const std::stop_token& stop) {
  const auto state = ORCIO_TRY(InspectProject(host, service_.project, "stopped", stop));
  warnings_ = state.warnings;
  known_ = IdsOf(state.all);
  mounts_ = MountsOf(state.all, service_.project);
  NoteLastRuns(state.all, last_runs_);
  SetRunning(state.running);
  if (state.running.empty()) {
    at_rest_.Begin(state.now);
    return {};
  }
  compose_ = ORCIO_TRY(
      ComposeCommand::For(host, service_.project, state.all, state.running, warnings_, stop));
  return {};
}

void ComposeControl::SetRunning(const Containers& running) {
  levels_ = StartLevels(running);
  for (const auto& container : running) {
    for (const auto& dependency :
         container.depends_on.value_or(std::vector<DockerContainer::Dependency>())) {
      if (dependency.healthy) awaited_healthy_.insert(dependency.service);
    }
  }
}

std::string ComposeControl::Memory() const {
  return ProjectToJson({Flat(levels_), known_});
}

Result<void> ComposeControl::Recall(const std::string& memory) {
  auto project = ORCIO_TRY(ProjectFromJson(memory));
  known_ = std::move(project.ids);
  SetRunning(project.running);
  return {};
}

std::string ComposeControl::StartScript() const {
  return ComposeStartScript(service_, Flat(levels_), StopLimit());
}

void ComposeControl::StopMayGoOn() {
  for (const auto& container : Flat(levels_)) stopping_.insert(container.id);
}

std::vector<std::string> ComposeControl::Running() const {
  auto names = ContainerNames(Flat(levels_));
  std::reverse(names.begin(), names.end());
  return names;
}

// How long stopping may take before the link or docker itself counts as hung.
std::chrono::seconds ComposeControl::StopLimit() const {
  auto limit = kToolTime;
  for (const auto& level : levels_) {
    std::chrono::seconds longest{0};
    for (const auto& container : level) {
      const auto own = container.stop_timeout.value_or(kDefaultGrace);
      longest = std::max(longest, service_.stop_timeout.count() > 0 ? service_.stop_timeout : own);
    }
    limit += longest;
  }
  return limit;
}

Result<void> ComposeControl::Stop(RemoteHost& host, const std::stop_token& stop) {
  bool stopped = false;
  if (compose_) {
    StopMayGoOn();
    RunOptions options;
    options.timeout = StopLimit() + kHookTime;
    (void)ORCIO_TRY(host.Run(compose_->Stop(service_.stop_timeout), options, stop));
    stopped = NoteStopped(ORCIO_TRY(LookAtContainers(host, ContainerIds(Flat(levels_)), stop)));
  }
  // Whatever compose could not stop, or all of it.
  if (!stopped) ORCIO_TRY(StopByDocker(host, stop));
  stopping_.clear();
  return {};
}

// All levels in one command: what depends on others is stopped before them.
Result<void> ComposeControl::StopByDocker(RemoteHost& host, const std::stop_token& stop) {
  RunOptions options;
  options.timeout = StopLimit();
  StopMayGoOn();
  const auto result = ORCIO_TRY(host.Run(StopScript(), options, stop));
  const auto lines = Lines(result.out);
  const auto done = static_cast<size_t>(std::count(lines.begin(), lines.end(), kLevelStopped));
  if (done < levels_.size()) {
    const size_t failed = levels_.size() - 1 - done;
    for (size_t level = 0; level < failed && result.exit_status != 0; ++level) {
      for (const auto& id : ContainerIds(levels_[level])) stopping_.erase(id);  // was not asked
    }
    return RemoteFailure(host, "docker stop " + Join(ContainerNames(levels_[failed]), " "), result);
  }
  if (NoteStopped(ORCIO_TRY(ReadLook(host, result, ContainerIds(Flat(levels_)))))) return {};
  return Fail(ErrorKind::kRemote, "{}: containers of {} run on though docker stopped them: {}{}",
              host.name(), service_.name, Join(Running()),
              result.err.empty() ? "" : "; it says: " + Excerpt(result.err));
}

std::string ComposeControl::StopScript() const {
  std::string script = kStopLevel;
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    auto words = StopWords();
    const auto ids = ContainerIds(*level);
    words.insert(words.end(), ids.begin(), ids.end());
    script += "stop_level " + ShellCommand(words) + "\n";
  }
  return script + LookCommand(ContainerIds(Flat(levels_)));
}

std::vector<std::string> ComposeControl::StopWords() const {
  std::vector<std::string> words{"docker", "stop"};
  if (service_.stop_timeout.count() > 0)
    words.insert(words.end(), {"-t", std::to_string(service_.stop_timeout.count())});
  return words;
}

// Whether all of them have.
bool ComposeControl::NoteStopped(const DockerLook& look) {
  NoteLastRuns(look.containers, last_runs_);
  stopped_ = look.containers;
  at_rest_.Begin(look.now);
  return std::none_of(stopped_.begin(), stopped_.end(),
                      [](const DockerContainer& container) { return container.running(); });
}

// Without those that were between two runs of a restart loop.
Containers ComposeControl::StoppedByOrcio() const {
  Containers stopped = stopped_;
  std::erase_if(stopped, [&](const DockerContainer& container) {
    const auto all = Flat(levels_);
    const auto* before = FindContainer(all, container.id);
    return before == nullptr || before->status != "running";
  });
  return stopped;
}

Result<void> ComposeControl::ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) {
  const auto look = ORCIO_TRY(LookAtProject(host, service_.project, stop));
  ORCIO_TRY(CheckNoneStarted(host.name(), service_.name, look.containers, last_runs_));
  if (!at_rest_.known() || !look.now) return {};
  return CheckNoneWasStarted(host, service_, at_rest_.since(), look.now->earliest, stop);
}

Result<void> ComposeControl::LookBeforeStart(RemoteHost& host, const std::stop_token& stop) {
  if (at_rest_.known()) return {};
  return ConfirmAtRest(host, stop);
}

Result<void> ComposeControl::JudgeAfterStart(RemoteHost& host, const std::stop_token& stop) {
  if (!at_rest_.known() || rested_) return {};
  return LookBack(host, stop);
}

// At docker's record of the time at rest, which ended before anything was started.
Result<void> ComposeControl::LookBack(RemoteHost& host, const std::stop_token& stop) {
  const auto look = ORCIO_TRY(LookAtProject(host, service_.project, stop));
  not_running_ = NotRunningSeconds(StoppedByOrcio(), look.containers);
  if (disturbed_) return Failure(*disturbed_);
  ORCIO_TRY(
      CheckNoneStarted(host.name(), service_.name, look.containers, last_runs_, at_rest_.until()));
  ORCIO_TRY(CheckNoneWasStarted(host, service_, at_rest_.since(), at_rest_.until(), stop));
  // One that has ended again is started once more, which docker's record of its starts goes by.
  rested_ = AllRun(Flat(levels_), look.containers);
  return {};
}

// A container that was asked to stop, and had not by the time the link broke, stops a while later:
// starting it before that does nothing.
Result<void> ComposeControl::FinishStop(RemoteHost& host, const std::stop_token& stop) {
  if (stopping_.empty()) return {};
  auto words = StopWords();
  words.insert(words.end(), stopping_.begin(), stopping_.end());
  RunOptions options;
  options.timeout = StopLimit();
  (void)ORCIO_TRY(host.Run(ShellCommand(words), options, stop));
  stopping_.clear();
  return {};
}

// Some of the containers may have been made anew meanwhile, under other ids; compose makes those
// that have only been removed, if it can within its time; it is asked once. Returns what is gone
// for good.
Result<Containers> ComposeControl::FindAgain(RemoteHost& host, const std::stop_token& stop) {
  const auto present = ORCIO_TRY(ListProject(host, service_.project, stop));
  auto missing = TakeOver(present);
  if (missing.empty() || remade_ || not_remade_) return missing;
  if (!known_) known_ = IdsOf(present);
  for (const auto& name : ContainerNames(missing)) gone_.insert(name);
  auto remade =
      RemakeContainers(host, service_.project, missing, present, patience_.make_limit, stop);
  remade_ = remade.has_value();
  if (!remade && remade.error().kind != ErrorKind::kRemote &&
      remade.error().kind != ErrorKind::kNotFound)
    return Failure(std::move(remade).error());
  if (!remade) not_remade_ = std::move(remade).error();
  // It may have made some of them.
  return TakeOver(ORCIO_TRY(ListProject(host, service_.project, stop)));
}

// Goes on with those of `present` that stand for what is gone: of the same number, else any that
// was not there before, as compose goes by numbers of its own. Returns those for which there is
// none.
Containers ComposeControl::TakeOver(const Containers& present) {
  for (const bool same_number : {true, false}) {
    for (auto& level : levels_) {
      for (auto& container : level) {
        if (FindContainer(present, container.id) != nullptr) continue;
        const auto all = Flat(levels_);
        const auto made = std::find_if(present.begin(), present.end(), [&](const auto& other) {
          if (!SameService(container, other) || FindContainer(all, other.id) != nullptr)
            return false;
          return same_number ? container.number == other.number
                             : known_ && known_->count(other.id) == 0;
        });
        if (made != present.end()) Replace(container, *made);
      }
    }
  }
  auto missing = Flat(levels_);
  std::erase_if(missing, [&](const DockerContainer& container) {
    return FindContainer(present, container.id) != nullptr;
  });
  return missing;
}

void ComposeControl::Replace(DockerContainer& container, const DockerContainer& made) {
  if (gone_.count(container.name) != 0) {
    if (container.image.empty() || made.image.empty()) {
      images_ += fmt::format("; whether {} has the image that it had is not known", made.name);
    } else if (container.image != made.image) {
      images_ +=
          fmt::format("; {} has another image than before: see whether its data fits", made.name);
    }
  }
  container.id = made.id;
  container.name = made.name;
  container.number = made.number;
  container.image = made.image;
}

Result<void> ComposeControl::Start(RemoteHost& host, const std::stop_token& stop) {
  auto up = BringUp(host, stop);
  if (up && !gone_.empty()) start_warnings_ = {MadeAnew()};
  if (!up && up.error().kind == ErrorKind::kNotRunning && not_remade_)
    up.error().message += "; it could not be made anew: " + not_remade_->message;
  if (!up && up.error().kind == ErrorKind::kNotRunning) up.error().message += images_;
  return up;
}

std::string ComposeControl::MadeAnew() const {
  const bool one = gone_.size() == 1;
  return fmt::format(
      "{} {} {} removed while stopped, and compose made {} anew: what was kept in there, outside "
      "of "
      "bind mounts and of volumes with names, is there no more. Find out what removes stopped "
      "containers on the host: `docker system prune` from cron, a person{}",
      one ? "container" : "containers", Join({gone_.begin(), gone_.end()}), one ? "was" : "were",
      one ? "it" : "them", images_);
}

Result<void> ComposeControl::BringUp(RemoteHost& host, const std::stop_token& stop) {
  StartTime time{Clock::now(), {}, !std::exchange(start_tried_, true)};
  at_rest_.End();
  ORCIO_TRY(FinishStop(host, stop));
  const bool started = ORCIO_TRY(StartByCompose(host, time, stop));
  // Compose itself may have waited for one container's health before it started another.
  time.deadline = Clock::now() + service_.start_timeout;
  if (!started) ORCIO_TRY(StartByDocker(host, time, stop));
  // They have to be up for a while before they count: there is time for it. Whatever else it comes
  // to JudgeAfterStart finds out once more, and says.
  if (at_rest_.known() && !rested_) (void)LookBack(host, stop);
  // If an image is gone, that says how its container comes back.
  const bool cure_is_known = not_remade_ && not_remade_->kind == ErrorKind::kNotFound;
  unchecked_ = ORCIO_TRY(WaitUntilUp(host, Flat(levels_), {time.asked, time.deadline},
                                     Awaited::kRunning, patience_, stop, cure_is_known));
  return {};
}

Result<std::vector<std::string>> ComposeControl::LookAgain(RemoteHost& host,
                                                           const std::stop_token& stop) {
  auto warnings = std::exchange(start_warnings_, {});
  auto unknown = orcio::LookAgain(host, std::exchange(unchecked_, {}), stop);
  if (!unknown) {
    for (const auto& warning : warnings) unknown.error().message += "; " + warning;
    return unknown;
  }
  warnings.insert(warnings.end(), unknown->begin(), unknown->end());
  return warnings;
}

// How long compose may take to start it, which waits for the health of what others depend on.
std::chrono::seconds ComposeControl::StartLimit() const {
  auto limit = service_.start_timeout + kToolTime;
  if (compose_) limit += kHookTime;
  for (const auto& container : Flat(levels_)) {
    if (awaited_healthy_.count(container.service) == 0 || !container.check) continue;
    limit += std::chrono::ceil<std::chrono::seconds>(container.check->Verdict());
  }
  return limit;
}

// One attempt: what it leaves out, docker starts. Whether there is nothing left to be started.
Result<bool> ComposeControl::StartByCompose(RemoteHost& host, const StartTime& time,
                                            const std::stop_token& stop) {
  if (!compose_ || !compose_->starts_exactly()) return false;
  RunOptions options;
  options.timeout = StartLimit();
  const std::string command = TellHostNow() + compose_->Start();
  compose_.reset();
  const auto result = ORCIO_TRY(host.Run(command, options, stop));
  auto look = ORCIO_TRY(LookAtContainers(host, ContainerIds(Flat(levels_)), stop));
  look.begun.reset();
  for (const auto& line : Lines(result.out)) {
    if (!look.begun && line.starts_with(kHostNowMark))
      look.begun = ParseHostNow(std::string_view(line).substr(kHostNowMark.size()));
  }
  NoteStarted(host, look, time.first);
  return AllRun(Flat(levels_), look.containers);
}

// In one command, but that what waits for others to be healthy has one of its own. `time.deadline`
// comes later by that wait.
Result<void> ComposeControl::StartByDocker(RemoteHost& host, StartTime& time,
                                           const std::stop_token& stop) {
  for (size_t begin = 0; begin < levels_.size();) {
    size_t end = begin;
    while (end < levels_.size() && AwaitedOf(end++).empty()) continue;
    const auto now = ORCIO_TRY(StartSome(host, begin, end, time.first && begin == 0, stop));
    if (end == levels_.size() || AllRun(Flat(levels_), now.containers)) return {};
    // As they are called by now. What is gone for good keeps nothing else down.
    auto awaited = AwaitedOf(end - 1);
    std::erase_if(awaited, [&](const DockerContainer& container) {
      return FindContainer(now.containers, container.id) == nullptr;
    });
    const auto begun = Clock::now();
    if (!awaited.empty()) {
      (void)ORCIO_TRY(WaitUntilUp(host, awaited, {time.asked, time.deadline}, Awaited::kHealthy,
                                  patience_, stop));
    }
    time.deadline += Clock::now() - begun;
    begin = end;
  }
  return {};
}

// Those of a level for whose health others wait.
Containers ComposeControl::AwaitedOf(size_t level) const {
  Containers awaited;
  for (const auto& container : levels_[level]) {
    if (awaited_healthy_.count(container.service) != 0) awaited.push_back(container);
  }
  return awaited;
}

// The levels from `begin` to before `end`, and what has become of all of them.
Result<DockerLook> ComposeControl::StartSome(RemoteHost& host, size_t begin, size_t end, bool first,
                                             const std::stop_token& stop) {
  RunOptions options;
  options.timeout = service_.start_timeout + kToolTime;
  const auto start = [&](const std::set<std::string>& gone) -> Result<DockerLook> {
    const auto result = ORCIO_TRY(host.Run(StartLines(begin, end, gone), options, stop));
    return ReadLook(host, result, ContainerIds(Flat(levels_)));
  };
  const auto look = ORCIO_TRY(start({}));
  NoteStarted(host, look, first);
  const auto ids = ContainerIds(Flat(levels_));
  const bool all_there = std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    return FindContainer(look.containers, id) != nullptr;
  });
  if (all_there) return look;
  const auto for_good = ContainerIds(ORCIO_TRY(FindAgain(host, stop)));
  return start({for_good.begin(), for_good.end()});
}

std::string ComposeControl::StartLines(size_t begin, size_t end,
                                       const std::set<std::string>& gone) const {
  std::string script = TellHostNow() + kStartLevel;
  for (size_t level = begin; level < end; ++level) {
    std::vector<std::string> words{"docker", "start"};
    for (const auto& id : ContainerIds(levels_[level])) {
      if (gone.count(id) == 0) words.push_back(id);
    }
    if (words.size() > 2) script += "start_level " + ShellCommand(words) + "\n";
  }
  return script + LookCommand(ContainerIds(Flat(levels_)));
}

// Docker's record of the time at rest, as of right after a start: if it is the `first` one, its
// host's clock says when that was.
void ComposeControl::NoteStarted(const RemoteHost& host, const DockerLook& look, bool first) {
  if (!at_rest_.known() || disturbed_) return;
  if (first) at_rest_.End(look.begun);
  auto rested =
      CheckNoneStarted(host.name(), service_.name, look.containers, last_runs_, at_rest_.until());
  if (!rested) disturbed_ = std::move(rested).error();
}

}  // namespace orcio::inline archiver
