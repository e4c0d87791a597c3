#include "archiver/tar/remote_tar.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/tar_tree.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

namespace fs = std::filesystem;
using test::LocalHost;
using test::MustRun;
using test::MustRunShell;
using test::RunTar;
using test::ScratchDirectory;

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

RemoteTar Gnu() {
  LocalHost host;
  return ValueOf(DetectRemoteTar(host, {}));
}

RemoteTar Busybox() {
  RemoteTar tar;
  tar.kind = RemoteTar::Kind::kBusybox;
  tar.program = "busybox tar";
  return tar;
}

ServiceConfig Service(const std::vector<std::string>& paths,
                      const std::vector<std::string>& exclude = {}) {
  ServiceConfig service;
  service.name = "wiki";
  service.host = "localhost";
  service.paths = paths;
  service.exclude = exclude;
  return service;
}

// A PATH of its own, with `head` and the programs linked there.
class Programs {
 public:
  Programs() { Link("head", "head"); }
  void Link(const std::string& name, const std::string& program) {
    auto found = MustRun({"/bin/sh", "-c", "command -v " + program});
    found.pop_back();
    fs::create_symlink(found, directory_ / name);
  }
  void Script(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << "#!/bin/sh\n" << text;
    ::chmod((directory_ / name).c_str(), 0755);
  }
  [[nodiscard]] LocalHost Host() const {
    return LocalHost("atena", {{"PATH", directory_.path().string()}});
  }

 private:
  ScratchDirectory directory_;
};

// A directory of files of 300 KB each: while tar's output is not read, it is held up in the first.
class BigFiles {
 public:
  static constexpr int kFiles = 12;
  BigFiles() {
    fs::create_directories(path());
    for (int i = 0; i < kFiles; ++i) std::ofstream(File(i)) << std::string(300'000, 'x');
  }
  [[nodiscard]] std::string path() const { return (directory_ / "wiki/files").string(); }
  [[nodiscard]] std::string service_path() const { return (directory_ / "wiki").string(); }
  [[nodiscard]] std::string File(int i) const { return path() + "/" + std::to_string(i); }
  [[nodiscard]] std::string other() const { return (directory_ / "other").string(); }

 private:
  ScratchDirectory directory_;
};

void Extract(const std::string& tar, const fs::path& into) {
  fs::create_directories(into);
  test::CommandOptions options;
  options.input = tar;
  MustRun({"tar", "--extract", "--file=-", "--numeric-owner", "--preserve-permissions", "--xattrs",
           "--xattrs-include=*", "--acls", "--directory=" + into.string()},
          options);
}

// The names in a tar, below `path`, sorted; "." for the path itself.
std::vector<std::string> NamesIn(const std::string& tar, const std::string& path) {
  ScratchDirectory scratch;
  Extract(tar, scratch.path());
  std::vector<std::string> names;
  const fs::path root = scratch / path.substr(1);
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    names.push_back(entry.path().lexically_relative(root).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void MakeFiles(const fs::path& root, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << name;
  }
}

const std::vector<std::string>& HostileNames() {
  static const std::vector<std::string> names = {"-rf",
                                                 "--checkpoint-action=exec=touch pwned",
                                                 "$(touch pwned)",
                                                 "`touch pwned`",
                                                 "it's",
                                                 "\"quoted\"",
                                                 "two  words",
                                                 "new\nline",
                                                 "back\\slash",
                                                 "a\\nb",
                                                 "*",
                                                 "[x]",
                                                 "a?",
                                                 "\xff\xfe",
                                                 "\x1b[31m",
                                                 "caff\xc3\xa8",
                                                 "a;b&c|d>e",
                                                 "~",
                                                 "#x",
                                                 " ",
                                                 "tar: x: socket ignored"};
  return names;
}

// Whether a tar of the service's path, extracted, is what was there.
void CheckRoundTrip(const RemoteTar& tar, const std::string& path) {
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(tar, Service({path})));
  INFO(run.result.err);
  REQUIRE(run.result.exit_status == 0);
  ScratchDirectory out;
  Extract(run.tar, out.path());
  CHECK(test::DescribeTree(out.path().string() + path) == test::DescribeTree(path));
}

}  // namespace

// Finding it.

TEST_CASE("This machine's GNU tar is found, with what it can do") {
  const auto tar = Gnu();
  CHECK(tar.kind == RemoteTar::Kind::kGnu);
  CHECK(tar.program == "tar");
  CHECK(Holds(tar.description, "GNU tar"));
  CHECK(tar.xattrs);
  CHECK(tar.acls);
  CHECK(tar.Losses().empty());
}

