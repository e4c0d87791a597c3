#include <algorithm>
#include <cerrno>
#include <charconv>

#include "archiver/export/export.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_check.h"
#include "archiver/host/shell_quote.h"
#include "base/text/figures.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

constexpr const char* kExportMark = "orcio-export: ";

// A disk that has to write gigabytes out first.
constexpr std::chrono::seconds kSyncTime{1800};

// Each takes $directory, and the names as its words. Prints one line "orcio-export: WORD REST".

// What another export that was killed has left is removed once nothing has written to it for an
// hour.
constexpr const char* kLookExport = R"sh(
if [ ! -d "$directory" ]; then
  case $(LC_ALL=C ls -d -- "$directory" 2>&1) in
  *': Permission denied') echo 'orcio-export: closed' ;;
  *) echo 'orcio-export: missing' ;;
  esac
  exit 0
fi
[ -w "$directory" ] && [ -x "$directory" ] || { echo 'orcio-export: closed'; exit 0; }
for name; do
  if [ -e "$directory/$name" ] || [ -L "$directory/$name" ]; then
    printf 'orcio-export: taken %s\n' "$name"
    exit 0
  fi
  part=$directory/.$name.part
  if [ -e "$part" ] || [ -L "$part" ]; then
    find "$part" -prune -mmin +60 -exec rm -f {} \; 2>/dev/null
    [ ! -e "$part" ] || { printf 'orcio-export: busy %s\n' ".$name.part"; exit 0; }
  fi
done
df -Pk "$directory" 2>/dev/null | { read -r title; read -r device all used left rest; echo "orcio-export: free $left"; }
)sh";

// If the link breaks, cat comes to its end as it would at the end of the file: what is not of
// its size goes.
constexpr const char* kTakeExport = R"sh(
part=$directory/.$1.part
umask 077
set -C
exec 3>"$part" || exit 1
set +C
trap 'rm -f "$part"; exit 1' HUP INT TERM
cat >&3
ended=$?
exec 3>&-
bytes=$(($(wc -c <"$part")))
if [ "$ended" -ne 0 ] || [ "$bytes" -ne "$2" ]; then
  rm -f "$part"
  echo "orcio-export: short $bytes"
  exit 1
fi
sync "$part" 2>/dev/null || sync
sum=$(sha256sum <"$part" 2>/dev/null)
echo "orcio-export: taken ${sum%% *}"
)sh";

// A link, unlike mv, never goes over anything; mv is for file systems that have none.
constexpr const char* kPlaceExport = R"sh(
place() {
  [ ! -e "$2" ] && [ ! -L "$2" ] || return 1
  if ln "$1" "$2" 2>/dev/null; then rm -f "$1"; return; fi
  mv -n "$1" "$2" && [ ! -e "$1" ]
}
placed=
for name; do
  if ! place "$directory/.$name.part" "$directory/$name"; then
    [ -z "$placed" ] || rm -f "$placed"
    [ ! -e "$directory/$name" ] || printf 'orcio-export: taken %s\n' "$name"
    exit 1
  fi
  placed=$directory/$name
done
sync "$directory" 2>/dev/null || sync
echo 'orcio-export: done'
)sh";

constexpr const char* kDropExport = R"sh(
for name; do rm -f "$directory/.$name.part"; done
)sh";

// What a host says after the mark: a word, and the rest of the line.
struct Answer {
  std::string word;
  std::string rest;
};

Answer ParseAnswer(std::string_view output) {
  Answer answer;
  for (const auto& line : Lines(output)) {
    if (!line.starts_with(kExportMark)) continue;
    const std::string said = line.substr(std::string_view(kExportMark).size());
    const size_t space = said.find(' ');
    answer.word = said.substr(0, space);
    answer.rest = space == std::string::npos ? "" : said.substr(space + 1);
  }
  return answer;
}

class DigestSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t bytes) override {
    digest_.Update(std::span(buffer_).first(bytes));
    return {};
  }
  [[nodiscard]] std::string Finish() { return ToHex(digest_.Finish()); }

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(size_t{1} << 18);
  Sha256 digest_;
};

class HostTarget : public ExportTarget {
 public:
  HostTarget(std::unique_ptr<RemoteHost> host, std::string directory)
      : host_(std::move(host)), directory_(std::move(directory)) {}
  ~HostTarget() override;
  HostTarget(const HostTarget&) = delete;
  HostTarget& operator=(const HostTarget&) = delete;

  Result<void> Prepare(const std::vector<std::string>& names, uint64_t bytes,
                       const std::stop_token& stop) override;
  Result<void> Take(ExportSource& source, const std::stop_token& stop) override;
  Result<void> Publish(const std::stop_token& stop) override;
  [[nodiscard]] std::string PlaceOf(const std::string& name) const override {
    return host_->name() + ":" + directory_ + "/" + name;
  }

 private:
  [[nodiscard]] std::string Command(const char* script,
                                    const std::vector<std::string>& words) const {
    return "directory=" + ShellQuote(directory_) + "\nset -- " + ShellCommand(words) + script;
  }
  [[nodiscard]] Failure Taken(const std::vector<std::string>& names, const std::string& said) const;
  [[nodiscard]] Result<void> CheckRoom(const std::string& kib, uint64_t bytes) const;
  [[nodiscard]] Result<std::string> ReadBack(const std::string& name, const std::stop_token& stop);

