#include "archiver/tar/remote_tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "archiver/tar/tar_pattern.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// Of one argument of a command, Linux takes 128 KiB; sudo's quoting makes it longer.
constexpr size_t kMaxCommand = size_t{60} << 10;

// Two blocks of zeros, and no more: made sure of by whoever lists files (remote_listing.h).
constexpr size_t kBusyboxTrailer = 1024;

constexpr std::string_view kTarMark = "orcio-tar: ";
constexpr std::string_view kPathMark = "orcio-path: ";

// Prints "orcio-tar: KIND XATTRS ACLS PROGRAM" and then "orcio-tar: VERSION"; marked, since login
// scripts print too. A GNU tar built without xattrs or ACLs takes the options and warns; one that
// is too old for them fails.
constexpr std::string_view kDetectTar = R"sh(LC_ALL=C; export LC_ALL; unset TAR_OPTIONS
works() {
  if said=$("$@" -c -f /dev/null -T /dev/null 2>&1 </dev/null) && [ -z "$said" ]
  then echo 1; else echo 0; fi
}
for tar in tar gtar; do
  version=$($tar --version 2>/dev/null </dev/null | head -n 1)
  case $version in *'GNU tar'*)
    xattrs=$(works $tar --xattrs '--xattrs-include=*' --xattrs-exclude=x)
    acls=$(works $tar --acls)
    printf 'orcio-tar: gnu %s %s %s\norcio-tar: %s\n' "$xattrs" "$acls" "$tar" "$version"
    exit 0;;
  esac
done
for tar in tar 'busybox tar'; do
  version=$($tar --help 2>&1 </dev/null | head -n 1)
  case $version in *BusyBox*)
    printf 'orcio-tar: busybox 0 0 %s\norcio-tar: %s\n' "$tar" "$version"
    exit 0;;
  esac
done
printf 'orcio-tar: none\norcio-tar: %s\n' "$(tar --version 2>&1 </dev/null | head -n 1)"
)sh";

// What it may find: the word becomes part of a command, and is not taken on trust.
constexpr std::array<std::string_view, 3> kPrograms{"tar", "gtar", "busybox tar"};

// `[ -e ]` fails for whatever may not be looked at, too, and for a mount whose server is gone: ls
// says which.
constexpr std::string_view kCheckPath = R"sh(  n=$((n + 1))
  if [ -L "$path" ]; then echo "orcio-path: link $n"
  elif [ ! -e "$path" ]; then
    why=$(LC_ALL=C ls -d -- "$path" 2>&1 | tail -n 1)
    case $why in
    *': No such file or directory' | *': Not a directory') echo "orcio-path: missing $n" ;;
    *) echo "orcio-path: hidden $n ${why##*: }" ;;
    esac
  elif [ ! -r "$path" ] || { [ -d "$path" ] && [ ! -x "$path" ]; }; then
    echo "orcio-path: closed $n"
  fi
done
echo "orcio-path: end $n"
)sh";

// What follows `mark` in the lines that start with it.
std::vector<std::string> MarkedLines(std::string_view output, std::string_view mark) {
  std::vector<std::string> marked;
  for (const auto& line : Lines(output)) {
    if (line.starts_with(mark)) marked.push_back(line.substr(mark.size()));
  }
  return marked;
}

// A path as tar gets it, from '/' on.
std::string_view Relative(const std::string& path) {
  return std::string_view(path).substr(1);
}

std::vector<std::string> GnuOptions(const RemoteTar& tar) {
  std::vector<std::string> options = {
      "--create", "--file=-",
      // Messages are judged line by line: names must come without newlines.
      "--quoting-style=escape",
      // A backslash in a path is a backslash.
      "--no-unquote", "--directory=/",
      // 64 KiB at a time, what a pipe holds: a third less system time than tar's 10 KiB.
      "--blocking-factor=128", "--format=posix", "--numeric-owner", "--sparse",
      // Access times change by being read and neither time can be restored; %p, a process id,
      // would make each run's headers different.
      "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"};
  if (tar.acls) options.push_back("--acls");
  if (tar.xattrs) {
    // ACLs are among them. --acls alone names users as the host knows them, --numeric-owner or not
    // (tried on GNU tar 1.34); the attribute has the numbers. It stays beside it for whoever
    // extracts without --xattrs.
    options.insert(options.end(), {"--xattrs", "--xattrs-include=*"});
  }
  return options;
}

