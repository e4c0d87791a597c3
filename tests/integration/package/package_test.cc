// The package for Debian: made by CPack, installed, used, upgraded, removed and purged by dpkg
// where a real systemd runs.
#include <fstream>
#include <sstream>

#include "archiver/host/shell_quote.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/systemd_fixture.h"
#include "tests/support/needs.h"
#include "tests/support/program/debian_package.h"

namespace orcio::test {
namespace {

// This machine as if it had never seen orcio, with systemd running. Nothing stays of what is done.
class FreshMachine {
 public:
  FreshMachine() {
    Must("if dpkg -s orcio; then dpkg --purge orcio; fi; rm -rf /etc/orcio /srv/backups /backups");
    // Containers' images have it, and with it no unit is stopped.
    Must("rm -f /usr/sbin/policy-rc.d; mknod -m 666 /dev/fuse c 10 229");
  }

  // Installs or upgrades.
  void Install(const std::filesystem::path& package) const {
    std::filesystem::copy_file(package, systemd_.root() / "tmp/orcio.deb",
                               std::filesystem::copy_options::overwrite_existing);
    Must("dpkg --install /tmp/orcio.deb");
  }
  std::string Must(const std::string& line) const { return systemd_.Must(line); }
  [[nodiscard]] bool Succeeds(const std::string& line) const { return systemd_.Succeeds(line); }

  void Configure() const {
    Must(
        "mkdir -m 0700 /srv/backups /etc/orcio && cd /srv/backups && mkdir srv && echo text "
        ">srv/page && "
        "tar -czf wiki-20251123.tar.gz srv && rm -r srv && orcio -r . index");
    Must("printf %s " + ShellQuote(kConfiguration) + " >/etc/orcio/config.yaml");
  }
  [[nodiscard]] bool HasConfigurationAndArchive() const {
    return Must("cat /etc/orcio/config.yaml") == kConfiguration &&
           Succeeds("gzip -t /srv/backups/wiki-20251123.tar.gz");
  }

 private:
  static constexpr const char* kConfiguration =
      "# by the administrator\nrepository: /srv/backups\nhosts: {atena: }\n"
      "services: {wiki: {host: atena}}\n";

