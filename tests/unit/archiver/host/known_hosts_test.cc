#include "archiver/ssh/way/known_hosts.h"

#include <fstream>
#include <set>
#include <sstream>

#include "base/text/base64.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

using orcio::HostKeyStanding;
using orcio::KnownHosts;
using orcio::test::MustRun;
using orcio::test::RunCommand;
using orcio::test::ScratchDirectory;

namespace {

// As ssh-keygen would write it, of no private key: the number is all of it.
std::string MadeUpKey(int number, const std::string& type = "ssh-ed25519") {
  std::string blob(3, '\0');
  blob += static_cast<char>(type.size());
  blob += type + std::string(3, '\0') + ' ' + std::string(31, '\0') + static_cast<char>(number);
  return orcio::Base64(blob);
}

std::string KeyLine(const std::string& names, int number, const std::string& type = "ssh-ed25519") {
  return names + " " + type + " " + MadeUpKey(number, type) + " a comment\n";
}

HostKeyStanding Standing(const std::string& text, const std::string& address = "atena",
                         uint16_t port = 22, const std::string& key = MadeUpKey(1)) {
  KnownHosts known(address, port);
  known.Add(text, "known_hosts");
  return known.Judge(key).standing;
}

// The lines of `file` that ssh-keygen finds for this name.
std::set<size_t> LinesThatSshKeygenFinds(const std::string& name, const std::string& file) {
  const auto found = RunCommand({"ssh-keygen", "-F", name, "-f", file});
  std::set<size_t> lines;
  std::istringstream out(found.out);
  for (std::string line; std::getline(out, line);) {
    const size_t at = line.find(" found: line ");
    if (line.starts_with("# Host ") && at != std::string::npos)
      lines.insert(std::stoul(line.substr(at + 13)));
  }
  return lines;
}

// The lines of a file whose keys are numbered as its lines are.
std::set<size_t> LinesFound(const std::string& address, uint16_t port, const std::string& file,
                            size_t count) {
  KnownHosts known(address, port);
  known.AddFile(file);
  std::set<size_t> lines;
  for (size_t line = 1; line <= count; ++line) {
    const auto judgement = known.Judge(MadeUpKey(static_cast<int>(line)));
    if (judgement.standing != HostKeyStanding::kKnown) continue;
    CHECK(judgement.line == line);
    CHECK(judgement.file == file);
    lines.insert(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("A revoked key is revoked, wherever the host is listed with it plainly") {
  const std::string plain = KeyLine("atena", 1);
  CHECK(Standing(plain) == HostKeyStanding::kKnown);
  for (const std::string names : {"atena", "*", "!wiki,at*", "wiki,atena"}) {
    const std::string revoked = KeyLine("@revoked " + names, 1);
    CAPTURE(revoked);
    CHECK(Standing(plain + revoked) == HostKeyStanding::kRevoked);
    CHECK(Standing(revoked + plain) == HostKeyStanding::kRevoked);
    CHECK(Standing(revoked) == HostKeyStanding::kRevoked);
  }
  CHECK(Standing(plain + "@revoked\tatena\tssh-ed25519\t" + MadeUpKey(1) + "\r\n") ==
        HostKeyStanding::kRevoked);
  // Another key, and another host's.
  CHECK(Standing(plain + KeyLine("@revoked *", 2)) == HostKeyStanding::kKnown);
  CHECK(Standing(plain + KeyLine("@revoked wiki", 1)) == HostKeyStanding::kKnown);
  CHECK(Standing(KeyLine("@revoked atena", 2)) == HostKeyStanding::kUnknown);
}

TEST_CASE("A key that a second file revokes is revoked") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "mine") << KeyLine("atena", 1);
  std::ofstream(scratch / "everybodys") << "# of this machine\n" << KeyLine("@revoked *", 1);
  KnownHosts known("atena", 22);
  known.AddFile(scratch / "mine");
  CHECK(known.Judge(MadeUpKey(1)).standing == HostKeyStanding::kKnown);
  known.AddFile(scratch / "everybodys");
  const auto judgement = known.Judge(MadeUpKey(1));
  CHECK(judgement.standing == HostKeyStanding::kRevoked);
  CHECK(judgement.file == (scratch / "everybodys").string());
  CHECK(judgement.line == 2);
}

TEST_CASE("Names, patterns and negations mean what ssh-keygen takes them for") {
  const ScratchDirectory scratch;
  const std::vector<std::string> names{"atena",
                                       "ATENA",
                                       "atena,wiki",
                                       "wiki",
                                       "*",
                                       "at?na",
                                       "a*a",
                                       "a*b*a",
                                       "!atena,*",
                                       "*,!atena",
                                       "!wiki,at*",
                                       "!wiki",
                                       "[atena]:2222",
                                       "[ATENA]:2222",
                                       "[atena]:*",
                                       "[*]:2222",
                                       "[at?na]:222?",
                                       "!atena,[*",
                                       "10.77.0.1",
                                       "10.77.*",
                                       "10.77.0.1,at*",
                                       "[10.77.0.1]:22",
                                       "atena.example.org",
                                       "*.example.org",
                                       "atena,",
                                       ",atena",
                                       "at*na*",
                                       "**na",
                                       "fe80::1",
                                       "[fe80::1]:2222",
                                       "atena:2222",
                                       "!*,atena",
                                       "?????"};
  std::ofstream file(scratch / "known_hosts");
  for (size_t i = 0; i < names.size(); ++i) file << KeyLine(names[i], static_cast<int>(i + 1));
  file.close();
  const std::string path = scratch / "known_hosts";
  for (const std::string name :
       {"atena", "wiki", "10.77.0.1", "atena.example.org", "fe80::1", "a", "lara"}) {
    CAPTURE(name);
    CHECK(LinesFound(name, 22, path, names.size()) == LinesThatSshKeygenFinds(name, path));
    CHECK(LinesFound(name, 2222, path, names.size()) ==
          LinesThatSshKeygenFinds("[" + name + "]:2222", path));
  }
}

TEST_CASE("A name that ssh-keygen has hashed is found, alone and with a port") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "known_hosts")
      << KeyLine("atena", 1) << KeyLine("[atena]:2222", 2) << KeyLine("10.77.0.1", 3);
  MustRun({"ssh-keygen", "-H", "-f", scratch / "known_hosts"});
  const std::string text = MustRun({"cat", scratch / "known_hosts"});
  REQUIRE(text.find("atena") == std::string::npos);
  CHECK(Standing(text) == HostKeyStanding::kKnown);
  CHECK(Standing(text, "Atena") == HostKeyStanding::kKnown);
  CHECK(Standing(text, "atena", 2222, MadeUpKey(2)) == HostKeyStanding::kKnown);
  CHECK(Standing(text, "atena", 2222, MadeUpKey(1)) == HostKeyStanding::kChanged);
  CHECK(Standing(text, "10.77.0.1", 22, MadeUpKey(3)) == HostKeyStanding::kKnown);
  CHECK(Standing(text, "wiki") == HostKeyStanding::kUnknown);
  CHECK(Standing(text, "atena", 22, MadeUpKey(2)) == HostKeyStanding::kChanged);
  // And as revoked.
  const std::string hashed = text.substr(0, text.find(' '));
  CHECK(Standing(text + KeyLine("@revoked " + hashed, 1)) == HostKeyStanding::kRevoked);
}