std::string GnuCommand(const RemoteTar& tar, const ServiceConfig& service) {
  auto words = GnuOptions(tar);
  if (!service.exclude.empty()) {
    words.insert(words.end(), {"--anchored", "--wildcards", "--wildcards-match-slash"});
  }
  for (const auto& path : service.paths) {
    for (const auto& pattern : service.exclude) {
      words.push_back("--exclude=" + EscapeTarPattern(Relative(path)) + "/" + pattern);
    }
  }
  words.emplace_back("--");
  for (const auto& path : service.paths) words.emplace_back(Relative(path));
  return "LC_ALL=C TAR_OPTIONS= " + tar.program + " " + ShellCommand(words);
}

// busybox tar says the same of a path that is not there as of a file that vanished: the paths are
// looked at once more right before it.
std::string BusyboxCommand(const RemoteTar& tar, const ServiceConfig& service) {
  std::string paths;
  for (const auto& path : service.paths) paths += " " + ShellQuote(Relative(path));
  return fmt::format("cd / && LC_ALL=C ls -d --{0} >/dev/null && LC_ALL=C {1} -c -f - --{0}", paths,
                     tar.program);
}

std::string PathError(const std::string& path, std::string_view state, const std::string& why) {
  const std::string name = SafeText(path);
  if (state == "link") {
    return name +
           " is a symbolic link, of which tar would archive the link alone: put what it "
           "points to into the service's paths:";
  }
  if (state == "closed") {
    return name + " may not be read: set `sudo: true` for the host, or log in as root";
  }
  if (state == "hidden" && why == "Permission denied") {
    return name +
           " may not be looked at, as a directory above it may not be entered: set `sudo: true` "
           "for the host, or log in as root";
  }
  if (state == "hidden") return name + " cannot be looked at: " + Excerpt(why, 1);
  return name + " is not there: correct `paths:` of the service in the configuration";
}

// The path that "WORD NUMBER ..." speaks of, numbered from 1; nothing for what is no such line.
const std::string* NumberedPath(const std::vector<std::string>& words,
                                const ServiceConfig& service) {
  if (words.size() < 2) return nullptr;
  size_t number = 0;
  const char* end = words[1].data() + words[1].size();
  if (std::from_chars(words[1].data(), end, number).ptr != end) return nullptr;
  return number >= 1 && number <= service.paths.size() ? &service.paths[number - 1] : nullptr;
}

// Of one command: Linux takes 128 KiB, quoting makes names longer.
constexpr size_t kMostNames = size_t{30} << 10;

// busybox tar takes names as arguments only.
TarBatches BusyboxBatches(const RemoteTar& tar,
                          const std::vector<std::vector<std::string>>& names) {
  TarBatches made;
  made.trailer_bytes = kBusyboxTrailer;
  std::string batch;
  const auto end_batch = [&] {
    if (batch.empty()) return;
    made.commands.push_back(
        {fmt::format("cd / && LC_ALL=C {} -c -f - --no-recursion --{}", tar.program, batch), "",
         true});
    batch.clear();
  };
  for (const auto& group : names) {
    std::string words;
    for (const auto& name : group) words += " " + ShellQuote(name);
    if (batch.size() + words.size() > kMostNames) end_batch();
    batch += words;
  }
  end_batch();
  return made;
}

}  // namespace

