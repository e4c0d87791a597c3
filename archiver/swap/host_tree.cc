#include "archiver/swap/host_tree.h"

#include <cerrno>
#include <charconv>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_check.h"
#include "archiver/host/shell_quote.h"
#include "base/random_token.h"
#include "base/text/figures.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

constexpr const char* kPlaceMark = "orcio-place: ";
constexpr size_t kMostComplaints = 100;

// All take $directory and $part, and print lines "orcio-place: WORD REST". The directory above is
// gone into once, symlinks and all, as who names it means it; from there on names are single ones.
constexpr const char* kEnterAbove = R"sh(
LC_ALL=C; export LC_ALL; unset CDPATH
case $directory in */*) above=${directory%/*}/;; *) above=./;; esac
name=./${directory##*/}
tell() { echo "orcio-place: $*"; }
if ! cd -P -- "$above" 2>/dev/null; then
  case $(ls -d -- "$above." 2>&1) in *': Permission denied') tell closed ;; *) tell missing ;; esac
  exit 1
fi
taken() {
  if [ -L "$name" ]; then return 0; fi
  if [ ! -d "$name" ]; then [ -e "$name" ]; return; fi
  [ -n "$(ls -A "$name" 2>&1)" ]
}
)sh";

constexpr const char* kLookPlace = R"sh(
tell user "$(id -u)"
if taken; then tell taken; exit 0; fi
[ -w . ] && [ -x . ] || { tell closed; exit 0; }
if [ -d "$name" ]; then
  mounted=$(df -P "$name" 2>/dev/null | { read -r title; read -r line; echo "$line"; })
  case $mounted in *" $(cd -P "$name" && pwd -P)") tell mounted; exit 0;; esac
fi
df -Pk . 2>/dev/null | { read -r title; read -r device all used left rest; tell free "$left"; }
)sh";

// The trap takes effect once tar has ended: the signal goes to tar as well. If the link breaks,
// tar comes to its end as it would at the end of the tar.
constexpr const char* kUnpackPlace = R"sh(
top=$(pwd -P)
drop() { cd -P -- "$top" && rm -rf "./$part"; }
trap 'drop; exit 1' HUP INT TERM
trap '' PIPE
umask 077
mkdir "./$part" && cd -P "./$part" && [ "$(pwd -P)" = "${top%/}/$part" ] || exit 1
unpack
ended=$?
whole=yes
[ -f whole ] && [ -d tree ] || whole=
if [ "$ended" -ne 0 ] || [ -z "$whole" ]; then
  drop
  [ "$ended" -ne 0 ] || echo 'the tar that arrived there was cut short' >&2
  exit 1
fi
sync -f tree 2>/dev/null || sync
cd -P -- "$top" || exit 1
if taken; then drop; tell taken; exit 1; fi
if ! mv -T "./$part/tree" "$name" 2>/dev/null; then
  # A mv without -T would move it into a directory of that name.
  rmdir "$name" 2>/dev/null
  if [ -e "$name" ] || [ -L "$name" ] || ! mv "./$part/tree" "$name"; then drop; tell unnamed; exit 1; fi
fi
rm -rf "./$part"
sync -f . 2>/dev/null || sync
tell done
)sh";

constexpr const char* kVerifyPlace = R"sh(
cd -P "$name" || exit 1
sha256sum </dev/null >/dev/null 2>&1 || { tell unable; exit 1; }
sync -f . 2>/dev/null || sync
sha256sum -c - 2>/dev/null | {
  good=0 bad=0
  while IFS= read -r line; do
    case $line in
    *': OK') good=$((good + 1)) ;;
    *)
      bad=$((bad + 1))
      [ "$bad" -gt 100 ] || printf 'orcio-place: differs %s\n' "$line"
      ;;
    esac
  done
  tell verified "$good"
}
)sh";

struct PlaceAnswer {
  std::string word;
  std::string rest;
};

std::vector<PlaceAnswer> PlaceAnswers(std::string_view output) {
  std::vector<PlaceAnswer> answers;
  for (const auto& line : Lines(output)) {
    if (!line.starts_with(kPlaceMark)) continue;
    const std::string said = line.substr(std::string_view(kPlaceMark).size());
    const size_t space = said.find(' ');
    answers.push_back(
        {said.substr(0, space), space == std::string::npos ? "" : said.substr(space + 1)});
  }
  return answers;
}

std::string PlaceCommand(const std::string& directory, const std::string& part,
                         const char* script) {
  return "directory=" + ShellQuote(directory) + "\npart=" + part + kEnterAbove + script;
}

PlaceAnswer LastAnswer(const CommandResult& result) {
  const auto answers = PlaceAnswers(result.out);
  return answers.empty() ? PlaceAnswer{} : answers.back();
}

}  // namespace

std::string UnpackFunction(const RemoteTar& tar, bool by_name) {
  std::string unpack = "unpack() { TAR_OPTIONS= " + tar.program + " -x -p -f -";
  if (tar.kind == RemoteTar::Kind::kGnu) {
    unpack += " --quoting-style=escape --warning=no-timestamp";
    if (!by_name) unpack += " --numeric-owner";
    if (tar.acls) unpack += " --acls";
    if (tar.xattrs) unpack += " --xattrs '--xattrs-include=*'";
  }
  return unpack + "; }\n";
}