TEST_CASE(
    "A key that is known for the host alone is known at every port, and another one unknown") {
  const std::string alone = KeyLine("atena", 1);
  const std::string at_port = KeyLine("[atena]:2222", 2);
  CHECK(Standing(alone, "atena", 2222) == HostKeyStanding::kKnown);
  CHECK(Standing(alone, "atena", 2222, MadeUpKey(2)) == HostKeyStanding::kUnknown);
  CHECK(Standing(alone + at_port, "atena", 2222) == HostKeyStanding::kChanged);
  CHECK(Standing(at_port, "atena", 22, MadeUpKey(2)) == HostKeyStanding::kUnknown);
  CHECK(Standing(alone + KeyLine("@revoked atena", 1), "atena", 2222) == HostKeyStanding::kRevoked);
}

TEST_CASE("An authority alone is no key, and says so; beside the key it does not matter") {
  const std::string authority = KeyLine("@cert-authority *", 9);
  CHECK(Standing(authority) == HostKeyStanding::kAuthorityOnly);
  CHECK(Standing(authority, "atena", 22, MadeUpKey(9)) == HostKeyStanding::kAuthorityOnly);
  CHECK(Standing(authority, "atena", 2222) == HostKeyStanding::kAuthorityOnly);
  CHECK(Standing(authority + KeyLine("atena", 1)) == HostKeyStanding::kKnown);
  CHECK(Standing(authority + KeyLine("atena", 2)) == HostKeyStanding::kChanged);
  CHECK(Standing(KeyLine("@cert-authority wiki", 9)) == HostKeyStanding::kUnknown);
}