  SystemdFixture systemd_;
};

const DebianPackage& Package() {
  static const DebianPackage package(BinaryDirectory());
  return package;
}

// What a package has, but directories.
std::vector<std::string> Files(const std::filesystem::path& package) {
  std::vector<std::string> files;
  std::istringstream lines(
      MustRun({"sh", "-c", "dpkg-deb --fsys-tarfile \"$0\" | tar -t", package}));
  for (std::string line; std::getline(lines, line);) {
    if (!line.ends_with('/')) files.push_back(line.substr(1));
  }
  return files;
}

}  // namespace

TEST_CASE("Lintian finds no error in the package") {
  NeedProgram("lintian");
  const DebianPackage& package = Package();
  const Ended ended = RunCommand({"lintian", "--allow-root", "--fail-on", "error",
                                  "--tag-display-limit", "0", package.Make()});
  INFO(ended.out << ended.err);
  CHECK(ended.status == 0);
}

TEST_CASE("The package's parts are found where they are looked for") {
  const DebianPackage& package = Package();
  const FreshMachine machine;
  machine.Install(package.Make());
  CHECK(machine.Must("orcio --version").starts_with("orcio "));
  CHECK(machine.Must("readlink -f /sbin/mount.fuse.orcio") == "/usr/bin/orcio\n");
  CHECK(machine.Succeeds("sh -n /usr/share/orcio/orcio-host"));
  CHECK(
      machine.Succeeds("zcat /usr/share/man/man1/orcio.1.gz /usr/share/man/man5/orcio.yaml.5.gz "
                       "/usr/share/man/man8/mount.fuse.orcio.8.gz"));
  CHECK(machine.Must("bash --norc -c '. /usr/share/bash-completion/bash_completion; "
                     "_completion_loader orcio; complete -p orcio'") ==
        "complete -F _orcio orcio\n");
  CHECK(machine.Must("zsh -df -c 'autoload -U compinit; compinit -u -D; echo $_comps[orcio]'") ==
        "_orcio\n");
  CHECK(machine.Must("HOME=/tmp fish -c 'complete -C \"orcio arch\"'").starts_with("archive\t"));

  const std::string examples = "/usr/share/doc/orcio/examples/";
  CHECK(machine.Succeeds("visudo -cf " + examples + "orcio.sudoers"));
  // As far as it can be tried without its hosts: none of its keys is refused.
  machine.Must("mkdir -p /srv/backups");
  CHECK(machine.Succeeds("orcio -c " + examples + "orcio.example.yaml prune --dry-run"));
}

TEST_CASE(
    "The package's units are sound, do nothing before they are told to, and then their work") {
  NeedFuse();
  const DebianPackage& package = Package();
  const FreshMachine machine;
  machine.Install(package.Make());
  CHECK(machine.Must("cd /usr/lib/systemd/system && systemd-analyze verify --man=no orcio-* "
                     "backups.* 2>&1") == "");
  CHECK(machine.Must("systemctl is-enabled orcio-archive.timer orcio-recover.service "
                     "backups.automount backups.mount || true") ==
        "disabled\ndisabled\ndisabled\ndisabled\n");
  // Else a stop would cut the connections by which a service is started again.
  CHECK(machine.Must("systemctl show --value --property=KillMode orcio-archive.service "
                     "orcio-recover.service | grep .") == "mixed\nmixed\n");
  // And a service whose start takes long would be left half started.
  CHECK(machine.Must("systemctl show --value --property=TimeoutStopUSec orcio-archive.service "
                     "orcio-recover.service | grep .") == "1h\n1h\n");
  // Without a configuration there is nothing to archive, and nothing to complain of.
  machine.Must("systemctl start orcio-archive.service");
  CHECK(machine.Must("systemctl show --value --property=ConditionResult orcio-archive.service") ==
        "no\n");

  machine.Configure();
  machine.Must("systemctl enable --now orcio-archive.timer");
  CHECK(machine.Must("systemctl list-timers --no-legend").find("orcio-archive.service") !=
        std::string::npos);
  machine.Must("systemctl start orcio-recover.service");
  machine.Must("systemctl start backups.mount");
  CHECK(machine.Must("cat /backups/wiki/latest/srv/page") == "text\n");
  machine.Must("systemctl stop backups.mount");
  CHECK_FALSE(machine.Succeeds("mountpoint -q /backups"));
}

// It read every archive every night, and had each indexed that was not.
TEST_CASE(
    "The package keeps plocate's nightly run out of mounts, and says what else there is to do") {
  const DebianPackage& package = Package();
  const FreshMachine machine;
  machine.Must("rm -f /etc/updatedb.conf");
  machine.Install(package.Make());
  machine.Must(
      "printf '[Service]\\nType=oneshot\\nExecStart=/usr/sbin/updatedb.plocate\\n' "
      ">/run/systemd/system/plocate-updatedb.service && systemctl daemon-reload");
  CHECK(machine.Must("systemctl show --property=ExecStart plocate-updatedb.service")
            .find("argv[]=/usr/sbin/updatedb.plocate --add-prunefs fuse.orcio ;") !=
        std::string::npos);
  // What is another package's stays as it is.
  const auto told = [&](const std::string& types) {
    const std::string line = "PRUNEFS=\"" + types + "\"\n";
    machine.Must("printf %s " + ShellQuote(line) + " >/etc/updatedb.conf");
    const std::string output = machine.Must("dpkg --install /tmp/orcio.deb 2>&1");
    CHECK(machine.Must("cat /etc/updatedb.conf") == line);
    return output.find("add fuse.orcio to PRUNEFS in /etc/updatedb.conf") != std::string::npos;
  };
  CHECK(told("NFS afs fuse.orcio.old"));
  CHECK_FALSE(told("NFS afs fuse.orcio"));
  CHECK_FALSE(told("fuse.orcio"));
  CHECK_FALSE(told("fuse.orcio NFS"));
}

TEST_CASE("An upgrade keeps configuration, timer and mount; removal takes what is the package's") {
  NeedFuse();
  const DebianPackage& package = Package();
  const FreshMachine machine;
  const auto first = package.Make();
  machine.Install(first);
  machine.Configure();
  machine.Must("systemctl enable --now orcio-archive.timer && systemctl start backups.mount");

  machine.Install(package.Make(2));
  CHECK(machine.Must("dpkg-query -W -f '${Version}' orcio").ends_with("-2"));
  CHECK(machine.HasConfigurationAndArchive());
  CHECK(machine.Succeeds("systemctl is-enabled orcio-archive.timer"));
  CHECK(machine.Succeeds("systemctl is-active orcio-archive.timer"));
  CHECK(machine.Must("cat /backups/wiki/latest/srv/page") == "text\n");

  machine.Must("dpkg --remove orcio");
  for (const std::string& file : Files(first)) {
    CAPTURE(file);
    CHECK_FALSE(machine.Succeeds("test -e " + ShellQuote(file)));
  }
  CHECK_FALSE(machine.Succeeds("mountpoint -q /backups"));
  CHECK_FALSE(machine.Succeeds("systemctl is-active orcio-archive.timer"));
  CHECK_FALSE(machine.Succeeds("find /etc/systemd/system -name 'orcio*' | grep ."));
  CHECK(machine.HasConfigurationAndArchive());

  machine.Must("dpkg --purge orcio");
  CHECK_FALSE(machine.Succeeds("dpkg-query -W orcio"));
  CHECK(machine.HasConfigurationAndArchive());
}

}  // namespace orcio::test
