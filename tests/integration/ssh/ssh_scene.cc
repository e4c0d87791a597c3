#include "tests/integration/ssh/ssh_scene.h"

#include <cstdlib>
#include <fstream>
#include <thread>

#include "archiver/host/shell_quote.h"
#include "tests/support/catch.h"

namespace orcio::test {

Variable::Variable(const char* name, const std::string& value) : name_(name) {
  if (const char* old = std::getenv(name)) old_ = old;
  ::setenv(name, value.c_str(), 1);
}

Variable::~Variable() {
  old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_);
}

Result<void> MemorySink::Commit(size_t count) {
  if (on_commit) on_commit();
  bytes.append(reinterpret_cast<const char*>(buffer_.data()), count);
  if (bytes.size() >= fail_at) return Fail(ErrorKind::kIo, "the disk is full");
  return {};
}

Result<void> DigestSink::Commit(size_t count) {
  if (on_commit) on_commit();
  digest_.Update(std::span(buffer_).first(count));
  size += count;
  if (size >= fail_at) return Fail(ErrorKind::kIo, "the disk is full");
  return {};
}

std::unique_ptr<RemoteHost> Connected(const HostConfig& config, const SshOptions& options) {
  auto host = MakeSshHost(config, options);
  REQUIRE_OK(host->Connect(kNever));
  return host;
}

bool LetsIn(const HostConfig& config) {
  return ValueOf(Connected(config)->Run("echo in", {}, kNever)).out == "in\n";
}

Error ConnectError(const HostConfig& config, const std::stop_token& stop) {
  const auto connected = MakeSshHost(config)->Connect(stop);
  REQUIRE_FALSE(connected.has_value());
  return connected.error();
}

bool Mentions(const Error& error, const std::string& text) {
  UNSCOPED_INFO(error.message);
  return error.message.find(text) != std::string::npos;
}

void AwaitThat(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kAtMost;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string TellPid(const std::filesystem::path& file, const std::string& pid) {
  const std::string name = ShellQuote(file.string());
  return "echo " + pid + " >" + name + ".new; mv " + name + ".new " + name + "; ";
}

int AwaitPid(const std::filesystem::path& file) {
  AwaitThat([&] { return std::filesystem::exists(file); });
  int pid = 0;
  std::ifstream(file) >> pid;
  REQUIRE(pid > 0);
  return pid;
}

bool ProcessLives(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");  // "PID (NAME) STATE ..."
  std::string stat;
  std::getline(in, stat);
  const size_t name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] != 'Z';
}

HostConfig Through(const SshdFixture& sshd, const LinkProxy& proxy) {
  HostConfig config = sshd.Config();
  config.port = proxy.port();
  std::ofstream(*config.known_hosts, std::ios::app)
      << "[127.0.0.1]:" << proxy.port() << " " << sshd.HostKey("ed25519") << "\n";
  return config;
}

void CheckCutInStream(RemoteHost& host, LinkProxy& proxy, uint64_t bytes) {
  proxy.CutAfter(bytes);
  DigestSink sink;
  const auto result = host.Stream("head -c 20000000 /dev/zero", sink, {}, kNever);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kNetwork);
  CHECK(sink.size < 20000000);
  proxy.Pass();
  REQUIRE_OK(host.Connect(kNever));
  CHECK(ValueOf(host.Run("echo back", {}, kNever)).out == "back\n");
}

void CheckComesAndGoes(RemoteHost& host, SshdFixture& sshd) {
  const auto gone = host.Connect(kNever);
  REQUIRE_FALSE(gone.has_value());
  CHECK(gone.error().kind == ErrorKind::kNetwork);
  sshd.Start();
  REQUIRE_OK(host.Connect(kNever));
  host.Disconnect();
  host.Disconnect();
  CHECK(host.Run("true", {}, kNever).error().kind == ErrorKind::kNetwork);
}

}  // namespace orcio::test
