#include "tests/support/faults/fault_scene.h"

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "archiver/config/service_names.h"
#include "index/repository/listing_path.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

// Files must have been at rest for so long before a run relies on their times.
constexpr std::chrono::milliseconds kRest{3100};

// For a container to write what it writes as it ends: one that is killed meanwhile leaves a volume
// that is not at rest, and a busy machine takes its time.
constexpr int kGraceSeconds = 60;

// What takes longer never comes.
constexpr std::chrono::seconds kPatience{120};

// They end at once when told to, and start again by nobody's doing but docker's. Their shells are
// not process 1: that is deaf to TERM until it has a trap, and dockerd, or a guard, may have
// started it just before it is stopped. A shell that TERM ends before its trap has written nothing
// yet.
std::string Project(const fs::path& volume) {
  return "version: '2.4'\n"
         "services:\n"
         "  db: &part\n"
         "    image: busybox\n"
         "    network_mode: none\n"
         "    restart: unless-stopped\n"
         "    init: true\n"
         "    stop_grace_period: " +
         std::to_string(kGraceSeconds) +
         "s\n"
         "    command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 1 & wait $$!; done']\n"
         "  web:\n"
         "    <<: *part\n"
         "    depends_on: [db]\n"
         "    volumes: ['" +
         volume.string() +
         ":/data']\n"
         "    command: [sh, -c, '" +
         FaultVolume::Writer() +
         "']\n"
         "  job:\n"
         "    image: busybox\n"
         "    network_mode: none\n"
         "    command: ['true']\n";
}

constexpr const char* kFiller = ".somebody-elses";

// What they take on a disk, about.
uint64_t BytesIn(const fs::path& directory) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(directory))
    bytes += (entry.file_size() + 4095) / 4096 * 4096;
  return bytes;
}

std::string ReadText(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Processes of which `file`, cmdline or environ, holds `text`.
std::vector<int> ProcessesWith(const std::string& file, const std::string& text) {
  std::vector<int> pids;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator("/proc", code)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (ReadText(entry.path() / file).find(text) != std::string::npos)
      pids.push_back(std::stoi(name));
  }
  return pids;
}

}  // namespace

FaultScene::FaultScene(std::string program, Mode mode, Job job)
    : program_(std::move(program)),
      mode_(mode),
      job_(job),
      volume_(scratch_ / "volume"),
      sshd_("SetEnv PATH=" + Path() + "\n"),
      link_(sshd_.port()) {
  dockerd_.Up("wiki", scratch_ / "stack", Project(volume_.path()));
  AwaitProject();
  std::ofstream(sshd_.known_hosts(), std::ios::app)
      << "[127.0.0.1]:" << link_.port() << " " << sshd_.HostKey("ed25519") << "\n";
  RunTwice();
}

// A job that has not ended yet would be stopped and started, and a web that has not counted yet has
// nothing to be at rest with.
void FaultScene::AwaitProject() const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!IsUp() || ReadText(volume_.path() / "live/count").empty()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("wiki is not up");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// With precopy, the first archive is what the runs of all cases build upon; or it is restored.
void FaultScene::RunTwice() {
  for (int run = 0; run < 2; ++run) {
    NewRepository();
    Configure(60);
    if (run == 0) std::this_thread::sleep_for(kRest);
    const uint64_t before = link_.passed();
    const Ended ended = Orcio(run == 0 ? std::vector<std::string>{"archive"} : JobWords());
    if (ended.status != 0) throw std::runtime_error("no run without a fault: " + ended.err);
    stream_bytes_ = link_.passed() - before;
    archive_bytes_ = fs::file_size(Archives().back());
    if (!keeps_first() || run > 0) return;
    fs::copy(repository(), base());
    archived_ = volume_.Digest();
  }
}

std::vector<std::string> FaultScene::JobWords() const {
  if (job_ == Job::kArchive) return {"archive"};
  for (const auto& entry : fs::directory_iterator(base())) {
    const std::string name = entry.path().filename();
    if (name.starts_with("wiki-") && name.ends_with(".tar.gz"))
      return {"restore", "wiki@" + name.substr(5, name.size() - 12), "--in-place", "--yes"};
  }
  throw std::runtime_error("there is no first archive");
}

FaultScene::Content FaultScene::VolumeContent() const {
  const std::string now = volume_.Digest();
  return now == archived_ ? Content::kArchived
         : now == before_ ? Content::kBefore
                          : Content::kNeither;
}

std::string FaultScene::Aside() const {
  std::string all;
  for (const auto& entry : fs::directory_iterator(scratch_.path())) {
    const std::string name = entry.path().filename();
    if (name.starts_with(".orcio-restore-") && fs::exists(entry.path() / "old")) all += name + " ";
  }
  return all;
}

// So that a case does not fail for what another has left.
void FaultScene::RemoveAside() const {
  std::vector<fs::path> aside;
  for (const auto& entry : fs::directory_iterator(scratch_.path()))
    if (entry.path().filename().string().starts_with(".orcio-restore-")) aside.push_back(entry);
  for (const fs::path& directory : aside) fs::remove_all(directory);
}

