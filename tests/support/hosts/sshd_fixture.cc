#include "tests/support/hosts/sshd_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <shadow.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "base/unique_fd.h"
#include "tests/support/needs.h"

namespace orcio::test {
namespace {

constexpr const char* kSshd = "/usr/sbin/sshd";
constexpr std::chrono::seconds kRestartTime{60};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

std::string CurrentUser() {
  const passwd* entry = ::getpwuid(::geteuid());
  if (entry == nullptr) throw std::runtime_error("no name for the current user");
  return entry->pw_name;
}

// sshd without PAM refuses users whose password field begins so, keys or no keys.
bool IsLocked(const std::string& user) {
  const spwd* entry = ::getspnam(user.c_str());
  return entry != nullptr && entry->sp_pwdp[0] == '!';
}

struct Process {
  int parent = 0;
  std::string name;
};

std::map<int, Process> Processes() {
  std::map<int, Process> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = ReadFile(entry.path() / "stat");  // "PID (NAME) STATE PARENT ..."
    const auto open = stat.find('('), close = stat.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    std::istringstream rest(stat.substr(close + 1));
    Process process;
    std::string state;
    rest >> state >> process.parent;
    process.name = stat.substr(open + 1, close - open - 1);
    all[std::stoi(pid)] = process;
  }
  return all;
}

// All that `root` has started, and what those have, in no order.
std::vector<int> Descendants(int root, const std::string& name) {
  const auto all = Processes();
  std::vector<int> found, next{root};
  while (!next.empty()) {
    const int parent = next.back();
    next.pop_back();
    for (const auto& [pid, process] : all) {
      if (process.parent != parent) continue;
      next.push_back(pid);
      if (name.empty() || process.name == name) found.push_back(pid);
    }
  }
  return found;
}

}  // namespace

ReservedPort::ReservedPort() : bound_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int one = 1;
  ::setsockopt(bound_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(bound_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(bound_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no free port");
  number_ = ntohs(address.sin_port);
}

SshdFixture::SshdFixture(const std::string& extra_config)
    : extra_config_(extra_config), user_(CurrentUser()) {
  if (::access(kSshd, X_OK) != 0) SkipOrFail("there is no /usr/sbin/sshd");
  if (::geteuid() == 0) std::filesystem::create_directories("/run/sshd");
  MakeHostKey("ed25519");
  TakeRsaKey();
  MustRun({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", client_key()});
  Authorize(ReadFile(client_key().string() + ".pub"));
  WriteConfig();
  if (!Launch()) throw std::runtime_error("sshd does not start:\n" + Log());
  WriteKnownHosts({HostKey("ed25519")});
}

SshdFixture::~SshdFixture() {
  Stop();
}

void SshdFixture::MakeHostKey(const std::string& type) const {
  const auto file = directory_ / ("host_" + type);
  std::filesystem::remove(file);
  MustRun({"ssh-keygen", "-q", "-t", type, "-b", "2048", "-N", "", "-f", file});
}

void SshdFixture::TakeRsaKey() const {
  static const ScratchDirectory made;
  const auto key = made / "host_rsa";
  if (!std::filesystem::exists(key))
    MustRun({"ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", key});
  for (const char* name : {"host_rsa", "host_rsa.pub"})
    std::filesystem::copy_file(made / name, directory_ / name);
}

// sshd takes the first value of each key, SetEnv among them: the extra lines come first. An empty
// home keeps what this machine's shells do at their start (a .bashrc can do anything) out of the
// tests.
void SshdFixture::WriteConfig() const {
  std::string extra = extra_config_;
  const std::string home = "HOME=" + (directory_ / "home").string();
  const std::string set = "SetEnv ";
  const size_t at = extra.find(set);
  if (at == std::string::npos) {
    extra += "\n" + set + home;
  } else {
    extra.insert(at + set.size(), home + " ");
  }
  std::filesystem::create_directory(directory_ / "home");
  std::ofstream config(directory_ / "sshd_config");
  config << extra << "\n"
         << "ListenAddress 127.0.0.1:" << port() << "\n"
         << "HostKey " << (directory_ / "host_ed25519").string() << "\n"
         << "HostKey " << (directory_ / "host_rsa").string() << "\n"
         << "AuthorizedKeysFile " << (directory_ / "authorized_keys").string() << "\n"
         << "PidFile " << (directory_ / "pid").string() << "\n"
         << "UsePAM " << (IsLocked(user_) ? "yes" : "no") << "\n"
         << "StrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
         << "KbdInteractiveAuthentication no\nPrintMotd no\nUseDNS no\nMaxStartups 100\n";
}

bool SshdFixture::Launch() {
  const size_t logged = Log().size();
  const auto config = (directory_ / "sshd_config").string();
  sshd_ = std::make_unique<BackgroundCommand>(
      std::vector<std::string>{kSshd, "-D", "-e", "-f", config}, (directory_ / "log").string());
  while (sshd_->running()) {
    if (Log().find("Server listening", logged) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  sshd_.reset();
  return false;
}

void SshdFixture::Stop() {
  if (sshd_ == nullptr) return;
  const auto rest = Descendants(sshd_->pid(), "");
  sshd_->End(SIGTERM);
  for (const int pid : rest) ::kill(pid, SIGKILL);
  sshd_.reset();
}

void SshdFixture::Start() {
  if (sshd_ != nullptr) return;
  // A process that the last sshd had just forked may still be about to close its listening socket.
  const auto deadline = std::chrono::steady_clock::now() + kRestartTime;
  for (size_t logged = Log().size(); !Launch(); logged = Log().size()) {
    const bool taken = Log().find("Address already in use", logged) != std::string::npos;
    if (!taken || std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("sshd does not start again:\n" + Log());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void SshdFixture::ChangeHostKeys() {
  Stop();
  for (const char* type : {"ed25519", "rsa"}) MakeHostKey(type);
  Start();
}

HostConfig SshdFixture::Config() const {
  HostConfig config;
  config.name = "atena";
  config.address = "127.0.0.1";
  config.port = port();
  config.user = user_;
  config.identity = client_key();
  config.known_hosts = known_hosts();
  return config;
}

std::string SshdFixture::HostKey(const std::string& type) const {
  std::istringstream line(ReadFile(directory_ / ("host_" + type + ".pub")));
  std::string algorithm, key;
  line >> algorithm >> key;
  return algorithm + " " + key;
}

void SshdFixture::WriteKnownHosts(const std::vector<std::string>& keys) const {
  std::ofstream file(known_hosts());
  for (const auto& key : keys) file << "[127.0.0.1]:" << port() << " " << key << "\n";
}

void SshdFixture::Authorize(const std::string& public_key) const {
  std::ofstream(directory_ / "authorized_keys", std::ios::app) << public_key << "\n";
}

std::vector<int> SshdFixture::Sessions() const {
  if (sshd_ == nullptr) return {};
  return Descendants(sshd_->pid(), "sshd");
}

void SshdFixture::SignalSessions(int signal) const {
  for (const int pid : Sessions()) ::kill(pid, signal);
}

std::string SshdFixture::Log() const {
  return ReadFile(directory_ / "log");
}

}  // namespace orcio::test