TEST_CASE("A GNU tar called gtar is found beside another tar") {
  Programs programs;
  programs.Link("tar", "bsdtar");
  programs.Link("gtar", "tar");
  auto host = programs.Host();
  CHECK(ValueOf(DetectRemoteTar(host, {})).program == "gtar");
}

TEST_CASE("A busybox that is the host's tar is found") {
  Programs programs;
  programs.Link("tar", "busybox");
  auto host = programs.Host();
  const auto tar = ValueOf(DetectRemoteTar(host, {}));
  CHECK(tar.kind == RemoteTar::Kind::kBusybox);
  CHECK(tar.program == "tar");
  CHECK(Holds(tar.description, "BusyBox v"));
}

TEST_CASE("A busybox without a link called tar is found") {
  Programs programs;
  programs.Link("busybox", "busybox");
  auto host = programs.Host();
  const auto tar = ValueOf(DetectRemoteTar(host, {}));
  CHECK(tar.program == "busybox tar");
  CHECK(Holds(tar.Losses(), "install GNU tar"));
}

TEST_CASE("A host with a tar of another kind is refused, with what to install") {
  Programs programs;
  programs.Link("tar", "bsdtar");
  auto host = programs.Host();
  const auto tar = DetectRemoteTar(host, {});
  REQUIRE_FALSE(tar.has_value());
  CHECK(tar.error().kind == ErrorKind::kRemote);
  CHECK(Holds(tar.error().message, "atena: "));
  CHECK(Holds(tar.error().message, "bsdtar"));
  CHECK(Holds(tar.error().message, "install GNU tar"));
}

TEST_CASE("A host without any tar is refused") {
  auto host = Programs().Host();
  const auto tar = DetectRemoteTar(host, {});
  REQUIRE_FALSE(tar.has_value());
  CHECK(Holds(tar.error().message, "install GNU tar"));
}

TEST_CASE("A GNU tar built without ACLs is known as such") {
  Programs programs;
  programs.Script("tar",
                  "case \"$*\" in *--acls*) echo 'tar: POSIX ACL support is not available' >&2;; "
                  "esac\nexec /bin/tar \"$@\"\n");
  auto host = programs.Host();
  const auto tar = ValueOf(DetectRemoteTar(host, {}));
  CHECK(tar.kind == RemoteTar::Kind::kGnu);
  CHECK(tar.xattrs);
  CHECK_FALSE(tar.acls);
  CHECK(Holds(tar.Losses(), "ACLs"));
  CHECK_FALSE(Holds(MakeTarCommand(tar, Service({"/srv/wiki"})), "acls"));
}

TEST_CASE("A GNU tar too old to know extended attributes is known as such") {
  Programs programs;
  programs.Script(
      "tar",
      "case \"$*\" in *--xattrs*|*--acls*) echo 'tar: unrecognized option' >&2; exit 64;;"
      " esac\nexec /bin/tar \"$@\"\n");
  auto host = programs.Host();
  const auto tar = ValueOf(DetectRemoteTar(host, {}));
  CHECK_FALSE(tar.xattrs);
  CHECK_FALSE(Holds(MakeTarCommand(tar, Service({"/srv/wiki"})), "xattrs"));
}

TEST_CASE("What a login script prints does not disturb") {
  class Chatty : public LocalHost {
   public:
    Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                              const std::stop_token& stop) override {
      return LocalHost::Run("echo Welcome to atena; echo >&2 mail; " + command + "\necho bye",
                            options, stop);
    }
  } host;
  CHECK(ValueOf(DetectRemoteTar(host, {})).program == "tar");
  REQUIRE_OK(CheckRemotePaths(host, Service({"/usr"}), {}));
}

TEST_CASE("A sudo that wants a password is named while looking for tar") {
  class Refusing : public LocalHost {
   public:
    Result<CommandResult> Run(const std::string&, const RunOptions& options,
                              const std::stop_token& stop) override {
      return LocalHost::Run("echo 'sudo: a password is required' >&2; exit 1", options, stop);
    }
  } host;
  const auto tar = DetectRemoteTar(host, {});
  REQUIRE_FALSE(tar.has_value());
  CHECK(Holds(tar.error().message, "NOPASSWD"));
}