  const std::unique_ptr<RemoteHost> host_;
  const std::string directory_;
  std::vector<std::string> parts_;  // names whose parts are there, or may be
};

HostTarget::~HostTarget() {
  if (parts_.empty()) return;
  // Nobody is left to tell: whatever made us give up is what the caller hears of. A part that
  // stays is never taken for an archive, and goes with a later export.
  if (host_->Connect({})) (void)host_->Run(Command(kDropExport, parts_), {}, {});
}

// What the host says is not what is shown: which of ours it is.
Failure HostTarget::Taken(const std::vector<std::string>& names, const std::string& said) const {
  const auto found = std::find(names.begin(), names.end(), said);
  const std::string& name = found == names.end() ? names.back() : *found;
  return Failure(Error{ErrorKind::kIo, EEXIST,
                       fmt::format("{} exists already, and is not written over", PlaceOf(name))});
}

Result<void> HostTarget::CheckRoom(const std::string& kib, uint64_t bytes) const {
  uint64_t free_kib = 0;
  const auto parsed = std::from_chars(kib.data(), kib.data() + kib.size(), free_kib);
  // A df that says nothing is no reason not to try.
  if (parsed.ec != std::errc() || free_kib >= bytes / 1024) return {};
  return Failure(Error{ErrorKind::kIo, ENOSPC,
                       fmt::format("{}:{}: {} are free, and {} are needed", host_->name(),
                                   directory_, FormatBytes(free_kib << 10), FormatBytes(bytes))});
}

Result<void> HostTarget::Prepare(const std::vector<std::string>& names, uint64_t bytes,
                                 const std::stop_token& stop) {
  ORCIO_TRY(host_->Connect(stop));
  ORCIO_TRY(CheckShell(*host_, stop));
  const auto result = ORCIO_TRY(host_->Run(Command(kLookExport, names), {}, stop));
  const Answer answer = ParseAnswer(result.out);
  if (answer.word == "free") return CheckRoom(answer.rest, bytes);
  if (answer.word == "taken") return Taken(names, answer.rest);
  if (answer.word == "missing")
    return Fail(ErrorKind::kNotFound, "{}: there is no directory {} there: make it first",
                host_->name(), directory_);
  if (answer.word == "closed")
    return Fail(ErrorKind::kRemote,
                "{}: the login user cannot write into {}: give it to that user, or set sudo: true "
                "for the host",
                host_->name(), directory_);
  if (answer.word == "busy")
    return Fail(ErrorKind::kLocked,
                "{}: another export writes to {} in {}; one that was killed has left it if nothing "
                "has changed it for a while: remove it then",
                host_->name(), Excerpt(answer.rest, 1), directory_);
  return RemoteFailure(*host_, "looking at " + directory_, result);
}

Result<void> HostTarget::Take(ExportSource& source, const std::stop_token& stop) {
  RunOptions options;
  options.more_input = &source;
  auto ran = host_->Run(Command(kTakeExport, {source.name(), std::to_string(source.size())}),
                        options, stop);
  // If all of it had arrived, the script there cannot tell that nobody wants it any more.
  if (!ran) parts_.push_back(source.name());
  const auto result = ORCIO_TRY(std::move(ran));
  const Answer answer = ParseAnswer(result.out);
  if (result.exit_status != 0 || answer.word != "taken")
    return RemoteFailure(*host_, "writing " + PlaceOf(source.name()), result);
  parts_.push_back(source.name());
  std::string sha256 = answer.rest;
  if (sha256.empty()) sha256 = ORCIO_TRY(ReadBack(source.name(), stop));
  if (sha256 == ToHex(source.sha256())) return {};
  return Fail(ErrorKind::kDamaged,
              "{}: what arrived as {} is not what was sent: its SHA-256 there is {}: a disk or a "
              "memory is at fault",
              host_->name(), source.name(), Excerpt(sha256, 1));
}

Result<std::string> HostTarget::ReadBack(const std::string& name, const std::stop_token& stop) {
  DigestSink sink;
  const std::string line = "cat -- " + ShellQuote(directory_ + "/." + name + ".part");
  const auto result = ORCIO_TRY(host_->Stream(line, sink, {}, stop));
  if (result.exit_status != 0) return RemoteFailure(*host_, "reading back " + name, result);
  return sink.Finish();
}

Result<void> HostTarget::Publish(const std::stop_token& stop) {
  RunOptions options;
  options.timeout = kSyncTime;
  const auto result = ORCIO_TRY(host_->Run(Command(kPlaceExport, parts_), options, stop));
  const Answer answer = ParseAnswer(result.out);
  if (answer.word == "taken") return Taken(parts_, answer.rest);
  if (answer.word != "done")
    return RemoteFailure(*host_, "giving the files in " + directory_ + " their names", result);
  parts_.clear();
  return {};
}

}  // namespace

std::unique_ptr<ExportTarget> MakeHostTarget(std::unique_ptr<RemoteHost> host,
                                             std::string directory) {
  return std::make_unique<HostTarget>(std::move(host), std::move(directory));
}

}  // namespace orcio::inline archiver
