// The playbook in scripts/ansible, as the package installs it: a backupper and a host, which
// Ansible and orcio reach through a real sshd, where a real systemd runs.
#include <fstream>

#include "archiver/host/shell_quote.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/sshd_fixture.h"
#include "tests/support/hosts/systemd_fixture.h"
#include "tests/support/needs.h"
#include "tests/support/program/debian_package.h"

namespace orcio::test {
namespace {

// All quoting has to do with it: a shell's, YAML's, Jinja's, sudoers(5)'s, authorized_keys'.
const std::string kWikiPath = R"(/srv/it's a "wiki", \ = #[1]*: ü)";
const std::string kWiki = R"(
            wiki:
              control: commands
              paths: ['/srv/it''s a "wiki", \ = #[1]*: ü']
              stop: rm /run/wiki
              start: touch /run/wiki
              status: test -e '/run/wiki'
)";
const std::string kVpn = R"(
            vpn:
              control: systemd
              units: [vpn]
              keep: {last: 3}
)";

// One machine that is both backupper and host. Nothing stays of what is done to it.
class Workshop {
 public:
  Workshop() {
    for (const char* program : {"ansible-playbook", "sudo", "sshd"}) NeedProgram(program);
    const DebianPackage package(BinaryDirectory());
    std::filesystem::copy_file(package.Make(), systemd_.root() / "tmp/orcio.deb");
    Must(R"sh(set -e
mkdir -p -m 1777 /dev/shm
mount -t tmpfs -o mode=0700 tmpfs /root
mkdir -p /run/sshd
rm -rf /etc/orcio /srv/* /etc/ssh/ssh_host_* /etc/sudoers.d/orcio /usr/sbin/policy-rc.d
! getent passwd orcio >/dev/null || userdel orcio
usermod -p '*' root
mkdir -m 0700 /root/.ssh
ssh-keygen -A
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
printf '[127.0.0.1]:%s %s\n' )sh" +
         port_ +
         R"sh( "$(cat /etc/ssh/ssh_host_ed25519_key.pub)" >/root/.ssh/known_hosts
mkdir -p /srv/vpn /srv/more
touch /run/wiki /srv/vpn/key
)sh");
    Must("mkdir " + ShellQuote(kWikiPath) + " && echo text >" + ShellQuote(kWikiPath + "/page"));
    systemd_.AddUnit("sshd-of-the-test.service",
                     "[Service]\nExecStart=/usr/sbin/sshd -D -e -f /dev/null -p " + port_ +
                         " -o ListenAddress=127.0.0.1 -o UsePAM=no -o PermitRootLogin=yes -o "
                         "\"Subsystem=sftp internal-sftp\"\n");
    systemd_.AddUnit("vpn.service", "[Service]\nExecStart=sleep 1000\n");
    Must("systemctl start sshd-of-the-test.service vpn.service");
    Must("dpkg-deb -x /tmp/orcio.deb /tmp/package");
  }

  std::string Must(const std::string& line) const {
    return systemd_.Must("export HOME=/root; " + line);
  }
  [[nodiscard]] bool Succeeds(const std::string& line) const {
    return systemd_.Succeeds("export HOME=/root; " + line);
  }

  // Runs the playbook for these services. Returns how many things it changed.
  [[nodiscard]] int Play(const std::string& services, const std::string& schedule = "timer") const {
    std::ofstream(systemd_.root() / "tmp/inventory.yml") << R"(all:
  vars:
    ansible_python_interpreter: /usr/bin/python3
  children:
    orcio_backupper:
      hosts: {backupper: {ansible_connection: local}}
      vars:
        orcio_package: /tmp/orcio.deb
        orcio_on_calendar: Mon 03:00
        orcio_schedule: )" << schedule << R"(
    orcio_hosts:
      hosts:
        atena:
          ansible_host: 127.0.0.1
          ansible_port: )" << port_ << "\n          orcio_services:"
                                                         << services;
    const std::string said = Must(
        "cd /tmp/package/usr/share/orcio/ansible && ANSIBLE_PIPELINING=1 "
        "ansible-playbook -i /tmp/inventory.yml playbook.yml");
    UNSCOPED_INFO(said);
    // "atena : ok=9 changed=2 unreachable=0 failed=0 ..."
    int changed = 0;
    const std::string key = "changed=";
    for (size_t at = said.find(key, said.find("PLAY RECAP")); at != std::string::npos;
         at = said.find(key, at + 1))
      changed += std::stoi(said.substr(at + key.size()));
    return changed;
  }

  // What comes of asking the host for a command by orcio's key; it has to fail.
  [[nodiscard]] std::string Login(const std::string& command) const {
    return Must(
        "! ssh -F none -i /etc/orcio/id_ed25519 -o BatchMode=yes -o "
        "UserKnownHostsFile=/etc/orcio/known_hosts -p " +
        port_ + " orcio@127.0.0.1 " + ShellQuote(command) + " 2>&1");
  }

 private:
  ReservedPort reserved_;
  std::string port_ = std::to_string(reserved_.number());
  SystemdFixture systemd_;
};

}  // namespace

TEST_CASE("The playbook sets up backupper and host, and changes nothing when it is run again") {
  const Workshop workshop;
  REQUIRE(workshop.Play(kWiki + kVpn) > 10);
  CHECK(workshop.Play(kWiki + kVpn) == 0);
  CHECK(workshop.Must("systemctl is-enabled orcio-archive.timer orcio-recover.service") ==
        "enabled\nenabled\n");
  CHECK(workshop.Must("systemctl show --property=TimersCalendar orcio-archive.timer")
            .find("Mon *-*-* 03:00:00") != std::string::npos);

  workshop.Must("orcio archive");
  CHECK(workshop.Must("orcio cat " + ShellQuote("wiki:" + kWikiPath.substr(1) + "/page")) ==
        "text\n");
  CHECK(workshop.Succeeds(
      "orcio ls vpn:srv/vpn/key && systemctl is-active vpn.service && test -e /run/wiki"));

  // The key opens nothing else, and the user who logs in may do nothing else as root.
  CHECK(workshop.Login("id").find("orcio-host: refused: ") != std::string::npos);
  CHECK_FALSE(workshop.Succeeds("sudo -u orcio sudo -n id"));
  CHECK_FALSE(workshop.Succeeds("sudo -u orcio sudo -n /usr/local/sbin/orcio-host --path /etc"));

  // A path more: the key is for it too, on the same line. And cron instead of two units.
  CHECK(workshop.Play(kWiki + kVpn + "              paths: [/srv/vpn, /srv/more]\n", "cron") == 6);
  CHECK_FALSE(workshop.Succeeds("systemctl is-enabled orcio-archive.timer orcio-recover.service"));
  CHECK_FALSE(workshop.Succeeds("systemctl is-active orcio-archive.timer"));
  CHECK(workshop.Succeeds("grep -q 'root  orcio archive' /etc/cron.d/orcio"));
  CHECK(workshop.Must("wc -l </var/lib/orcio/.ssh/authorized_keys") == "1\n");
  workshop.Must("orcio archive vpn");
  CHECK(workshop.Succeeds("orcio ls vpn:srv/more"));

  // A configuration that orcio does not take never gets into place.
  CHECK_THROWS(workshop.Play(kWiki + kVpn + "              mode: never\n"));
  CHECK(workshop.Succeeds("orcio list"));
}

}  // namespace orcio::test
