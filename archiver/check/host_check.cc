#include <algorithm>
#include <array>
#include <string_view>

#include "archiver/check/check.h"
#include "archiver/docker/compose_tool.h"
#include "archiver/docker/docker_mounts.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_check.h"
#include "archiver/host/shell_quote.h"
#include "archiver/host/sudo_advice.h"
#include "archiver/listing/remote_listing.h"
#include "archiver/plan/other_writers.h"
#include "archiver/plan/service_plan.h"
#include "archiver/plan/volume_check.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"
#include "index/repository/repository_lock.h"

namespace orcio::inline archiver {
namespace {

constexpr std::string_view kCheckMark = "orcio-check: ";

// Prints "orcio-check: user NUMBER", "place DIRECTORY" where a guard can be, "guard DIRECTORY
// 'SERVICE'" for each that is there, and "docker" if there is one.
constexpr const char* kLook = R"sh(echo "orcio-check: user $(id -u)"
for b in /run /dev/shm /tmp; do
  [ ! -w "$b" ] || [ ! -x "$b" ] || echo "orcio-check: place $b"
done
for d in /run/orcio-guard-* /dev/shm/orcio-guard-* /tmp/orcio-guard-*; do
  [ -d "$d" ] || continue
  echo "orcio-check: guard $d $(sed -n 's/^service=//p' "$d/guard" 2>/dev/null | head -n 1)"
done
! command -v docker >/dev/null 2>&1 || echo 'orcio-check: docker'
)sh";

// The lines of `output` that start with the mark and then this word: what follows it.
std::vector<std::string> SaidOf(std::string_view output, std::string_view word) {
  const std::string start = fmt::format("{}{}", kCheckMark, word);
  std::vector<std::string> said;
  for (const auto& line : Lines(output)) {
    if (line == start) said.emplace_back();
    if (line.starts_with(start + " ")) said.push_back(line.substr(start.size() + 1));
  }
  return said;
}

// What to do about a login that failed. The message itself has the commands.
std::string LoginRemedy(const Error& error) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kRemedies{{
      {"IS REVOKED", "have new host keys made on the host, and add those to known_hosts"},
      {"HAS CHANGED",
       "find out why before anything else; replace the key in known_hosts only if "
       "the host was installed anew"},
      {"of other types", "compare the key with the host's own, and then add it to known_hosts"},
      {"by a certificate authority alone", "set transport: ssh for the host in the configuration"},
      {"host key is unknown to ssh",
       "compare the key with the host's own, and then accept it by hand"},
      {"ssh is not let in",
       "append the public key to authorized_keys on the host, or name another "
       "one by identity: in the configuration"},
      {"is unknown", "compare the key with the host's own, and then add it to known_hosts"},
      {"ssh does not take its own configuration",
       "correct ~/.ssh/config or /etc/ssh/ssh_config, until `ssh -G` takes them"},
      {"Too many authentication failures", "name the one key for the host by identity:"},
      {"does not let user",
       "append the public key to authorized_keys on the host, or name another "
       "one by identity: in the configuration"},
  }};
  for (const auto& [said, remedy] : kRemedies) {
    if (error.message.find(said) != std::string::npos) return std::string(remedy);
  }
  if (error.kind == ErrorKind::kInvalid) return "correct the host's keys in the configuration";
  if (error.kind == ErrorKind::kRefused) return "look at what sshd has logged on the host";
  return "see that the host is up, and that address, port and proxy_command are right";
}

class HostCheck {
 public:
  HostCheck(const Config& config, const CheckScope::Host& scope, const Connectors& connectors,
            const TellFinding& tell, const std::stop_token& stop)
      : config_(config),
        scope_(scope),
        connectors_(connectors),
        tell_(tell),
        stop_(stop),
        host_(connectors.host(*scope.config)) {}

  void Run();

 private:
  bool LogIn();
  bool Look();
  void CheckLoginShell();
  void CheckUser(const std::string& output);
  void CheckGuards(const std::string& output);
  void CheckTar();
  void CheckDocker();
  void CheckVolumes();
  void CheckWriters(const VolumeCheck& check);
  void CheckService(const ServiceConfig& service);
  void CheckControl(const ServiceConfig& service);
  void CheckPrecopy(const ServiceConfig& service);

  [[nodiscard]] bool Uses(ControlKind kind) const;
  // Of this host or of one of its services.
  void Ok(std::string subject, std::string text, const std::string& service = {}) const;
  void Warn(std::string subject, const std::string& text, std::string remedy,
            const std::string& service = {}) const;
  void Fault(std::string subject, const Error& error, std::string remedy,
             const std::string& service = {}) const;
  void Tell(Finding finding) const;
  [[nodiscard]] std::string Plain(const std::string& message) const;