TEST_CASE("A busybox tar is refused before the stop where files are to be left out") {
  const auto fits = CheckRemoteTar(Busybox(), Service({"/srv/wiki"}, {"cache"}));
  REQUIRE_FALSE(fits.has_value());
  CHECK(fits.error().kind == ErrorKind::kUnsupported);
  CHECK(CheckRemoteTar(Busybox(), Service({"/srv/wiki"})).has_value());
  CHECK(CheckRemoteTar(Gnu(), Service({"/srv/wiki"}, {"cache"})).has_value());
}

TEST_CASE("A command longer than a host takes is refused before the stop") {
  std::vector<std::string> patterns(1000, std::string(100, 'x'));
  const auto fits = CheckRemoteTar(Gnu(), Service({"/srv/wiki"}, patterns));
  REQUIRE_FALSE(fits.has_value());
  CHECK(fits.error().kind == ErrorKind::kLimit);
}

// Paths.

TEST_CASE("Paths that are there pass, whatever their names") {
  ScratchDirectory scratch;
  MakeFiles(scratch.path(), HostileNames());
  std::vector<std::string> paths;
  for (const auto& name : HostileNames()) paths.push_back((scratch / name).string());
  LocalHost host;
  REQUIRE_OK(CheckRemotePaths(host, Service(paths), {}));
  CHECK(host.commands().size() == 1);
}

TEST_CASE("Every path that is not there is named, and only those") {
  LocalHost host;
  const auto checked =
      CheckRemotePaths(host, Service({"/usr", "/nonexistent/a b", "/etc", "/nonexistent/c"}), {});
  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().kind == ErrorKind::kRemote);
  const auto& message = checked.error().message;
  CHECK(message.starts_with("localhost: wiki: "));
  CHECK(Holds(message, "/nonexistent/a b is not there"));
  CHECK(Holds(message, "/nonexistent/c is not there"));
  CHECK_FALSE(Holds(message, "/usr"));
}

TEST_CASE("A path that is a symbolic link is refused, dangling or not") {
  ScratchDirectory scratch;
  fs::create_symlink("/usr", scratch / "link");
  fs::create_symlink("/nonexistent", scratch / "dangling");
  LocalHost host;
  for (const std::string name : {"link", "dangling"}) {
    const auto checked = CheckRemotePaths(host, Service({(scratch / name).string()}), {});
    REQUIRE_FALSE(checked.has_value());
    CHECK(Holds(checked.error().message, name + " is a symbolic link"));
  }
}

TEST_CASE("A path that the login user may not read is refused, with what would help") {
  ScratchDirectory scratch;
  fs::create_directory(scratch / "closed");
  ::chmod(scratch.path().c_str(), 0755);
  ::chmod((scratch / "closed").c_str(), 0);
  test::UnprivilegedHost host;
  const auto checked = CheckRemotePaths(host, Service({(scratch / "closed").string()}), {});
  REQUIRE_FALSE(checked.has_value());
  CHECK(Holds(checked.error().message, "closed may not be read"));
  CHECK(Holds(checked.error().message, "sudo: true"));
}

// `[ -e ]` does not tell one from the other: such a path was said not to be there.
TEST_CASE("A path below a directory that may not be entered is not said to be missing") {
  ScratchDirectory scratch;
  fs::create_directories(scratch / "closed/deep/wiki");
  ::chmod(scratch.path().c_str(), 0755);
  ::chmod((scratch / "closed").c_str(), 0700);
  test::UnprivilegedHost host;
  for (const std::string name : {"closed/deep/wiki", "closed/deep", "closed/nothing"}) {
    const auto checked = CheckRemotePaths(host, Service({(scratch / name).string()}), {});
    REQUIRE_FALSE(checked.has_value());
    CAPTURE(checked.error().message);
    CHECK(Holds(checked.error().message, name + " may not be looked at"));
    CHECK(Holds(checked.error().message, "sudo: true"));
    CHECK_FALSE(Holds(checked.error().message, "is not there"));
  }
  const auto missing = CheckRemotePaths(host, Service({(scratch / "nothing/at/all").string()}), {});
  REQUIRE_FALSE(missing.has_value());
  CHECK(Holds(missing.error().message, "is not there"));
}

