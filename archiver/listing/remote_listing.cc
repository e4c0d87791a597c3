#include "archiver/listing/remote_listing.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "archiver/listing/listing_parser.h"
#include "archiver/tar/tar_pattern.h"
#include "archiver/tar/unpack_sink.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"
#include "base/threads/stall_limit.h"

namespace orcio::inline archiver {
namespace {

constexpr std::string_view kListingMark = "orcio-listing: ";

// Prints "orcio-listing: TOOL GZIP", then for each path that is an argument its file system;
// marked, since login scripts print too.
constexpr std::string_view kDetectListing = R"sh(LC_ALL=C; export LC_ALL
works() { [ -n "$("$@" 2>/dev/null </dev/null)" ]; }
tool=none
if works find /dev/null -ignore_readdir_race -printf %D%i%n%C@; then tool=find
elif works find /dev/null -exec stat -c '%f %D %z' {} +; then tool=stat
fi
gzip=0
if [ "$(echo x | gzip -1 2>/dev/null | gzip -d 2>/dev/null)" = x ]; then gzip=1; fi
echo "orcio-listing: $tool $gzip"
for path; do echo "orcio-listing: $(stat -f -c %T "$path" 2>/dev/null </dev/null)"; done
)sh";

// The names that stat has for file systems of which the kernel keeps times that tell every change,
// by mmap(2) too, and whose clock is the machine's own.
constexpr std::array<std::string_view, 9> kTelling = {
    "ext2/ext3", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "overlayfs", "bcachefs"};

// Before and after the files; its words are the mark, the clock since the epoch and the uptime.
constexpr std::string_view kClock = R"sh(LC_ALL=C; export LC_ALL
clock() {
  up=0
  [ ! -r /proc/uptime ] || read -r up rest </proc/uptime
  printf '%s %s %s\000' "$1" "$(date +%s)" "$up"
}
cd / || exit
)sh";

// A path as find and tar get it: never an option.
std::string Dotted(std::string_view path) {
  return "." + std::string(path);
}

std::string FindFiles(const ServiceConfig& service, const ListingTool& tool) {
  std::string command = "find";
  for (const auto& path : service.paths) command += " " + ShellQuote(Dotted(path));
  if (tool.kind == ListingTool::Kind::kStat)
    return command + " -exec stat -c '//%f %u %g %h %s %D %i %Y %y|%Z %z//%n' {} +";
  command += " -ignore_readdir_race";
  std::string excluded;
  for (const auto& path : service.paths) {
    for (const auto& pattern : service.exclude) {
      excluded += excluded.empty() ? " \\( " : " -o ";
      excluded += "-path " + ShellQuote(EscapeTarPattern(Dotted(path)) + "/" + pattern);
    }
  }
  if (!excluded.empty()) command += excluded + " \\) -prune -o";
  return command + " -printf '%y %m %U %G %n %s %D %i %T@ %C@ %p\\0'";
}

std::string SyncPaths(const ServiceConfig& service) {
  std::string paths;
  for (const auto& path : service.paths) paths += " " + ShellQuote(Dotted(path));
  return "  sync -f" + paths + " 2>/dev/null || sync\n";
}

std::string ListCommand(const ServiceConfig& service, const ListingTool& tool, bool sync) {
  return fmt::format("{}list() {{\n  clock orcio-begin\n{}  {}\n  clock \"orcio-end $?\"\n}}\n{}",
                     kClock, sync ? SyncPaths(service) : "", FindFiles(service, tool),
                     tool.gzip ? "list | gzip -1" : "list");
}

// Of find and stat, each whole: a file's name may have several lines.
std::vector<std::string> ErrorMessages(std::string_view text) {
  std::vector<std::string> messages;
  for (const auto& line : Lines(text)) {
    if (messages.empty() || line.starts_with("find: ") || line.starts_with("stat: ")) {
      messages.push_back(line);
    } else {
      messages.back() += "\n" + line;
    }
  }
  return messages;
}

// A file that is gone by now is no error; nothing else may be missing.
Result<void> CheckErrorMessages(const RemoteHost& host, const ServiceConfig& service, int status,
                                CommandResult result) {
  const auto messages = ErrorMessages(result.err);
  const auto of_gone = [](const std::string& message) {
    return message.ends_with(": No such file or directory");
  };
  const bool gone = !result.err_truncated && !messages.empty() &&
                    std::all_of(messages.begin(), messages.end(), of_gone);
  if (status == 0 || gone) return {};
  result.exit_status = status;
  return RemoteFailure(host, "listing the files of " + service.name, result);
}

