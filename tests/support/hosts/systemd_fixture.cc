#include "tests/support/hosts/systemd_fixture.h"

#include <csignal>
#include <fstream>
#include <thread>

#include "archiver/host/shell_quote.h"
#include "tests/support/needs.h"

namespace orcio::test {
namespace {

// Its root is this machine's with a layer over it, so that nothing that it does to files stays:
// what it starts first on a machine empties /tmp. It finds no units but the targets that every unit
// depends on. It takes what `container` names for a container, and leaves the kernel's settings be.
constexpr const char* kBoot = R"sh(set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
pivot_root . mnt
mount -t proc proc /proc
umount -l /mnt
for directory in /run /tmp /usr/lib/systemd/system /usr/lib/systemd/system-generators /etc/systemd/system; do
  mount -t tmpfs tmpfs "$directory"
done
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/urandom c 1 9
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for target in sysinit basic shutdown bare; do
  printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"/etc/systemd/system/$target.target"
done
container=tests
export container
exec /lib/systemd/systemd --unit=bare.target --log-target=console --show-status=no
)sh";

constexpr std::chrono::seconds kBootTime{120};

// A host whose commands run in the namespaces of a process.
class NamespacedHost : public RemoteHost {
 public:
  NamespacedHost(const std::string& name, std::string prefix)
      : machine_(name), prefix_(std::move(prefix)) {}

  [[nodiscard]] const std::string& name() const override { return machine_.name(); }
  [[nodiscard]] Result<void> Connect(const std::stop_token& stop) override {
    return machine_.Connect(stop);
  }
  void Disconnect() override {}
  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override {
    return machine_.Run(prefix_ + ShellQuote(command), options, stop);
  }
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override {
    return machine_.Stream(prefix_ + ShellQuote(command), sink, options, stop);
  }

 private:
  LocalHost machine_;
  const std::string prefix_;
};

std::string FirstChildOf(int pid) {
  const std::string id = std::to_string(pid);
  std::ifstream in("/proc/" + id + "/task/" + id + "/children");
  std::string child;
  in >> child;
  return child;
}

}  // namespace

SystemdFixture::SystemdFixture() {
  NeedRoot();
  if (!std::filesystem::exists("/lib/systemd/systemd")) SkipOrFail("this test needs systemd");
  const auto log = (scratch_ / "systemd.log").string();
  unshare_ = std::make_unique<BackgroundCommand>(
      std::vector<std::string>{"unshare", "--mount", "--pid", "--fork", "--cgroup", "--ipc",
                               "--uts", "--kill-child=KILL", "sh", "-c", kBoot, "sh",
                               scratch_.path().string()},
      log);
  for (const auto end = std::chrono::steady_clock::now() + kBootTime;;) {
    pid_ = FirstChildOf(unshare_->pid());
    if (!pid_.empty() && Succeeds("systemctl is-active bare.target")) return;
    if (std::chrono::steady_clock::now() > end || !unshare_->running()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  End();
  std::ifstream in(log);
  SkipOrFail("systemd does not start in namespaces of its own here: " +
             std::string(std::istreambuf_iterator<char>(in), {}));
}

SystemdFixture::~SystemdFixture() {
  End();
}

void SystemdFixture::End() {
  unshare_->End(SIGKILL);
}

std::string SystemdFixture::Inside(const std::string& line) const {
  return "exec nsenter -t " + pid_ + " -m -p -C /bin/sh -c " + ShellQuote(line);
}

std::unique_ptr<RemoteHost> SystemdFixture::Host(const std::string& name) const {
  return std::make_unique<NamespacedHost>(name,
                                          "exec nsenter -t " + pid_ + " -m -p -C /bin/sh -c ");
}

std::string SystemdFixture::Must(const std::string& line) const {
  return MustRunShell(Inside(line));
}

bool SystemdFixture::Succeeds(const std::string& line) const {
  return RunShell(Inside(line)).status == 0;
}

void SystemdFixture::AddUnit(const std::string& name, const std::string& text) const {
  Must("printf %s " + ShellQuote(text) + " >" + ShellQuote("/etc/systemd/system/" + name) +
       " && systemctl daemon-reload");
}

}  // namespace orcio::test