TEST_CASE("A path that cannot be looked at for another reason says which") {
  ScratchDirectory scratch;
  const std::string path = scratch / ("closed/" + std::string(300, 'x'));
  fs::create_directory(scratch / "closed");
  LocalHost host;
  const auto checked = CheckRemotePaths(host, Service({path}), {});
  REQUIRE_FALSE(checked.has_value());
  CHECK(Holds(checked.error().message, "cannot be looked at: File name too long"));
}

// What GNU tar keeps.

TEST_CASE("Hostile names come home as they are") {
  ScratchDirectory scratch;
  MakeFiles(scratch / "wiki", HostileNames());
  CheckRoundTrip(Gnu(), (scratch / "wiki").string());
  CHECK_FALSE(fs::exists("pwned"));
}

TEST_CASE("Paths with hostile names are archived, and no other") {
  ScratchDirectory scratch;
  MakeFiles(scratch.path(), {"a/decoy", "nb/decoy", "x/decoy"});
  for (const auto& name : HostileNames()) {
    MakeFiles(scratch / name, {"file"});
    LocalHost host;
    const auto path = (scratch / name).string();
    const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({path}, {"nothing/*"})));
    CHECK(run.result.exit_status == 0);
    CHECK(NamesIn(run.tar, path) == std::vector<std::string>{"file"});
  }
}

TEST_CASE("Times to the nanosecond, modes, owners, attributes, ACLs, links and FIFOs are kept") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  MakeFiles(path, {"file", "whole", "dir/deep"});
  MustRunShell("cd " + path + R"(
    touch -d '2001-02-03 04:05:06.123456789' file dir
    touch -d '1969-12-31 23:59:58.5' dir/deep
    touch -d '2020-01-01 00:00:00' whole
    chmod 4755 file; chmod 1777 dir
    setfattr -n user.colour -v red file
    setfacl -m u:1234:r file
    setfacl -d -m g:1234:rx dir
    ln file dir/hard
    ln -s ../file dir/soft
    mkfifo dir/fifo
    touch dir/$(printf '%0200d' 7)
    mkdir -p long/$(printf '%0200d' 1)/$(printf '%0200d' 2); (cd long/*/*; touch $(printf '%0200d' 3))
    if [ $(id -u) = 0 ]; then chown 1234:2345 whole; chown -h 3456:4567 dir/soft; setfattr -n trusted.x -v y dir; fi
  )");
  CheckRoundTrip(Gnu(), path);
}

TEST_CASE("The holes of a sparse file are not sent") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  fs::create_directory(path);
  MustRunShell("cd " + path + "; truncate -s 64M disk; echo end >>disk");
  LocalHost host;
  CHECK(RunTar(host, MakeTarCommand(Gnu(), Service({path}))).tar.size() < (size_t{1} << 20));
  CheckRoundTrip(Gnu(), path);
}

TEST_CASE("The same files make the same tar, byte by byte") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  MakeFiles(path, {"a", "b/c"});
  LocalHost host;
  const auto command = MakeTarCommand(Gnu(), Service({path}));
  const auto first = RunTar(host, command).tar;
  MustRunShell("cat " + path + "/a; chmod 600 " + path + "/a; chmod 644 " + path + "/a");
  CHECK(RunTar(host, command).tar == first);
}

TEST_CASE("The numbers in an ACL are sent, whatever the host calls its users") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  MakeFiles(path, {"a"});
  MustRunShell("setfacl -m u:daemon:r " + path + "/a");
  LocalHost host;
  const auto tar = RunTar(host, MakeTarCommand(Gnu(), Service({path}))).tar;
  CHECK(Holds(tar, "SCHILY.acl.access"));
  // Little-endian, as the kernel has it: ACL_USER (2), readable (4), user 1, which is daemon.
  CHECK(Holds(tar, "SCHILY.xattr.system.posix_acl_access="));
  CHECK(Holds(tar, std::string("\2\0\4\0\1\0\0\0", 8)));
}

TEST_CASE("The host's TAR_OPTIONS and locale change nothing") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  MakeFiles(path, {"a"});
  LocalHost host("atena", {{"TAR_OPTIONS", "--exclude=*"}, {"LC_ALL", "it_IT.UTF-8"}});
  const auto tar = ValueOf(DetectRemoteTar(host, {}));
  CHECK(tar.acls);
  const auto run = RunTar(host, MakeTarCommand(tar, Service({path})));
  CHECK(NamesIn(run.tar, path) == std::vector<std::string>{"a"});
}

// Leaving files out.

TEST_CASE("Patterns leave files out relative to each path, wherever stars lead") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  MakeFiles(path, {"cache/x", "cache/.hidden", "cache/sub/y", "a/cache/z", "one.tmp", "a/two.tmp",
                   "wiki/cache/w", "cached"});
  const auto left = [&](const std::vector<std::string>& patterns) {
    LocalHost host;
    const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({path}, patterns)));
    CHECK(run.result.exit_status == 0);
    std::string joined;
    for (const auto& name : NamesIn(run.tar, path)) {
      if (!fs::is_directory(path + "/" + name)) joined += name + " ";
    }
    return joined;
  };
  CHECK(left({"cache/*"}) == "a/cache/z a/two.tmp cached one.tmp wiki/cache/w ");
  CHECK(left({"cache"}) == "a/cache/z a/two.tmp cached one.tmp wiki/cache/w ");
  CHECK(left({"*.tmp"}) == "a/cache/z cache/.hidden cache/sub/y cache/x cached wiki/cache/w ");
  CHECK(left({"*/cache", "cache"}) == "a/two.tmp cached one.tmp ");
  CHECK(left({"[!a-b]*"}) == "a/cache/z a/two.tmp ");
}

TEST_CASE("A directory whose content is left out stays itself") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  MakeFiles(path, {"cache/x"});
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({path}, {"cache/*"})));
  CHECK(NamesIn(run.tar, path) == std::vector<std::string>{"cache"});
}

