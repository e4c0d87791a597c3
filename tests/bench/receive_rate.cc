// How fast a host's bytes come in over SSH, through orcio (by libssh, and with `transport: ssh`)
// and through others, over loopback.
//   receive_rate [MEGABYTES [ROUNDS]]     default: 2000 5
// Every way takes its turn in every round; the figures are medians. CPU time is that of our side
// alone, per GB received.

#include <fcntl.h>
#include <fmt/format.h>
#include <libssh/libssh.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "archiver/ssh/ssh_host.h"
#include "tests/support/hosts/sshd_fixture.h"

namespace orcio::test {
namespace {

constexpr const char* kGcm = "aes256-gcm@openssh.com";
constexpr size_t kBuffer = size_t{1} << 20;

struct Sample {
  double seconds = 0;
  double cpu_seconds = 0;
};

struct Way {
  std::string name;
  std::function<uint64_t(const std::string& command)> receive;  // returns the bytes received
  std::vector<Sample> samples = {};
};

// Gives every byte the same room, as a pipeline that recycles its buffers does.
class CountingSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_).subspan(filled_); }
  Result<void> Commit(size_t bytes) override {
    received += bytes;
    filled_ = (filled_ + bytes) % buffer_.size();
    return {};
  }
  uint64_t received = 0;

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kBuffer);
  size_t filled_ = 0;
};

[[noreturn]] void Give(const std::string& why) {
  throw std::runtime_error(why);
}

std::unique_ptr<RemoteHost> ConnectedHost(HostConfig config, Transport transport) {
  config.transport = transport;
  auto host = MakeSshHost(config);
  if (const auto connected = host->Connect({}); !connected) Give(connected.error().message);
  return host;
}

uint64_t ByOrcio(RemoteHost& host, const std::string& command) {
  CountingSink sink;
  const auto result = host.Stream(command, sink, {}, {});
  if (!result) Give(result.error().message);
  if (result->exit_status != 0) Give(result->err);
  return sink.received;
}

// What libssh's own documentation shows: a blocking session, and a loop around ssh_channel_read.
class PlainLibssh {
 public:
  PlainLibssh(const HostConfig& config, const char* cipher) : session_(ssh_new()) {
    const unsigned port = *config.port;
    ssh_options_set(session_, SSH_OPTIONS_HOST, config.address.c_str());
    ssh_options_set(session_, SSH_OPTIONS_PORT, &port);
    ssh_options_set(session_, SSH_OPTIONS_USER, config.user->c_str());
    ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, config.known_hosts->c_str());
    ssh_options_set(session_, SSH_OPTIONS_CIPHERS_C_S, cipher);
    ssh_options_set(session_, SSH_OPTIONS_CIPHERS_S_C, cipher);
    ssh_key key = nullptr;
    if (ssh_connect(session_) != SSH_OK ||
        ssh_pki_import_privkey_file(config.identity->c_str(), nullptr, nullptr, nullptr, &key) !=
            SSH_OK ||
        ssh_userauth_publickey(session_, nullptr, key) != SSH_AUTH_SUCCESS)
      Give(ssh_get_error(session_));
    ssh_key_free(key);
  }
  ~PlainLibssh() {
    ssh_disconnect(session_);
    ssh_free(session_);
  }
  PlainLibssh(const PlainLibssh&) = delete;
  PlainLibssh& operator=(const PlainLibssh&) = delete;

  uint64_t Receive(const std::string& command) {
    const ssh_channel channel = ssh_channel_new(session_);
    if (ssh_channel_open_session(channel) != SSH_OK ||
        ssh_channel_request_exec(channel, command.c_str()) != SSH_OK)
      Give(ssh_get_error(session_));
    std::vector<char> buffer(kBuffer);
    uint64_t received = 0;
    for (;;) {
      const int got = ssh_channel_read(channel, buffer.data(), kBuffer, 0);
      if (got <= 0) break;
      received += static_cast<uint64_t>(got);
    }
    ssh_channel_free(channel);
    return received;
  }

 private:
  ssh_session session_;
};

