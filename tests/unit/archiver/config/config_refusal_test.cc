// Configurations that are refused: at which place, and in which words.

#include <cstdlib>

#include "archiver/config/config.h"
#include "index/repository/archive_name.h"
#include "tests/support/catch.h"
#include "tests/unit/archiver/config/config_lines.h"

namespace orcio {

using namespace test;

// What is no YAML, or not one document of it.

TEST_CASE("An empty file is an error") {
  CheckError("", "1:1", "is empty");
  CheckError("# nothing\n\n", "1:1", "is empty");
  CheckError("---\n", "1:1", "is empty");
}

TEST_CASE("A file that is no map is an error") {
  CheckError("- a\n- b\n", "1:1", "must be a map");
  CheckError("\nrepository /b\n", "2:1", "must be a map");
}

TEST_CASE("Broken YAML is an error where the parser gave up") {
  CheckError("repository: /b\nhosts: {a: 1\n", "3:1", "end of map flow not found");
  CheckError("repository: a: b\n", "1:14", "illegal map value");
}

TEST_CASE("A tab as indentation is an error that names it") {
  CheckError("repository: /b\nhosts:\n  a:\n\tb: 1\n", "4:2", "YAML wants spaces");
  CheckError("repository: /b\nhosts:\n  a: {}\n  \tb: 1\n", "4:4", "tab");
  CheckError("hosts:\n\ta: 1\n", "2:3", "YAML wants spaces");
}

TEST_CASE("Quotes that are never closed are an error where they open") {
  CheckError("repository: /b\nhooks:\n  failure: \"mail root\n", "3:12", "never closed");
  CheckError("repository: 'it''s\n", "1:13", "never closed");
}

TEST_CASE("Bytes that are no UTF-8 are an error at their place") {
  CheckError("# \xc3\xa8\nrepository: /\xc3\xa8/b\xe8\n", "2:17", "0xe8 is not UTF-8");
}

TEST_CASE("A control character is an error at its place") {
  CheckError(std::string("repository: /b\nhosts: \0{}", 25), "2:8", "control character 0x00");
  CheckError("repository: /b\x1b[2J\n", "1:15", "control character 0x1b");
}

TEST_CASE("An escaped control character in a value is an error") {
  CheckError("repository: \"/b\\e[2J\"\n", "1:13", "control character");
  CheckError(WithService("    paths: [\"/srv/a\\nb\"]"), "6:13", "control character");
}

TEST_CASE("A second document is an error") {
  CheckError("repository: /b\n---\nhosts: {}\n", "2:1", "second document");
}

TEST_CASE("A tag is an error") {
  CheckError("repository: !!str /b\n", "1:13", "tag");
}

TEST_CASE("A key that is no text is an error") {
  CheckError("repository: /b\nhosts:\n  [a]: {}\n", "3:3", "must be text");
  CheckError("repository: /b\nhosts: {~: {}}\n", "2:9", "must be text");
}

TEST_CASE("Aliases nested to stand for billions cost nothing") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int n = 0; n < 9; ++n) bomb += std::string(n == 0 ? "" : ", ") + "*a" + before;
    bomb += "]\n";
  }
  CheckError(bomb, "1:1", "unknown key");
}

TEST_CASE("An alias inside its own anchor is an error") {
  CheckError("repository: &r [*r]\n", "1:17", "alias inside");
}

TEST_CASE("An alias without an anchor is an error") {
  CheckError("repository: *nowhere\n", "1:13", "anchor is not defined");
}