// Listing a few files takes less time than it takes to find the one who does it.
std::string FaultScene::Path() const {
  std::string path = dockerd_.Environment(DockerdFixture::Compose::kNone).at("PATH");
  if (mode_ != Mode::kPrecopy) return path;
  fs::create_directory(scratch_ / "slow");
  const fs::path find = scratch_ / "slow/find";
  std::ofstream(find)
      << "#!/bin/sh\ncase $* in *" << volume_.path().string()
      << "*) sleep 0.3 >/dev/null 2>&1 ;; esac\nPATH=${PATH#*:}\nexec find \"$@\"\n";
  fs::permissions(find, fs::perms::owner_all);
  return find.parent_path().string() + ":" + path;
}

FaultScene::~FaultScene() {
  run_.reset();
  for (const int pid : GuardProcesses()) ::kill(pid, SIGKILL);
}

void FaultScene::Configure(int guard_seconds) const {
  const HostConfig host = sshd_.Config();
  std::ofstream(config()) << "repository: " << repository().string() << "\n"
                          << "hosts:\n"
                          << "  workshop:\n"
                          << "    address: 127.0.0.1\n"
                          << "    port: " << link_.port() << "\n"
                          << "    user: " << *host.user << "\n"
                          << "    identity: " << host.identity->string() << "\n"
                          << "    known_hosts: " << host.known_hosts->string() << "\n"
                          << "    connect_timeout: 15s\n"
                          << "services:\n"
                          << "  wiki:\n"
                          << "    host: workshop\n"
                          << "    paths: ['" << volume_.path().string() << "']\n"
                          << "    mode: " << NameOf(mode_) << "\n"
                          << "    stop_timeout: " << kGraceSeconds << "s\n"
                          << "    start_timeout: 120s\n"
                          << "    stall_timeout: 20s\n"
                          << "    guard: " << guard_seconds << "s\n";
}

fs::path FaultScene::repository() const {
  return scratch_ / ("repository-" + std::to_string(case_));
}

fs::path FaultScene::log() const {
  return scratch_ / ("log-" + std::to_string(case_));
}

void FaultScene::NewRepository(std::optional<uint64_t> bytes) {
  run_.reset();
  disk_.reset();
  token_.clear();
  ++case_;
  fs::create_directory(repository());
  if (bytes) {
    const uint64_t present = fs::exists(base()) ? BytesIn(base()) : 0;
    disk_.emplace(repository(), present + *bytes);
  }
  if (fs::exists(base())) fs::copy(base(), repository());
  RemoveAside();
  if (case_ > 1) volume_.Change();
  if (job_ == Job::kRestore) before_ = volume_.Digest();
  Configure(2);
}

void FaultScene::FillRepository(uint64_t bytes) const {
  const uint64_t free = fs::space(repository()).available;
  std::ofstream filler(repository() / kFiller, std::ios::binary);
  for (uint64_t written = 0; written + bytes < free; written += 4096)
    filler << std::string(4096, 'f');
}

void FaultScene::GrowRepository() const {
  fs::remove(repository() / kFiller);
  if (disk_) disk_->Grow();
}

void FaultScene::Launch() {
  std::vector<std::string> all{program_, "-c", config().string()};
  for (const std::string& word : JobWords()) all.push_back(word);
  run_ = std::make_unique<BackgroundCommand>(all, log().string());
}

bool FaultScene::Entered(Step step) const {
  const fs::path guard = GuardDirectory();
  const bool has_journal = HasJournal();
  switch (step) {
    case Step::kConnecting:
      return true;
    case Step::kCopying:
      return has_journal || HasPart(true) || HasSent();
    case Step::kArming:
      return has_journal;
    case Step::kStopping:
      return !guard.empty() && fs::exists(guard / "work");
    case Step::kStreaming:
      return !guard.empty() && fs::exists(guard / "stopped");
    case Step::kStarting:
      return !guard.empty() && fs::exists(guard / "ended");
    case Step::kAssembling:
      return HasPart(false);
    case Step::kFinishing:
      return !token_.empty() && !has_journal;
  }
  return false;
}

bool FaultScene::HasSent() const {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(scratch_.path(), code))
    if (entry.path().filename().string().starts_with(".orcio-restore-")) return true;
  return false;
}

// A part file of a layer, or of the archive itself.
bool FaultScene::HasPart(bool layer) const {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(repository(), code)) {
    const std::string name = entry.path().filename();
    const bool of_layer = name.find(".layer.") != std::string::npos;
    if (name.ends_with(".part") && of_layer == layer) return true;
  }
  return false;
}