// ssh(1), its output read from a pipe.
uint64_t BySsh(const HostConfig& config, const std::vector<std::string>& extra,
               const std::string& command) {
  std::vector<std::string> words{"ssh", "-F", "none", "-T", "-o", "BatchMode=yes"};
  words.insert(words.end(), {"-o", "UserKnownHostsFile=" + config.known_hosts->string()});
  words.insert(words.end(), {"-i", *config.identity, "-p", std::to_string(*config.port)});
  words.insert(words.end(), extra.begin(), extra.end());
  words.insert(words.end(), {*config.user + "@" + config.address, command});
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) Give("pipe");
  ::fcntl(ends[0], F_SETPIPE_SZ, kBuffer);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execvp("ssh", arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::vector<char> buffer(kBuffer);
  uint64_t received = 0;
  for (ssize_t got = 0; (got = ::read(ends[0], buffer.data(), kBuffer)) > 0;)
    received += static_cast<uint64_t>(got);
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return received;
}

// Of a process that ends meanwhile, nothing: an istreambuf_iterator would throw.
std::string TextOf(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

// Of each ssh that runs with this known_hosts file: nobody has waited for those yet.
double SecondsOfClients(const std::string& known_hosts) {
  double ticks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string words = TextOf(entry.path() / "cmdline");
    if (!words.starts_with("ssh") || words.find(known_hosts) == std::string::npos) continue;
    const std::string stat = TextOf(entry.path() / "stat");  // "PID (NAME) STATE ...", proc(5)
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::string skipped;
    double user = 0, system = 0;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double CpuSeconds(const std::string& known_hosts) {
  double sum = SecondsOfClients(known_hosts);
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const auto& time : {usage.ru_utime, usage.ru_stime})
      sum += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  }
  return sum;
}

void Measure(Way& way, const std::string& command, uint64_t bytes, const std::string& known_hosts) {
  const double cpu = CpuSeconds(known_hosts);
  const auto start = std::chrono::steady_clock::now();
  if (way.receive(command) != bytes) Give(way.name + ": bytes are missing");
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  way.samples.push_back({time.count(), CpuSeconds(known_hosts) - cpu});
}

double Median(const std::vector<Sample>& samples, double Sample::*field) {
  std::vector<double> values;
  for (const auto& sample : samples) values.push_back(sample.*field);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(const std::vector<Way>& ways, uint64_t bytes) {
  const double megabytes = static_cast<double>(bytes) / 1e6;
  fmt::print("{:<36}{:>10}{:>12}{:>12}\n", "", "MB/s", "CPU s/GB", "orcio is");
  for (const auto& way : ways) {
    const double seconds = Median(way.samples, &Sample::seconds);
    fmt::print("{:<36}{:>10.0f}{:>12.2f}{:>10.2f} x\n", way.name, megabytes / seconds,
               Median(way.samples, &Sample::cpu_seconds) / megabytes * 1000,
               seconds / Median(ways.front().samples, &Sample::seconds));
  }
}

void Run(uint64_t megabytes, int rounds) {
  const SshdFixture sshd;
  const HostConfig config = sshd.Config();
  const auto host = ConnectedHost(config, Transport::kLibssh);
  const auto by_ssh = ConnectedHost(config, Transport::kSsh);
  PlainLibssh plain(config, kGcm);
  std::vector<Way> ways{
      {"orcio", [&](const std::string& command) { return ByOrcio(*host, command); }},
      {"orcio, transport: ssh",
       [&](const std::string& command) { return ByOrcio(*by_ssh, command); }},
      {"libssh, aes256-gcm", [&](const std::string& command) { return plain.Receive(command); }},
      {"ssh -c aes256-gcm@openssh.com",
       [&](const std::string& command) {
         return BySsh(config, {"-c", kGcm}, command);
       }},
      {"ssh, its default cipher",
       [&](const std::string& command) { return BySsh(config, {}, command); }}};
  const uint64_t bytes = megabytes * 1000000;
  const std::string command = fmt::format("head -c {} /dev/zero", bytes);
  for (int round = 0; round < rounds; ++round) {
    for (auto& way : ways) Measure(way, command, bytes, config.known_hosts->string());
  }
  Print(ways, bytes);
}

}  // namespace
}  // namespace orcio::test

int main(int argc, char** argv) {
  try {
    orcio::test::Run(argc > 1 ? std::stoull(argv[1]) : 2000, argc > 2 ? std::stoi(argv[2]) : 5);
  } catch (const std::exception& error) {
    std::cerr << "receive_rate: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