TEST_CASE("A path full of pattern characters is taken literally when leaving out") {
  ScratchDirectory scratch;
  const auto path = (scratch / "w[i]k*i\\x?").string();
  MakeFiles(path, {"cache/x", "keep"});
  MakeFiles(scratch / "wikXi\\xy", {"cache/x"});
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({path}, {"cache"})));
  CHECK(NamesIn(run.tar, path) == std::vector<std::string>{"keep"});
}

// Files that move while tar reads.

TEST_CASE("Files that vanish while GNU tar reads are warnings") {
  BigFiles files;
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({files.service_path()})), [&] {
    for (int i = 0; i < BigFiles::kFiles; ++i) fs::remove(files.File(i));
  });
  INFO(run.result.err);
  const auto warnings = ValueOf(JudgeTar(Gnu(), run.result));
  // All but the one that tar had open; that one, and its directory, changed.
  CHECK(std::count_if(warnings.begin(), warnings.end(), [](const auto& warning) {
          return Holds(warning, "File removed before we read it");
        }) == BigFiles::kFiles - 1);
}

TEST_CASE("A directory that vanishes while GNU tar reads is a warning") {
  BigFiles files;
  MakeFiles(files.service_path(), {"files/sub1/a", "files/sub2/b/c", "zdir/x"});
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({files.service_path()})), [&] {
    fs::remove_all(files.service_path() + "/zdir");
    fs::remove_all(files.path());
  });
  INFO(run.result.err);
  CHECK_FALSE(ValueOf(JudgeTar(Gnu(), run.result)).empty());
}

TEST_CASE("A file that shrinks while GNU tar reads it is a warning") {
  BigFiles files;
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({files.service_path()})), [&] {
    for (int i = 0; i < BigFiles::kFiles; ++i) fs::resize_file(files.File(i), 10);
  });
  INFO(run.result.err);
  const auto warnings = ValueOf(JudgeTar(Gnu(), run.result));
  CHECK(std::count_if(warnings.begin(), warnings.end(),
                      [](const auto& warning) { return Holds(warning, "File shrank by"); }) == 1);
}

TEST_CASE("A file that grows while GNU tar reads it is a warning") {
  BigFiles files;
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({files.service_path()})), [&] {
    for (int i = 0; i < BigFiles::kFiles; ++i) fs::resize_file(files.File(i), 400'000);
  });
  INFO(run.result.err);
  const auto warnings = ValueOf(JudgeTar(Gnu(), run.result));
  REQUIRE(warnings.size() == 1);
  CHECK(Holds(warnings[0], "file changed as we read it"));
}

TEST_CASE("A path of the service that vanishes while GNU tar reads is an error") {
  BigFiles files;
  MakeFiles(files.other(), {"a"});
  LocalHost host;
  const auto run =
      RunTar(host, MakeTarCommand(Gnu(), Service({files.service_path(), files.other()})),
             [&] { fs::remove_all(files.other()); });
  const auto judged = JudgeTar(Gnu(), run.result);
  REQUIRE_FALSE(judged.has_value());
  CHECK(Holds(judged.error().message, files.other().substr(1) + ": Cannot stat"));
}

