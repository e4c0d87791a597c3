#include "tests/support/services/dockerd_fixture.h"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/needs.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartTime{120};

void WriteProgram(const fs::path& path, const std::string& script) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "#!/bin/sh\n" << script;
  fs::permissions(path, fs::perms::owner_all);
}

std::string Real(const std::string& program) {
  const Ended found = RunShell("command -v " + program);
  if (found.status != 0) SkipOrFail("this machine has no " + program);
  return found.out.substr(0, found.out.find('\n'));
}

std::string ReadText(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// dockerd leaves its containers' file systems mounted if it is killed.
void UnmountBelow(const fs::path& directory) {
  std::vector<std::string> points;
  std::istringstream mounts(ReadText("/proc/self/mounts"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string point;
    words >> device >> point;
    if (point.starts_with(directory.string() + "/")) points.push_back(point);
  }
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    ::umount2(point->c_str(), MNT_DETACH);
  }
}

// Every process whose command line names `directory`: containerd and the shims of containers.
std::vector<int> ProcessesNaming(const fs::path& directory) {
  std::vector<int> pids;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string line = ReadText(entry.path() / "cmdline");
    if (std::stoi(name) != ::getpid() && line.find(directory.string() + "/exec") != line.npos) {
      pids.push_back(std::stoi(name));
    }
  }
  return pids;
}

}  // namespace

DockerdFixture::DockerdFixture() {
  NeedRoot();
  MakePrograms();
  Launch();
  ImportImage();
}

DockerdFixture::~DockerdFixture() {
  // By force and all at once: their own grace is ten seconds each.
  (void)RunShell("ids=$(" + (scratch_ / "bin/docker").string() + " ps -aq); [ -z \"$ids\" ] || " +
                 (scratch_ / "bin/docker").string() + " rm -f $ids");
  if (dockerd_) dockerd_->End(SIGTERM);
  for (const int pid : ProcessesNaming(scratch_.path())) ::kill(pid, SIGKILL);
  UnmountBelow(scratch_.path());
}

void DockerdFixture::Launch() {
  const std::string log = scratch_ / "dockerd.log";
  const std::string dockerd = Real("dockerd");
  dockerd_ = std::make_unique<BackgroundCommand>(
      std::vector<std::string>{dockerd, "--data-root", scratch_ / "data", "--exec-root",
                               scratch_ / "exec", "--pidfile", scratch_ / "dockerd.pid", "--host",
                               "unix://" + (scratch_ / "docker.sock").string(), "--bridge=none",
                               "--iptables=false", "--ip6tables=false", "--storage-driver=vfs"},
      log);
  const auto deadline = std::chrono::steady_clock::now() + kStartTime;
  while (!Answers()) {
    if (!dockerd_->running() || std::chrono::steady_clock::now() > deadline) {
      SkipOrFail("dockerd does not start:\n" + ReadText(log));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void DockerdFixture::Restart() {
  dockerd_->End(SIGTERM);
  Launch();
}

bool DockerdFixture::Answers() const {
  return fs::exists(scratch_ / "docker.sock") &&
         RunCommand({scratch_ / "bin/docker", "version"}).status == 0;
}

void DockerdFixture::ImportImage() const {
  const fs::path root = scratch_ / "image";
  fs::create_directories(root / "bin");
  fs::copy_file(Real("busybox"), root / "bin/busybox");
  for (const char* applet : {"sh", "cat", "echo", "sleep", "true", "false", "test", "rm"}) {
    fs::create_symlink("busybox", root / "bin" / applet);
  }
  MustRunShell("tar -C '" + root.string() + "' -c . | '" + (scratch_ / "bin/docker").string() +
               "' import - busybox");
}

// Each directory of programs shadows the machine's own, docker's configuration included.
void DockerdFixture::MakePrograms() const {
  const std::string real_docker = Real("docker");
  const std::string real_compose = Real("docker-compose");
  const std::string host =
      "export DOCKER_HOST=unix://" + (scratch_ / "docker.sock").string() + "\n";
  const std::string config = "export DOCKER_CONFIG=" + (scratch_ / "config").string();
  WriteProgram(scratch_ / "bin/docker", host + config + "\nexec " + real_docker + " \"$@\"\n");
  WriteProgram(scratch_ / "program/docker-compose", host + "exec " + real_compose + " \"$@\"\n");
  WriteProgram(scratch_ / "hidden/docker-compose", "exit 127\n");
  WriteProgram(scratch_ / "plugin/docker",
               host + config + "-plugin\nexec " + real_docker + " \"$@\"\n");
  // Docker calls a plugin with its own name first. Version 2 finds a project by its containers'
  // labels; this one, by the directory the labels name.
  WriteProgram(
      scratch_ / "config-plugin/cli-plugins/docker-compose",
      "if [ \"$1\" = docker-cli-plugin-metadata ]; then\n"
      "  echo '{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"orcio\",\"Version\":\"v2.0.0\"}'; exit\n"
      "fi\n"
      "shift\n"
      "if [ \"$1\" = version ]; then echo 'Docker Compose version v2.0.0'; exit; fi\n"
      "[ \"$1\" = --project-name ] || exit 2\n"
      // Of what is in a profile that it is not asked for, version 2 tells nothing; version 1 does,
      // but for the hashes.
      "case \"$*\" in *'--profile *'*) ;; *' config --services')\n"
      "  for word; do shift; [ \"$word\" != --services ] || break; set -- \"$@\" \"$word\"; "
      "done\n" +
          host + real_compose +
          " \"$@\" --hash '*' | cut -d ' ' -f 1; exit\nesac\n"
          "directory=$(" +
          (scratch_ / "bin/docker").string() +
          " ps -a --filter label=com.docker.compose.project=\"$2\" --format "
          "'{{.Label \"com.docker.compose.project.working_dir\"}}' | head -n 1)\n"
          "cd \"$directory\" || exit 1\n"
          "echo \"$*\" >>" +
          (scratch_ / "plugin.log").string() + "\n" + host + "exec " + real_compose + " \"$@\"\n");
}

std::map<std::string, std::string> DockerdFixture::Environment(Compose compose) const {
  const char* inherited = std::getenv("PATH");
  std::string path = scratch_ / (compose == Compose::kPlugin ? "plugin" : "bin");
  path += ":" + (scratch_ / (compose == Compose::kProgram ? "program" : "hidden")).string();
  path += ":";
  path += inherited != nullptr ? inherited : "/usr/bin:/bin";
  return {{"PATH", path}};
}

void DockerdFixture::Up(const std::string& project, const fs::path& directory,
                        const std::string& yaml) const {
  fs::create_directories(directory);
  std::ofstream(directory / "docker-compose.yml") << yaml;
  CommandOptions options;
  options.directory = directory;
  MustRun({scratch_ / "program/docker-compose", "--project-name", project, "up", "--detach"},
          options);
}

std::string DockerdFixture::Docker(const std::vector<std::string>& words) const {
  std::vector<std::string> all{scratch_ / "bin/docker"};
  all.insert(all.end(), words.begin(), words.end());
  std::string out = MustRun(all);
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace orcio::test