TEST_CASE("Of several types, the one that is shown counts, and all are told") {
  const std::string text = KeyLine("atena", 1, "ecdsa-sha2-nistp256") + KeyLine("atena", 2) +
                           KeyLine("atena", 3) + KeyLine("wiki", 4, "ssh-rsa");
  CHECK(Standing(text, "atena", 22, MadeUpKey(3)) == HostKeyStanding::kKnown);
  CHECK(Standing(text, "atena", 22, MadeUpKey(4)) == HostKeyStanding::kChanged);
  CHECK(Standing(text, "atena", 22, MadeUpKey(4, "ssh-rsa")) == HostKeyStanding::kOtherType);
  KnownHosts known("atena", 22);
  known.Add(text, "known_hosts");
  CHECK(known.KeyTypes() == std::vector<std::string>{"ecdsa-sha2-nistp256", "ssh-ed25519"});
}

TEST_CASE("A line that cannot be read is skipped, and the next one is not") {
  const std::string good = KeyLine("atena", 1);
  for (const std::string bad :
       {"\n", "#\n", "atena\n", "atena ssh-ed25519\n", "atena ssh-ed25519 !!!!\n", "@\n",
        "@revoked\n", "@revoked atena\n", "@unheard-of atena ssh-ed25519 AAAA\n", "|1|\n",
        "|1|x|y ssh-rsa AAAA\n", "|1||  ssh-rsa AAAA\n", "   \t \n", "1024 35 1234567890\n",
        "\xff\xfe\n", "atena ssh-rsa ====\n"}) {
    CAPTURE(bad);
    CHECK(Standing(bad + good) == HostKeyStanding::kKnown);
    CHECK(Standing(good + bad) == HostKeyStanding::kKnown);
    CHECK(Standing(bad) == HostKeyStanding::kUnknown);
  }
  CHECK(Standing(std::string("atena\0x ssh-rsa AAAA\n", 21) + good) == HostKeyStanding::kKnown);
  CHECK(Standing(" \t" + good) == HostKeyStanding::kKnown);
  CHECK(Standing(good.substr(0, good.size() - 1)) == HostKeyStanding::kKnown);
  // A key that says of itself that it is of another type than the line has.
  CHECK(Standing("atena ssh-rsa " + MadeUpKey(1) + "\n") == HostKeyStanding::kUnknown);
  // Two markers are none that is known.
  CHECK(Standing(KeyLine("@cert-authority @revoked atena", 1)) == HostKeyStanding::kUnknown);
}

TEST_CASE("Files that are not there, or hold no lines, say nothing") {
  const ScratchDirectory scratch;
  KnownHosts known("atena", 22);
  known.AddFile(scratch / "missing");
  known.AddFile("/dev/null");
  known.AddFile("/dev/zero");
  known.AddFile(scratch.path());
  CHECK(known.Judge(MadeUpKey(1)).standing == HostKeyStanding::kUnknown);
  CHECK(known.files().empty());
  CHECK(known.unreadable().empty());
}