std::string UnpackLosses(const RemoteTar& tar) {
  if (tar.kind == RemoteTar::Kind::kBusybox)
    return "busybox tar restores no extended attributes, ACLs and holes, no times of directories, "
           "no owners and times of symlinks, and other times to the second; install GNU tar on the "
           "host";
  if (tar.xattrs && tar.acls) return "";
  return fmt::format(
      "{} was built without {}, which are not restored; install a GNU tar that has "
      "them on the host",
      tar.program,
      tar.xattrs ? "ACLs"
      : tar.acls ? "extended attributes"
                 : "extended attributes and ACLs");
}

std::vector<std::string> UnpackComplaints(const CommandResult& result) {
  std::vector<std::string> complaints;
  for (const std::string& line : Lines(result.err)) {
    if (complaints.size() < kMostComplaints) complaints.push_back(SafeText(line));
  }
  return complaints;
}

HostTree::HostTree(std::unique_ptr<RemoteHost> host, std::string directory)
    : host_(std::move(host)),
      directory_(std::move(directory)),
      part_(".orcio-restore-" + RandomToken()) {}

std::string HostTree::Command(const char* script) const {
  return PlaceCommand(directory_, part_, script);
}

Failure HostTree::Taken() const {
  return Failure(Error{ErrorKind::kIo, EEXIST,
                       fmt::format("{} exists already and is not an empty directory: nothing was "
                                   "restored; restore into a new one",
                                   place())});
}

Result<void> HostTree::CheckRoom(const std::string& kib, uint64_t bytes) const {
  uint64_t free_kib = 0;
  const auto parsed = std::from_chars(kib.data(), kib.data() + kib.size(), free_kib);
  // A df that says nothing is no reason not to try.
  if (parsed.ec != std::errc() || free_kib >= bytes / 1024) return {};
  return Failure(Error{ErrorKind::kIo, ENOSPC,
                       fmt::format("{}: {} are free, and {} are needed", place(),
                                   FormatBytes(free_kib << 10), FormatBytes(bytes))});
}

Result<void> HostTree::Prepare(uint64_t bytes, const std::stop_token& stop) {
  ORCIO_TRY(host_->Connect(stop));
  ORCIO_TRY(CheckShell(*host_, stop));
  const auto result = ORCIO_TRY(host_->Run(Command(kLookPlace), {}, stop));
  for (const PlaceAnswer& answer : PlaceAnswers(result.out))
    if (answer.word == "user") as_root_ = answer.rest == "0";
  const PlaceAnswer answer = LastAnswer(result);
  if (answer.word == "missing")
    return Fail(ErrorKind::kNotFound,
                "{}: there is no directory there to make it in: make that first", place());
  if (answer.word == "taken") return Taken();
  if (answer.word == "closed")
    return Fail(ErrorKind::kRemote,
                "{}: the login user cannot write there: choose another directory, or set sudo: "
                "true for the host",
                place());
  if (answer.word == "mounted")
    return Fail(ErrorKind::kInvalid,
                "{} is a mount point, which cannot be made as a whole: name a new directory in it",
                place());
  if (answer.word != "free" && answer.word != "user")
    return RemoteFailure(*host_, "looking at " + directory_, result);
  if (answer.word == "free") ORCIO_TRY(CheckRoom(answer.rest, bytes));
  tar_ = ORCIO_TRY(DetectRemoteTar(*host_, stop));
  return {};
}

Result<std::vector<std::string>> HostTree::Unpack(ByteSource& tar, bool by_name,
                                                  const std::stop_token& stop) {
  RunOptions options;
  options.more_input = &tar;
  const auto command = UnpackFunction(tar_, by_name) + Command(kUnpackPlace);
  const auto result = ORCIO_TRY(host_->Run(command, options, stop));
  const PlaceAnswer answer = LastAnswer(result);
  if (answer.word == "taken") return Taken();
  if (answer.word == "unnamed")
    return RemoteFailure(*host_, "giving what was restored the name " + directory_, result);
  if (answer.word != "done" || result.exit_status != 0)
    return RemoteFailure(
        *host_, fmt::format("unpacking into {} (nothing of it was kept)", directory_), result);
  return UnpackComplaints(result);
}

Result<VerifiedOnHost> HostTree::Verify(std::string list, const std::stop_token& stop) {
  return VerifyOnHost(*host_, directory_, std::move(list), stop);
}

Result<VerifiedOnHost> VerifyOnHost(RemoteHost& host, const std::string& directory,
                                    std::string list, const std::stop_token& stop) {
  RunOptions options;
  options.input = std::move(list);
  options.timeout = std::chrono::seconds(0);
  const auto result = ORCIO_TRY(host.Run(PlaceCommand(directory, "", kVerifyPlace), options, stop));
  VerifiedOnHost verified;
  bool told = false;
  for (PlaceAnswer& answer : PlaceAnswers(result.out)) {
    if (answer.word == "unable")
      return Fail(ErrorKind::kRemote, "{}: there is no sha256sum to verify files with",
                  host.name());
    if (answer.word == "differs") verified.differs.push_back(SafeText(answer.rest));
    if (answer.word != "verified") continue;
    const char* end = answer.rest.data() + answer.rest.size();
    told = std::from_chars(answer.rest.data(), end, verified.files).ptr == end;
  }
  if (!told) return RemoteFailure(host, "verifying " + directory, result);
  return verified;
}

Result<std::string> HostDirectory(std::string text) {
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  if (!text.starts_with('/'))
    return Fail(ErrorKind::kInvalid, "{}: write the directory on the host from / on, as in /srv/{}",
                text, text);
  if (text == "/" || text.ends_with("/.") || text.ends_with("/.."))
    return Fail(ErrorKind::kInvalid,
                "{}: a host's directory to restore into must have a name of its own", text);
  return text;
}

}  // namespace orcio::inline archiver