TarBatches MakeTarBatches(const RemoteTar& tar,
                          const std::vector<std::vector<std::string>>& names) {
  if (names.empty()) return {};
  if (tar.kind == RemoteTar::Kind::kBusybox) return BusyboxBatches(tar, names);
  auto words = GnuOptions(tar);
  words.insert(words.end(), {"--no-recursion", "--null", "--files-from=-"});
  std::string input;
  for (const auto& group : names) {
    for (const auto& name : group) input.append(name).push_back('\0');
  }
  TarBatches made;
  made.commands.push_back(
      {"LC_ALL=C TAR_OPTIONS= " + tar.program + " " + ShellCommand(words), std::move(input), true});
  return made;
}

std::string RemoteTar::Losses() const {
  if (kind == Kind::kBusybox) {
    return "busybox tar keeps no extended attributes, ACLs and holes, cuts times to seconds, and "
           "does not notice files that change; install GNU tar on the host";
  }
  if (xattrs && acls) return "";
  return fmt::format(
      "this tar was built without {}, which the archive lacks; install a GNU tar "
      "that has them on the host",
      xattrs ? "ACLs"
      : acls ? "extended attributes"
             : "extended attributes and ACLs");
}

Result<RemoteTar> DetectRemoteTar(RemoteHost& host, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host.Run(std::string(kDetectTar), {}, stop));
  const auto lines = MarkedLines(result.out, kTarMark);
  if (result.exit_status != 0 || lines.size() != 2) {
    return RemoteFailure(host, "looking for tar", result);
  }
  const auto words = Split(lines[0], ' ');
  const std::string program = words.size() < 4 ? "" : Join({words.begin() + 3, words.end()}, " ");
  const auto* known = std::find(kPrograms.begin(), kPrograms.end(), program);
  if (known == kPrograms.end()) {
    return Fail(ErrorKind::kRemote, "{}: no tar that orcio can use ({}): install GNU tar there",
                host.name(), Excerpt(lines[1]));
  }
  RemoteTar tar;
  tar.kind = words[0] == "gnu" ? RemoteTar::Kind::kGnu : RemoteTar::Kind::kBusybox;
  tar.xattrs = words[1] == "1";
  tar.acls = words[2] == "1";
  tar.program = *known;
  tar.description = Excerpt(lines[1]);
  return tar;
}

Result<void> CheckRemoteTar(const RemoteTar& tar, const ServiceConfig& service) {
  if (tar.kind == RemoteTar::Kind::kBusybox && !service.exclude.empty()) {
    return Fail(ErrorKind::kUnsupported,
                "{}: host {} has busybox tar, which cannot leave out what `exclude:` names: "
                "install GNU tar there, or remove exclude:",
                service.name, service.host);
  }
  if (MakeTarCommand(tar, service).size() > kMaxCommand) {
    return Fail(ErrorKind::kLimit,
                "{}: its paths: and exclude: are too long for one command; write fewer patterns "
                "that match more",
                service.name);
  }
  return {};
}

Result<void> CheckRemotePaths(RemoteHost& host, const ServiceConfig& service,
                              const std::stop_token& stop) {
  const std::string command =
      fmt::format("n=0\nfor path in {}; do\n{}", ShellCommand(service.paths), kCheckPath);
  const auto result = ORCIO_TRY(host.Run(command, {}, stop));
  const auto lines = MarkedLines(result.out, kPathMark);
  if (result.exit_status != 0 || lines.empty() || !lines.back().starts_with("end ")) {
    return RemoteFailure(host, "looking at the paths of " + service.name, result);
  }
  std::vector<std::string> errors;
  for (const auto& line : lines) {
    const auto words = Split(line, ' ');
    const std::string* path = NumberedPath(words, service);
    if (path == nullptr || words[0] == "end") continue;
    errors.push_back(PathError(*path, words[0], Join({words.begin() + 2, words.end()}, " ")));
  }
  if (errors.empty()) return {};
  return Fail(ErrorKind::kRemote, "{}: {}: {}", host.name(), service.name, Join(errors, "; "));
}

std::string MakeTarCommand(const RemoteTar& tar, const ServiceConfig& service) {
  return tar.kind == RemoteTar::Kind::kGnu ? GnuCommand(tar, service)
                                           : BusyboxCommand(tar, service);
}

}  // namespace orcio::inline archiver
