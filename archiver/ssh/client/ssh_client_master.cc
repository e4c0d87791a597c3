#include "archiver/ssh/client/ssh_client_master.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of what ssh says: a changed host key takes it half a screen.
constexpr size_t kMostSaid = size_t{16} << 10;

// As often as it takes to empty a pipe, though somebody (a host before the login, a proxy command)
// goes on filling it.
constexpr int kMostReads = 32;

// How often to look whether ssh has logged in: then its socket is there.
constexpr milliseconds kLook{5};

// How long an ssh that is asked to end gets for it; then it is killed.
constexpr milliseconds kMasterFarewell{300};

// How long an ssh whose line has ended may take to end itself.
constexpr milliseconds kLastWords{1000};

// ssh binds it under another, longer name first.
constexpr size_t kLongestDirectory = 60;

bool IsPlain(const std::string& path) {
  return path.starts_with('/') && path.size() <= kLongestDirectory &&
         std::all_of(path.begin(), path.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 ||
                  std::string_view("/._-+").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

// The shell outlives us however we end, and hears of it: nobody else holds the other end of its
// standard input. Then it kills all of its session; a TERM would not do: an ssh that is just busy
// takes note of one only when something else happens. If ssh ends first, the shell's output says
// so.
std::string KeeperScript(const std::vector<std::string>& words, const std::string& directory) {
  return fmt::format(
      "trap : TERM\n"
      "(SSH_ASKPASS_REQUIRE=never {} </dev/null >/dev/null; echo) &\n"
      "read -r end\n"
      "rm -rf -- {}\n"
      "kill -KILL 0\n",
      ShellCommand(words), ShellQuote(directory));
}

Result<void> WriteFile(const std::filesystem::path& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  while (file.valid() && !text.empty()) {
    const ssize_t put = ::write(file.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return FailErrno(errno, fmt::format("{}: cannot write", path.string()));
    text.remove_prefix(static_cast<size_t>(put));
  }
  if (!file.valid()) return FailErrno(errno, fmt::format("{}: cannot create", path.string()));
  return {};
}

}  // namespace

Result<PrivateDirectory> PrivateDirectory::Make() {
  const char* named = std::getenv("TMPDIR");
  const std::string below = named != nullptr && IsPlain(named) ? named : "/tmp";
  std::string path = below + "/orcio-ssh-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return FailErrno(errno, fmt::format("{}: cannot create a directory for ssh's socket", below));
  return PrivateDirectory(path);
}

PrivateDirectory::~PrivateDirectory() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

SshClientMaster::SshClientMaster(HostConfig config, PrivateDirectory directory,
                                 std::chrono::seconds dead_link_timeout)
    : config_(std::move(config)),
      directory_(std::move(directory)),
      dead_link_timeout_(dead_link_timeout),
      socket_((directory_.path() / "s").string()) {}

SshClientMaster::~SshClientMaster() {
  if (!keeper_.valid()) return;
  const Patience soon{{}, steady_clock::now() + kMasterFarewell};
  auto line = SshMuxLine::Open(socket_, soon);
  if (line && line->Send(MuxTerminate(), soon)) (void)WaitForFd(keeper_.get(), POLLIN, soon);
}

Result<std::unique_ptr<SshClientMaster>> SshClientMaster::Open(const HostConfig& config,
                                                               const SshOptions& options,
                                                               const std::stop_token& stop) {
  const Patience patience{stop, steady_clock::now() + config.connect_timeout};
  const auto settings = ORCIO_TRY(AskOpenSsh(config, patience));
  if (!settings)
    return Fail(ErrorKind::kInvalid,
                "host {}: `transport: ssh` needs this machine's ssh, which is not in the PATH: "
                "install openssh-client, or remove the key",
                config.name);
  std::unique_ptr<SshClientMaster> master(
      new SshClientMaster(config, ORCIO_TRY(PrivateDirectory::Make()), options.dead_link_timeout));
  ORCIO_TRY(master->Start(*settings));
  ORCIO_TRY(master->AwaitLogin(patience));
  return master;
}

Result<void> SshClientMaster::Start(const SshSettings& settings) {
  SshClientPlaces places{socket_, ""};
  if (const auto text = SshConfigOfItsOwn()) {
    places.config_file = (directory_.path() / "config").string();
    ORCIO_TRY(WriteFile(places.config_file, *text));
  }
  const auto words = SshClientWords(config_, settings, places, dead_link_timeout_);
  process_ = ORCIO_TRY(ProxyProcess::Start(KeeperScript(words, directory_.path().string())));
  keeper_ = process_->TakeStream();
  return {};
}

// Its socket is there once it is logged in, and not before.
Result<void> SshClientMaster::AwaitLogin(const Patience& patience) {
  while (::access(socket_.c_str(), F_OK) != 0) {
    if (ORCIO_TRY(EndsWithin(kLook, patience.stop))) {
      Listen();
      return Failure(SshLoginError(config_, said_));
    }
    if (!patience.expired()) continue;
    Listen();
    return Failure(Error{ErrorKind::kNetwork, ETIMEDOUT,
                         fmt::format("host {}: ssh has not logged in after {} s{}{}", host(),
                                     config_.connect_timeout.count(), said_.empty() ? "" : ": ",
                                     said_.empty() ? "" : Excerpt(said_))});
  }
  return {};
}

Result<bool> SshClientMaster::EndsWithin(milliseconds time, const std::stop_token& stop) const {
  const auto ended = WaitForFd(keeper_.get(), POLLIN, {stop, steady_clock::now() + time});
  if (ended) return true;
  if (ended.error().errnum == ETIMEDOUT) return false;
  return Failure(Error{ended.error().kind, ended.error().errnum,
                       fmt::format("host {}: {}", host(), ended.error().message)});
}

void SshClientMaster::Listen() {
  for (int reads = 0; reads < kMostReads; ++reads) {
    const std::string more = process_->TakeErrors();
    if (more.empty()) break;
    said_ += more + "\n";
  }
  if (said_.size() > kMostSaid) said_.erase(0, said_.size() - kMostSaid);
}

Result<void> SshClientMaster::Probe(const std::stop_token& stop) {
  (void)ORCIO_TRY(OpenLine({stop}));
  return {};
}

Result<SshMuxLine> SshClientMaster::OpenLine(const Patience& patience) {
  Listen();  // so that there is room for what it says next
  const auto limit = std::min(patience.deadline, steady_clock::now() + dead_link_timeout_);
  auto line = SshMuxLine::Open(socket_, {patience.stop, limit});
  if (line) said_.clear();
  if (line) return line;
  if (line.error().kind == ErrorKind::kNetwork) return Broken("the link broke");
  return Fail(line.error().kind, "host {}: {}", host(), line.error().message);
}

Failure SshClientMaster::Broken(std::string_view doing) {
  (void)EndsWithin(kLastWords, {});
  Listen();
  const int errnum = said_.find("imeout, server") != std::string::npos ? ETIMEDOUT : 0;
  return Failure(
      Error{ErrorKind::kNetwork, errnum,
            fmt::format("host {}: {}: {}", host(), doing,
                        said_.empty() ? "ssh does not say why" : "ssh says: " + Excerpt(said_))});
}

}  // namespace orcio::inline archiver