  const Config& config_;
  const CheckScope::Host& scope_;
  const Connectors& connectors_;
  const TellFinding& tell_;
  const std::stop_token& stop_;
  const std::unique_ptr<RemoteHost> host_;
  bool restricted_ = false;  // by orcio-host: what it does not know is refused
  bool has_docker_ = false;
  std::optional<RemoteTar> tar_;
};

// Without the host's name, which the finding has.
std::string HostCheck::Plain(const std::string& message) const {
  for (const std::string& start : {"host " + host_->name() + ": ", host_->name() + ": "}) {
    if (message.starts_with(start)) return message.substr(start.size());
  }
  return message;
}

void HostCheck::Tell(Finding finding) const {
  if (stop_.stop_requested()) return;
  finding.host = host_->name();
  finding.text = SafeText(Plain(finding.text));
  tell_(std::move(finding));
}

void HostCheck::Ok(std::string subject, std::string text, const std::string& service) const {
  Tell({FindingLevel::kOk, std::move(subject), std::move(text), {}, {}, service});
}

void HostCheck::Warn(std::string subject, const std::string& text, std::string remedy,
                     const std::string& service) const {
  Tell({FindingLevel::kWarning, std::move(subject), text, std::move(remedy), {}, service});
}

void HostCheck::Fault(std::string subject, const Error& error, std::string remedy,
                      const std::string& service) const {
  Tell({FindingLevel::kError,
        std::move(subject),
        error.message,
        std::move(remedy),
        {},
        service,
        error.kind});
}

bool HostCheck::Uses(ControlKind kind) const {
  return std::any_of(scope_.services.begin(), scope_.services.end(),
                     [&](const ServiceConfig* service) {
                       return service->control == kind && service->mode != Mode::kLive;
                     });
}

void HostCheck::Run() {
  if (!LogIn() || !Look()) return;
  CheckTar();
  CheckDocker();
  for (const ServiceConfig* service : scope_.services) CheckService(*service);
  if (has_docker_ && !restricted_) CheckVolumes();
}

bool HostCheck::LogIn() {
  if (const auto in = host_->Connect(stop_); !in) {
    Fault("login", in.error(), LoginRemedy(in.error()));
    return false;
  }
  Ok("login", "logs in");
  return true;
}

// A host that does nothing at all is no use looking at any further.
bool HostCheck::Look() {
  const auto looked = host_->Run(kLook, {}, stop_);
  if (!looked && looked.error().kind == ErrorKind::kRemote) {
    Fault("shell", looked.error(), {});
    return false;
  }
  if (!looked) {
    Fault("login", looked.error(), LoginRemedy(looked.error()));
    return false;
  }
  if (looked->err.find("orcio-host: refused") != std::string::npos) {
    restricted_ = true;
    Ok("login", "the key is restricted by orcio-host: what else runs there cannot be looked at");
    CheckLoginShell();
    return true;
  }
  if (SaidOf(looked->out, "user").empty()) {
    const auto sudo = SudoAdvice(looked->err);
    Fault(sudo ? "sudo" : "shell",
          {ErrorKind::kRemote, 0,
           fmt::format("{} failed (exit status {}): {}", sudo ? "`sudo -n`" : "a first command",
                       looked->exit_status, Excerpt(looked->err + "\n" + looked->out))},
          sudo.value_or("see that the user that logs in has a shell there"));
    return false;
  }
  CheckLoginShell();
  CheckUser(looked->out);
  CheckGuards(looked->out);
  has_docker_ = !SaidOf(looked->out, "docker").empty();
  return true;
}

void HostCheck::CheckLoginShell() {
  std::optional<std::string> no_input;
  const bool needed =
      scope_.services.empty() ||
      std::any_of(scope_.services.begin(), scope_.services.end(),
                  [](const ServiceConfig* service) { return SendsInput(*service); });
  const auto shell = CheckShell(*host_, stop_, needed ? nullptr : &no_input);
  if (!shell) return Fault("shell", shell.error(), {});
  if (no_input) Warn("shell", *no_input, {});
  if (const auto slow = SlowShell(host_->name(), *shell)) Warn("shell", *slow, {});
}

void HostCheck::CheckUser(const std::string& output) {
  if (SaidOf(output, "user").front() == "0") {
    Ok("root", "is root there");
  } else {
    Warn("root", "is not root there: files of others can be neither read nor given back",
         "log in as root, or set sudo: true for the host");
  }
}

void HostCheck::CheckGuards(const std::string& output) {
  const bool wanted =
      std::any_of(scope_.services.begin(), scope_.services.end(),
                  [](const ServiceConfig* service) { return service->guard.has_value(); });
  if (wanted && SaidOf(output, "place").empty())
    Fault("guard",
          {ErrorKind::kRemote, 0,
           "a guard has no place: neither /run, /dev/shm nor /tmp can be "
           "written"},
          "let one of them be written, or write `guard: none`");
  // Those of a run that goes on are as they should be.
  if (RepositoryLock::IsHeld(config_.repository)) return;
  for (const auto& guard : SaidOf(output, "guard")) {
    const auto words = Split(guard, ' ');
    Warn("guard",
         fmt::format("a guard is left there, {}{}", words.front(),
                     words.size() > 1 && !words[1].empty() ? ", of the service " + words[1] : ""),
         "run `orcio recover`; one that nobody needs any more ends by itself");
  }
}