TEST_CASE("Nesting without end is an error") {
  CheckError("repository: " + std::string(100, '[') + std::string(100, ']'), "1:28",
             "nested more than 16 deep");
  CHECK(ErrorOf(std::string(500'000, '[')) != "no error");
  CHECK(ErrorOf(std::string(500'000, '{')) != "no error");
}

TEST_CASE("More values than any configuration has are an error") {
  std::string list = "repository: [";
  for (int i = 0; i < 20'000; ++i) list += "x, ";
  CHECK(ErrorOf(list + "x]\n").find("more than 10000 values") != std::string::npos);
}

TEST_CASE("A text over 1 MiB is an error") {
  CheckError("repository: /b\n" + std::string(size_t{1} << 20, '#'), "1:1", "larger than 1 MiB");
}

// Keys.

TEST_CASE("An unknown key is an error that suggests the nearest one") {
  CheckError("repository: /b\nhost:\n  a: {}\n", "2:1", "host: unknown key; did you mean `hosts`?");
  CheckError(WithService("    path: [/srv/wiki]\n"), "6:5",
             "services.wiki.path: unknown key; did you mean `paths`?");
  CheckError(WithHost("    prot: 22\n"), "4:5", "did you mean `port`?");
  CheckError(WithService("    keep: {dayly: 3}\n"), "6:12", "did you mean `daily`?");
  CheckError("repository: /b\nhooks: {sucess: x}\n", "2:9", "did you mean `success`?");
}

TEST_CASE("An unknown key unlike any other is an error that lists those there are") {
  CheckError("repository: /b\nwhatever: 1\n", "2:1",
             "known are: repository, hosts, services, hooks");
}

TEST_CASE("A merge key is an error that says so") {
  CheckError(WithService("    <<: {mode: stop}\n"), "6:5", "merge keys are not supported");
}

TEST_CASE("A repeated key is an error at its second place") {
  CheckError("repository: /b\nrepository: /c\n", "2:1", "stands in line 1 already");
  CheckError(WithService("    host: atena\n"), "6:5", "stands in line 5 already");
  CheckError(WithService("  wiki: {host: atena}\n"), "6:3", "stands in line 4 already");
  CheckError(WithHost("    user: a\n  atena: {}\n"), "5:3", "stands in line 3 already");
}

TEST_CASE("A missing repository is an error") {
  CheckError("# first\nhosts: {}\n", "2:1", "there is no `repository:`");
}

TEST_CASE("A service without a host is an error") {
  CheckError("repository: /b\nservices:\n  wiki: {paths: [/srv/wiki]}\n", "3:3", "has no host");
  CheckError("repository: /b\nservices:\n  wiki:\n", "3:3", "has no host");
}

TEST_CASE("A host that is not defined is an error that suggests one that is") {
  CheckError("repository: /b\nhosts: {atena: {}}\nservices:\n  wiki:\n    host: atenna\n", "5:11",
             "\"atenna\" is not in `hosts:`; did you mean `atena`?");
}

TEST_CASE("A key without a value is an error") {
  CheckError("repository:\nhosts: {}\n", "1:1", "is empty");
  CheckError(WithService("    paths:\n"), "6:5", "services.wiki.paths: is empty");
  CheckError(WithService("    project: \"\"\n"), "6:14", "is empty");
}

// Types.

TEST_CASE("A list where text is wanted is an error") {
  CheckError("repository: [/b]\n", "1:13", "must be text, not a list");
  CheckError(WithService("    project: {a: b}\n"), "6:14", "must be text, not a map");
}

TEST_CASE("Text where a list is wanted is an error that shows the list") {
  CheckError(WithService("    paths: /srv/wiki\n"), "6:12",
             "must be a list; write [\"/srv/wiki\"]");
}

TEST_CASE("Text where a map is wanted is an error") {
  CheckError("repository: /b\nhosts: atena\n", "2:8", "must be a map, not text");
  CheckError("repository: /b\nhosts: {a: b}\n", "2:12", "hosts.a: must be a map, not text");
}

TEST_CASE("What is neither true nor false where one is wanted is an error") {
  CheckError(WithHost("    sudo: 1\n"), "4:11", "must be true or false, not \"1\"");
  CheckError(WithHost("    sudo: \"22\"\n"), "4:11", "must be true or false");
  CheckError(WithHost("    sudo: \"true\"\n"), "4:11", "remove the quotes");
  CHECK(HostOf("    sudo: yes\n").sudo);
  CHECK_FALSE(HostOf("    sudo: off\n").sudo);
  CHECK(HostOf("    transport: libssh\n").transport == Transport::kLibssh);
  CheckError(WithHost("    transport: openssh\n"), "4:16", "is not a choice");
  CHECK(HostOf("    docker: /opt/bin/docker\n").docker == "/opt/bin/docker");
  CheckError(WithHost("    docker: docker\n"), "4:13", "must be an absolute path");
  CheckError(WithHost("    docker: /opt/bin/podman\n"), "4:13", "a program called docker");
  CheckError(WithHost("    docker: /a:b/docker\n"), "4:13", "holds a colon");
  CHECK(HostOf("    docker_socket: /run/user/7/docker.sock\n").docker_socket ==
        "/run/user/7/docker.sock");
  CheckError(WithHost("    docker_socket: unix:///run/docker.sock\n"), "4:20",
             "must be an absolute path");
  CHECK(HostOf("    path: [/opt/bin, /x/y]\n").path ==
        std::vector<std::string>{"/opt/bin", "/x/y"});
  CheckError(WithHost("    path: [bin]\n"), "4:12", "must be an absolute path");
  CheckError(WithHost("    path: ['/opt/bin:/x']\n"), "4:12", "write one directory an item");
}

TEST_CASE("A quoted number is an error") {
  CheckError(WithHost("    port: \"22\"\n"), "4:11", "remove the quotes");
}

TEST_CASE("A number with a leading zero is an error") {
  CheckError(WithHost("    port: 022\n"), "4:11", "write 22");
}

// Values of hosts.

TEST_CASE("A port outside 1 to 65535 is an error") {
  for (const std::string port : {"0", "70000", "-1", "22.5", "ssh", "99999999999999999999"}) {
    CheckError(WithHost("    port: " + port + "\n"), "4:11", "from 1 to 65535, not \"" + port);
  }
  CHECK(HostOf("    port: 65535\n").port == 65535);
}

TEST_CASE("A name that could not be a file's is an error") {
  CheckError("repository: /b\nhosts:\n  -x: {}\n", "3:3", "cannot be a name");
  CheckError("repository: /b\nservices:\n  a/b: {}\n", "3:3", "cannot be a name");
  CheckError("repository: /b\nservices:\n  \"a\\nb\": {}\n", "3:3", "a\\nb: cannot be a name");
  CheckError("repository: /b\nservices:\n  .hidden: {}\n", "3:3", "cannot be a name");
}

TEST_CASE("An address that is no host name is an error") {
  CheckError(WithHost("    address: -oProxyCommand=x\n"), "4:14", "is no host name");
  CheckError(WithHost("    address: a b\n"), "4:14", "is no host name");
  CheckError(WithHost("    address: root@a.org\n"), "4:14", "write that as `user:`");
  CheckError(WithHost("    address: a.org:22\n"), "4:14", "write that as `port:`");
  CHECK(HostOf("    address: \"fe80::1%eth0\"\n").address == "fe80::1%eth0");
}

TEST_CASE("A user that ssh would take for an option is an error") {
  CheckError(WithHost("    user: -l\n"), "4:11", "is no user name");
  CheckError(WithHost("    user: a b\n"), "4:11", "is no user name");
}

TEST_CASE("A key file that is neither absolute nor in the home directory is an error") {
  CheckError(WithHost("    identity: id_rsa\n"), "4:15", "start with ~/");
  CheckError(WithHost("    identity: ~ada/id_rsa\n"), "4:15", "start with ~/");
}

TEST_CASE("A key file in a home directory that is not set is an error") {
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "/root" : home;
  ::unsetenv("HOME");
  CheckError(WithHost("    known_hosts: ~/known\n"), "4:18", "needs HOME");
  ::setenv("HOME", before.c_str(), 1);
}

// Values of services.

TEST_CASE("A path that is not absolute is an error") {
  CheckError("repository: backups\n", "1:13", "must be an absolute path");
  CheckError("repository: ~/backups\n", "1:13", "must be an absolute path");
  CheckError(WithService("    paths: [srv/wiki]\n"), "6:13",
             "services.wiki.paths[1]: must be an absolute path");
}

TEST_CASE("A path with .. is an error") {
  CheckError(WithService("    paths: [/srv/a, /srv/wiki/../x]\n"), "6:21", "\"..\"");
}

TEST_CASE("The root directory as a path is an error") {
  CheckError(WithService("    paths: [/]\n"), "6:13", "root directory");
  CheckError(WithService("    paths: [/./]\n"), "6:13", "root directory");
}

TEST_CASE("Paths that overlap are an error") {
  CheckError(WithService("    paths: [/srv/wiki, /srv/wiki/data]\n"), "6:24", "overlap");
  CheckError(WithService("    paths: [/srv/wiki, /srv/wiki/]\n"), "6:24", "overlap");
  CHECK(ServiceOf("    paths: [/srv/wiki, /srv/wiki2]\n").paths.size() == 2);
}

TEST_CASE("A list of no paths is an error") {
  CheckError(WithService("    paths: []\n"), "6:12", "names no path");
}

TEST_CASE("An unknown kind of control is an error that suggests the nearest") {
  CheckError(WithService("    control: composer\n"), "6:14", "did you mean `compose`?");
}

TEST_CASE("Units without systemd are an error") {
  CheckError(WithService("    units: [named]\n"), "6:5", "write `control: systemd`");
  CheckError(WithService("    control: compose\n    units: [named]\n"), "7:5",
             "means nothing with `control: compose`");
}

TEST_CASE("A project without compose is an error") {
  CheckError(WithService("    control: none\n    project: wiki\n"), "7:5", "remove it");
}

TEST_CASE("Commands without control: commands are an error") {
  CheckError(WithService("    start: x\n"), "6:5", "write `control: commands`");
}

TEST_CASE("Time-outs of what is never stopped are an error") {
  CheckError(WithService("    control: none\n    stop_timeout: 5s\n"), "7:5", "means nothing");
}

TEST_CASE("Systemd without units is an error") {
  CheckError(WithService("    control: systemd\n"), "6:14", "needs `units:`");
  CheckError(WithService("    control: systemd\n    units: []\n"), "7:12", "names no unit");
}

TEST_CASE("A start command without a stop command, or the other way round, is an error") {
  CheckError(WithService("    control: commands\n    start: x\n"), "6:14", "needs `stop:`");
  CheckError(WithService("    control: commands\n    stop: x\n"), "6:14", "needs `start:`");
}

TEST_CASE("A unit that systemd could not have is an error") {
  for (const std::string unit : {"-x", "a b", "a/b", "'*.service'", ".service", "a;b"}) {
    CheckError(WithService("    control: systemd\n    units: [" + unit + "]\n"), "7:13",
               "is no systemd unit");
  }
}

TEST_CASE("A unit named twice is an error") {
  CheckError(WithService("    control: systemd\n    units: [named, named.service]\n"), "7:20",
             "listed already");
}

TEST_CASE("A project that compose could not have is an error") {
  for (const std::string project : {"Wiki", "-wiki", "wi.ki", "w iki", "$(id)"}) {
    CheckError(WithService("    project: " + project + "\n"), "6:14", "is no compose project");
  }
}

TEST_CASE("A service whose name is no compose project must name its project") {
  const std::string service = "repository: /b\nhosts: {a: {}}\nservices:\n  Wiki: {host: a";
  CheckError(service + "}\n", "4:3", "add `project:`");
  CHECK(ParseConfig(service + ", project: wiki}\n", "c.yaml").has_value());
  CHECK(ParseConfig(service + ", control: none}\n", "c.yaml").has_value());
}

TEST_CASE("A service whose name ends like a date is listed under its own name") {
  for (const std::string name : {"wiki-2022", "wiki-2022-11", "wiki-20221105", "wiki-2022-11-05",
                                 "wiki-20221105T03", "wiki-202211050300"}) {
    CAPTURE(name);
    const auto config = ValueOf(ParseConfig(
        "repository: /b\nhosts: {a: {}}\nservices:\n  " + name + ": {host: a, control: none}\n",
        "c.yaml"));
    REQUIRE(config.services.size() == 1);
    CHECK(config.services[0].name == name);
    for (const int64_t seconds : {int64_t{0}, int64_t{1667617200}, int64_t{1795744800}}) {
      const auto listed = ParseArchiveName(MakeArchiveName(name, seconds), 0);
      REQUIRE(listed.has_value());
      CHECK(listed->service == name);
      CHECK(listed->seconds == seconds);
    }
  }
}

TEST_CASE("A mode of later versions is an error that says so") {
  CheckError(WithService("    mode: snapshot\n"), "6:11",
             "this version archives with `mode: stop`, `precopy`, `pause` or `live` only, not yet "
             "with snapshot");
}

TEST_CASE("Every mode is known, and the default is precopy for containers, stop for others") {
  CHECK(ServiceOf("").mode == Mode::kPrecopy);
  CHECK_FALSE(ServiceOf("").mode_chosen);
  CHECK(ServiceOf("    control: commands\n    stop: s\n    start: s\n").mode == Mode::kStop);
  CHECK(ServiceOf("    mode: stop\n").mode == Mode::kStop);
  CHECK(ServiceOf("    mode: precopy\n").mode == Mode::kPrecopy);
  CHECK(ServiceOf("    mode: precopy\n").mode_chosen);
  CHECK(ServiceOf("    mode: pause\n").mode == Mode::kPause);
  CHECK(ServiceOf("    mode: live\n").mode == Mode::kLive);
}

TEST_CASE("Nothing but containers can be paused") {
  for (const std::string control : {"none", "systemd", "commands"}) {
    CheckError(WithService("    control: " + control + "\n    mode: pause\n" +
                           (control == "systemd" ? "    units: [named]\n" : "") +
                           (control == "commands" ? "    stop: a\n    start: b\n" : "")),
               "7:11", "wiki.mode: only containers can be paused");
  }
}

TEST_CASE("What bounds a downtime means nothing where nothing is stopped") {
  for (const std::string key :
       {"max_downtime: 5m", "stall_timeout: 1m", "guard: 20s", "guard: none"}) {
    CheckError(WithService("    mode: live\n    " + key + "\n"), "7:5",
               "means nothing with `mode: live`");
    CHECK(ParseConfig(WithService("    mode: pause\n    " + key + "\n"), "c.yaml").has_value());
  }
}

TEST_CASE("An unknown mode is an error") {
  CheckError(WithService("    mode: stpo\n"), "6:11", "did you mean `stop`?");
}

TEST_CASE("An impossible duration is an error") {
  CheckError(WithService("    stop_timeout: -5s\n"), "6:19", "must not be negative");
  CheckError(WithService("    stop_timeout: 0\n"), "6:19", "at least 1s");
  CheckError(WithService("    stop_timeout: 5x\n"), "6:19", "such as 30s, 5m, 2h or 1d");
  CheckError(WithService("    stop_timeout: 1.5h\n"), "6:19", "such as 30s");
  CheckError(WithService("    stop_timeout: soon\n"), "6:19", "such as 30s");
  CheckError(WithService("    stop_timeout: 400d\n"), "6:19", "longer than 365 days");
  CheckError(WithService("    stop_timeout: 99999999999999999999s\n"), "6:19", "longer than");
}

TEST_CASE("An exclude pattern that cannot match is an error") {
  CheckError(WithService("    exclude: [/srv/wiki/cache]\n"), "6:15", "must be relative");
  CheckError(WithService("    exclude: [./cache]\n"), "6:15", "matches nothing");
  CheckError(WithService("    exclude: [a, ../b]\n"), "6:18", "matches nothing");
  CheckError(WithService("    exclude: ['a\\']\n"), "6:15", "ends in a backslash");
  CHECK(ServiceOf("    exclude: []\n").exclude.empty());
}

TEST_CASE("A retention that keeps nothing is an error") {
  CheckError(WithService("    keep: {last: 0}\n"), "6:11", "keeps no archive");
  CheckError(WithService("    keep: {daily: -1}\n"), "6:19", "from 0 to 10000");
}

TEST_CASE("An offsite rule other than never is an error") {
  CheckError(WithService("    offsite: nevr\n"), "6:14", "must be never");
}

TEST_CASE("An overlong value is an error that shows its beginning") {
  CheckError("repository: " + std::string(5000, 'x') + "\n", "1:13", "longer than 4096 bytes");
  const auto message = ErrorOf("repository: " + std::string(1000, 'x') + "\n");
  CHECK(message.size() < 200);
}

TEST_CASE("A configuration cut short at any byte is read or refused, never worse") {
  const std::string whole = WithService(
      "    paths: [\"/srv/\xc3\xa8\", /etc/wiki]\n    stop_timeout: 5m\n    keep: {last: 3}\n");
  size_t read = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const auto config = ParseConfig(whole.substr(0, size), "c.yaml");
    if (!config) {
      CHECK(config.error().message.starts_with("c.yaml:"));
      continue;
    }
    ++read;
    CHECK(std::string("/srv/backups").starts_with(config->repository.string()));
    CHECK(config->services.size() <= 1);
    for (const auto& service : config->services) CHECK(service.host == "atena");
  }
  CHECK(read > 0);
  CHECK(read < whole.size());
}

}  // namespace orcio