Failure StalledList(const RemoteHost& host, const ServiceConfig& service, const HostListing& listed,
                    std::chrono::seconds silence) {
  const uint32_t count = listed.size();
  return Fail(
      ErrorKind::kLimit,
      "{}: no archive, for nothing came from {} for {} s{} while its files were listed: look "
      "at that host's disks, and at what is mounted below {}; {}",
      service.name, host.name(), silence.count(),
      silence == service.stall_timeout ? " (stall_timeout)" : "", SafeText(Join(service.paths)),
      count == 0 ? "no file had arrived"
                 : fmt::format("the last that arrived is {}: look there",
                               SafeText(std::string(listed.Path(count - 1)))));
}

// One header, and two blocks of zeros after it, are what a busybox tar must make of a directory.
Result<void> CheckSingleNames(RemoteHost& host, const RemoteTar& tar, const std::stop_token& stop) {
  if (tar.kind == RemoteTar::Kind::kGnu) return {};
  const auto result = ORCIO_TRY(host.Run(
      fmt::format("cd / && {} -c -f - --no-recursion -- dev 2>/dev/null | wc -c", tar.program), {},
      stop));
  const auto lines = Lines(result.out);
  if (!lines.empty() && lines.back().ends_with("1536")) return {};
  return Fail(ErrorKind::kUnsupported, "{}: its tar cannot be given single files", host.name());
}

}  // namespace

Result<ListingTool> DetectListing(RemoteHost& host, const ServiceConfig& service,
                                  const RemoteTar& tar, const std::stop_token& stop) {
  ORCIO_TRY(CheckSingleNames(host, tar, stop));
  const std::string command =
      fmt::format("set -- {}\n{}", ShellCommand(service.paths), kDetectListing);
  const auto result = ORCIO_TRY(host.Run(command, {}, stop));
  std::vector<std::string> lines;
  for (const auto& line : Lines(result.out)) {
    if (line.starts_with(kListingMark)) lines.push_back(line.substr(kListingMark.size()));
  }
  if (result.exit_status != 0 || lines.size() != service.paths.size() + 1) {
    return Fail(ErrorKind::kUnsupported, "{}: cannot list files there: {}", host.name(),
                Excerpt(result.err));
  }
  const auto words = Split(lines[0], ' ');
  if (words.size() != 2 || (words[0] != "find" && words[0] != "stat"))
    return Fail(ErrorKind::kUnsupported, "{}: no find there that tells the times of files",
                host.name());
  for (size_t i = 0; i < service.paths.size(); ++i) {
    if (std::find(kTelling.begin(), kTelling.end(), lines[i + 1]) != kTelling.end()) continue;
    return Fail(ErrorKind::kUnsupported,
                "{}: {} is on a file system ({}) whose times do not tell every change", host.name(),
                SafeText(service.paths[i]), SafeText(lines[i + 1]));
  }
  return ListingTool{words[0] == "find" ? ListingTool::Kind::kFind : ListingTool::Kind::kStat,
                     words[1] == "1"};
}

Result<HostClock> ListFiles(RemoteHost& host, const ServiceConfig& service, const ListingTool& tool,
                            bool sync, HostListing& into, std::chrono::seconds longest_silence,
                            const std::stop_token& stop) {
  ListingParser parser(tool.kind, host.name(), into);
  const auto gunzip = UnpackSink::OfGzip(parser);
  ByteSink& sink = tool.gzip ? static_cast<ByteSink&>(*gunzip) : parser;
  StallLimit stall(longest_silence, stop);
  HeardSink heard(sink, stall);
  RunOptions options;
  options.only_reads = true;
  auto streamed = host.Stream(ListCommand(service, tool, sync), heard, options, stall.token());
  if (!streamed && stall.expired()) return StalledList(host, service, into, longest_silence);
  const auto result = ORCIO_TRY(std::move(streamed));
  if (result.exit_status != 0)
    return RemoteFailure(host, "listing the files of " + service.name, result);
  if (tool.gzip) ORCIO_TRY(gunzip->Finish());
  const auto ended = ORCIO_TRY(parser.Finish());
  ORCIO_TRY(CheckErrorMessages(host, service, ended.find_status, result));
  return ended.begun;
}

int64_t EarliestSeconds(const HostClock& then, const HostClock& now) {
  if (then.uptime_ms == 0 || now.uptime_ms < then.uptime_ms)
    return std::min(then.seconds, now.seconds);
  return std::min(then.seconds, now.seconds - (now.uptime_ms - then.uptime_ms + 999) / 1000);
}

}  // namespace orcio::inline archiver
