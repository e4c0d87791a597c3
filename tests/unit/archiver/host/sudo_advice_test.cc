#include "archiver/host/sudo_advice.h"

#include <string>

#include "tests/support/catch.h"

using orcio::SudoAdvice;

namespace {

bool Advises(const std::string& err, const std::string& part) {
  const auto advice = SudoAdvice(err);
  INFO(err << " -> " << advice.value_or("nothing"));
  return advice && advice->find(part) != std::string::npos;
}

}  // namespace

// Each had NOPASSWD as its advice, which may well be there, or none at all.
TEST_CASE("What to do about sudo goes by what it says") {
  CHECK(Advises("sudo: sorry, you must have a tty to run sudo\n", "requiretty"));
  CHECK(Advises("backup is not in the sudoers file.  This incident will be reported.\n",
                "no rule for the login user"));
  CHECK(Advises("Sorry, user backup may not run sudo on nas.\n", "no rule for the login user"));
  CHECK(Advises("Sorry, user backup is not allowed to execute '/usr/bin/sh -c x' as root on nas.\n",
                "other commands only"));
  CHECK(Advises("bash: line 1: exec: sudo: not found\n", "install sudo"));
  CHECK(Advises("sh: 1: exec: sudo: not found\n", "install sudo"));
  CHECK(Advises("zsh:1: command not found: sudo\n", "install sudo"));
  CHECK(Advises("fish: Unknown command: sudo\n", "install sudo"));
  CHECK(Advises("sudo: Command not found.\n", "install sudo"));
  CHECK(Advises("sudo: account validation failure, is your account locked?\n", "locked"));
  CHECK(Advises("sudo: Account or password is expired, reset your password and try again\n",
                "expired"));
  CHECK(Advises("sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set\n",
                "nosuid"));
  CHECK(
      Advises("sudo: The \"no new privileges\" flag is set, which prevents sudo from running as "
              "root.\n",
              "NoNewPrivileges"));
}

TEST_CASE("A password that sudo asks for, in the words of its versions, wants NOPASSWD") {
  CHECK(Advises("sudo: a password is required\n", "NOPASSWD"));
  CHECK(Advises("sudo: sorry, a password is required to run sudo\n", "NOPASSWD"));
  CHECK(Advises("sudo: no tty present and no askpass program specified\n", "NOPASSWD"));
  CHECK(Advises("sudo: a terminal is required to read the password; either use the -S option\n",
                "NOPASSWD"));
  CHECK(Advises("sudo: interactive authentication is required\n", "NOPASSWD"));
  // In the host's language.
  CHECK(Advises("sudo: Ein Passwort ist notwendig\n", "NOPASSWD"));
}

TEST_CASE("Of two things that sudo says, the first cause counts") {
  CHECK(Advises("/etc/sudoers.d/orcio:1:9: syntax error\nsudo: a password is required\n",
                "visudo -c"));
  CHECK(
      Advises(">>> /etc/sudoers.d/orcio: syntax error near line 1 <<<\n"
              "sudo: a password is required\n",
              "visudo -c"));
  CHECK(
      Advises("sudo: unable to resolve host nas: Name or service not known\n"
              "sudo: sorry, you must have a tty to run sudo\n",
              "requiretty"));
}

TEST_CASE("What sudo mentions, and what others say of sudo, asks for nothing") {
  CHECK_FALSE(SudoAdvice(""));
  CHECK_FALSE(SudoAdvice("sudo: unable to resolve host nas: Name or service not known\n"));
  CHECK_FALSE(SudoAdvice("Error: No such container: 1\nsh: tar: not found\n"));
  CHECK_FALSE(SudoAdvice("tar: srv/password is required: Permission denied\n"));
  CHECK_FALSE(SudoAdvice("tar: srv/sudo: Permission denied\n"));
}