void HostCheck::CheckTar() {
  auto tar = DetectRemoteTar(*host_, stop_);
  if (!tar) {
    Fault("tar", tar.error(), "install GNU tar there");
    return;
  }
  tar_ = *tar;
  if (const auto losses = tar->Losses(); !losses.empty()) {
    Warn("tar", losses, "install GNU tar there");
  } else {
    Ok("tar", tar->description);
  }
}

void HostCheck::CheckDocker() {
  if (!has_docker_ || !Uses(ControlKind::kCompose)) return;
  // Whether docker answers is reported with each service, by name.
  const auto compose = DetectComposeTool(*host_, stop_);
  if (!compose) return;
  Ok("docker",
     *compose ? fmt::format("{}, version {}", Join((*compose)->program, " "), (*compose)->major)
              : "no compose there: hooks of services (pre_stop, post_start) would not run");
}

void HostCheck::CheckService(const ServiceConfig& service) {
  if (stop_.stop_requested()) return;
  if (tar_) {
    if (const auto fits = CheckRemoteTar(*tar_, service); !fits)
      Fault("tar", fits.error(), {}, service.name);
  }
  if (const auto paths = CheckRemotePaths(*host_, service, stop_); !paths) {
    Fault("paths", paths.error(), {}, service.name);
  } else {
    Ok("paths", Join(service.paths), service.name);
  }
  CheckControl(service);
  if (service.mode == Mode::kPrecopy && tar_) CheckPrecopy(service);
}

void HostCheck::CheckControl(const ServiceConfig& service) {
  constexpr std::array kSubjects{"project", "units", "commands", "control"};
  const std::string subject = kSubjects.at(static_cast<size_t>(service.control));
  const auto control = connectors_.control(service);
  if (const auto found = control->Inspect(*host_, stop_); !found) {
    Fault(subject, found.error(), {}, service.name);
    return;
  }
  for (const auto& warning : control->Warnings()) Warn(subject, warning, {}, service.name);
  const auto running = control->Running();
  Ok(subject,
     running.empty() ? "nothing of it runs, or is to be stopped" : "runs: " + Join(running),
     service.name);
}

void HostCheck::CheckPrecopy(const ServiceConfig& service) {
  if (const auto tool = DetectListing(*host_, service, *tar_, stop_); tool) {
    Ok("precopy", "is possible", service.name);
  } else if (tool.error().kind == ErrorKind::kUnsupported && !service.mode_chosen) {
    Ok("precopy", tool.error().message + ": it is archived with `mode: stop`", service.name);
  } else if (tool.error().kind == ErrorKind::kUnsupported) {
    Warn("precopy", tool.error().message + ": it is archived with `mode: stop` instead",
         "write `mode: stop`, or do away with what is in the way", service.name);
  } else {
    Fault("precopy", tool.error(), {}, service.name);
  }
}

void HostCheck::CheckVolumes() {
  VolumeCheck check;
  for (const ServiceConfig& service : config_.services) {
    if (service.host == host_->name()) check.services.push_back(&service);
  }
  auto containers = ListMounts(*host_, stop_);
  if (!containers) {
    // If a service needs docker, that it does not answer was reported with it.
    if (!Uses(ControlKind::kCompose)) Warn("docker", containers.error().message, {});
    return;
  }
  check.containers = std::move(*containers);
  LookAtPlaces(*host_, check, stop_);
  for (auto& finding : FindUncovered(check)) {
    const auto chosen = [&](const ServiceConfig* service) {
      return service->name == finding.service;
    };
    const bool wanted = finding.service.empty()
                            ? scope_.whole
                            : std::any_of(scope_.services.begin(), scope_.services.end(), chosen);
    if (wanted) Tell(std::move(finding));
  }
  CheckWriters(check);
}

// Who is stopped with a service is known of compose's alone.
void HostCheck::CheckWriters(const VolumeCheck& check) {
  for (const ServiceConfig* service : scope_.services) {
    if (!KnowsItsContainers(*service) || service->mode == Mode::kLive) continue;
    auto others = check.containers;
    std::erase_if(others, [&](const MountingContainer& container) {
      return container.project == service->project;
    });
    for (const auto& warning : WriterWarnings(check, *service, others))
      Warn("volumes", warning, {}, service->name);
  }
}

}  // namespace

void CheckHost(const Config& config, const CheckScope::Host& scope, const Connectors& connectors,
               const TellFinding& tell, const std::stop_token& stop) {
  HostCheck(config, scope, connectors, tell, stop).Run();
}

}  // namespace orcio::inline archiver