bool FaultScene::Await(Step step) {
  while (!ended()) {
    LookForGuard();
    if (Entered(step)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

void FaultScene::Signal(int signal) const {
  if (!ended()) ::kill(run_->pid(), signal);
}

int FaultScene::status() {
  return run_ ? run_->Wait() : -1;
}

std::string FaultScene::output() const {
  return ReadText(log());
}

Ended FaultScene::Orcio(const std::vector<std::string>& words) const {
  std::vector<std::string> all{program_, "-c", config().string()};
  all.insert(all.end(), words.begin(), words.end());
  return RunCommand(all);
}

bool FaultScene::HasJournal() const {
  return fs::exists(repository() / ".wiki.journal");
}

void FaultScene::LookForGuard() {
  const std::string journal = ReadText(repository() / ".wiki.journal");
  const std::string key = "\"guard\": \"";
  const size_t at = journal.find(key);
  if (at != std::string::npos) token_ = journal.substr(at + key.size(), 32);
}

fs::path FaultScene::GuardDirectory() const {
  if (token_.empty()) return {};
  for (const char* base : {"/run", "/dev/shm", "/tmp"}) {
    fs::path directory = fs::path(base) / ("orcio-guard-" + token_);
    if (fs::exists(directory)) return directory;
  }
  return {};
}

std::optional<std::string> FaultScene::GuardMark() const {
  const fs::path directory = GuardDirectory();
  if (directory.empty() || !fs::exists(directory / "fired")) return {};
  return ReadText(directory / "fired");
}

bool FaultScene::GuardIsDone() const {
  if (GuardDirectory().empty()) return GuardProcesses().empty();
  const auto mark = GuardMark();
  return mark && (mark->starts_with("confirmed") || mark->starts_with("failed"));
}

bool FaultScene::GuardGoes() const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!GuardDirectory().empty() || !GuardProcesses().empty()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

std::vector<int> FaultScene::GuardProcesses() const {
  return token_.empty() ? std::vector<int>() : ProcessesWith("cmdline", "orcio-guard-" + token_);
}

void FaultScene::KillGuard() const {
  for (const int pid : GuardProcesses()) ::kill(pid, SIGKILL);
}

void FaultScene::ForgetGuard() const {
  const fs::path directory = GuardDirectory();
  if (!directory.empty()) fs::remove_all(directory);
}

// What sshd starts has the fixture's PATH; the names that a tar reads may come by standard input.
bool FaultScene::SignalReader(const std::string& program, int signal) const {
  bool found = false;
  for (const int pid : ProcessesWith("environ", dockerd_.scratch().path().string())) {
    if (ReadText("/proc/" + std::to_string(pid) + "/comm") == program + "\n")
      found = ::kill(pid, signal) == 0;
  }
  return found;
}

bool FaultScene::IsUp() const {
  const Ended said =
      RunCommand({dockerd_.scratch() / "bin/docker", "inspect", "--format",
                  "{{.State.Running}} {{.State.Paused}}", "wiki_db_1", "wiki_web_1", "wiki_job_1"});
  return said.out == "true false\ntrue false\nfalse false\n";
}

void FaultScene::StopContainers() const {
  dockerd_.Docker({"stop", "-t", std::to_string(kGraceSeconds), "wiki_web_1", "wiki_db_1"});
}

void FaultScene::RestartDockerd() {
  dockerd_.Restart();
}

std::vector<fs::path> FaultScene::Archives() const {
  std::vector<fs::path> archives;
  for (const auto& entry : fs::directory_iterator(repository())) {
    const std::string name = entry.path().filename();
    if (!name.starts_with('.') && name.ends_with(".tar.gz")) archives.push_back(entry.path());
  }
  std::sort(archives.begin(), archives.end());
  return archives;
}

size_t FaultScene::ArchiveCount() const {
  return Archives().size() - (fs::exists(base()) ? 1 : 0);
}

std::string FaultScene::Leftovers() const {
  std::set<std::string> expected{".orcio.lock"};
  for (const auto& archive : Archives()) {
    const std::string name = archive.filename();
    expected.insert(
        {name, name + ".idx", ListingPath(archive).filename(), "." + name + ".verified"});
  }
  std::string all;
  for (const auto& entry : fs::directory_iterator(repository())) {
    const std::string name = entry.path().filename();
    if (expected.count(name) == 0 && !LoopDisk::IsItsOwn(name))
      all += (all.empty() ? "" : ", ") + name;
  }
  return all;
}

std::string FaultScene::CheckArchives() const {
  for (const auto& archive : Archives()) {
    const std::string name = archive.filename();
    const bool is_base = fs::exists(base() / name);
    // A service that is paused cannot come to rest.
    const FaultVolume::Expected expected{.changed = !is_base, .at_rest = mode_ != Mode::kPause};
    if (auto wrong = volume_.Compare(archive, expected); !wrong.empty()) return name + ": " + wrong;
    const std::string photos = (volume_.path() / "photos").string();
    const std::string date = name.substr(5, name.size() - 5 - 7);
    const Ended read = RunShell("test -s '" + archive.string() + ".idx' && '" + program_ +
                                "' -r '" + repository().string() + "' cat 'wiki@" + date + ":" +
                                photos.substr(1) + "' | cmp - '" + photos + "'");
    if (read.status != 0) return name + ": orcio cannot read it: " + read.err;
  }
  const Ended verified = RunCommand({program_, "-r", repository(), "verify", "--read-data"});
  if (verified.status != 0) return "verify: " + verified.out + verified.err;
  return {};
}

}  // namespace orcio::test