TEST_CASE("A file that GNU tar may not read is an error") {
  BigFiles files;
  const fs::path root = fs::path(files.service_path()).parent_path();
  ::chmod(root.c_str(), 0755);
  ::chmod(files.File(3).c_str(), 0);
  test::UnprivilegedHost host;
  const auto run = RunTar(host, MakeTarCommand(Gnu(), Service({files.service_path()})));
  const auto judged = JudgeTar(Gnu(), run.result);
  REQUIRE_FALSE(judged.has_value());
  CHECK(
      Holds(judged.error().message, files.File(3).substr(1) + ": Cannot open: Permission denied"));
  CHECK(Holds(judged.error().message, "sudo: true"));
}

TEST_CASE("A socket is left out without a word by either tar") {
  ScratchDirectory scratch;
  const auto path = (scratch / "wiki").string();
  MakeFiles(path, {"a"});
  MustRun({"python3", "-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
           path + "/s"});
  LocalHost host;
  const auto gnu = RunTar(host, MakeTarCommand(Gnu(), Service({path})));
  CHECK(ValueOf(JudgeTar(Gnu(), gnu.result)).empty());
  const auto busybox = RunTar(host, MakeTarCommand(Busybox(), Service({path})));
  CHECK(ValueOf(JudgeTar(Busybox(), busybox.result)).empty());
}

TEST_CASE("The command exits as tar does") {
  LocalHost host;
  const auto missing = Service({"/nonexistent/wiki"});
  CHECK(RunTar(host, MakeTarCommand(Gnu(), missing)).result.exit_status == 2);
  CHECK_FALSE(JudgeTar(Gnu(), RunTar(host, MakeTarCommand(Gnu(), missing)).result).has_value());
}

// busybox tar.

TEST_CASE("busybox tar keeps contents, modes, owners, links and long names, whatever the names") {
  ScratchDirectory scratch;
  const auto path = (scratch / "-w $(touch pwned)").string();
  MakeFiles(path, HostileNames());
  test::CommandOptions there;
  there.directory = path;
  MustRunShell(R"(
    chmod 4755 -- -rf
    mkdir -p long/$(printf '%0200d' 1)/$(printf '%0200d' 2); (cd long/*/*; touch $(printf '%0200d' 3))
    ln -- -rf hard; ln -s hard soft; mkfifo fifo
    find . -print0 | xargs -0 touch -h -d '2020-01-01 00:00:00'
  )",
               there);
  CheckRoundTrip(Busybox(), path);
}

TEST_CASE("Files that vanish while busybox tar reads are warnings") {
  BigFiles files;
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Busybox(), Service({files.service_path()})), [&] {
    for (int i = 0; i < BigFiles::kFiles; ++i) fs::remove(files.File(i));
  });
  INFO(run.result.err);
  CHECK(ValueOf(JudgeTar(Busybox(), run.result)).size() == BigFiles::kFiles - 1);
}

TEST_CASE("A file that shrinks under busybox tar ends it, which is an error") {
  BigFiles files;
  LocalHost host;
  const auto run = RunTar(host, MakeTarCommand(Busybox(), Service({files.service_path()})), [&] {
    for (int i = 0; i < BigFiles::kFiles; ++i) fs::resize_file(files.File(i), 10);
  });
  const auto judged = JudgeTar(Busybox(), run.result);
  REQUIRE_FALSE(judged.has_value());
  CHECK(Holds(judged.error().message, "short read"));
}

TEST_CASE("A file that busybox tar may not read is an error") {
  BigFiles files;
  ::chmod(fs::path(files.service_path()).parent_path().c_str(), 0755);
  ::chmod(files.File(3).c_str(), 0);
  test::UnprivilegedHost host;
  const auto run = RunTar(host, MakeTarCommand(Busybox(), Service({files.service_path()})));
  const auto judged = JudgeTar(Busybox(), run.result);
  REQUIRE_FALSE(judged.has_value());
  CHECK(Holds(judged.error().message, "Permission denied"));
}

TEST_CASE("A path that is not there is an error for busybox tar") {
  LocalHost host;
  const auto run =
      RunTar(host, MakeTarCommand(Busybox(), Service({"/usr/bin/env", "/nonexistent"})));
  CHECK(run.tar.empty());
  CHECK_FALSE(JudgeTar(Busybox(), run.result).has_value());
}

}  // namespace orcio
