#include "archiver/tar/standing_paths.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "archiver/host/mounted_places.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// The numbers of the paths that are empty directories, each one's device and inode, where each of
// them really is, and what is mounted, without the words on devices, which may be long. (A listing
// that is not sorted ends with its first name, if a directory has 400,000: busybox sorts.)
constexpr const char* kLookIfEmpty = R"sh(  e=$((e + 1))
  [ "$e" -gt 1 ] || { list=-A; ls -dU1A / >/dev/null 2>&1 </dev/null && list=-U1A; }
  [ ! -d "$path" ] || [ -n "$(ls $list -- "$path" 2>/dev/null </dev/null | head -n 1)" ] ||
    echo "orcio-empty: $e"
  printf 'orcio-node: %s %s\n' "$e" "$(stat -c %d:%i -- "$path" 2>/dev/null </dev/null)"
  printf 'orcio-real: %s %s\n' "$e" "$(readlink -f -- "$path" 2>/dev/null </dev/null)"
done
sed -n 's/ - \([^ ]*\) .*/ - \1/p' /proc/self/mountinfo 2>/dev/null </dev/null
echo 'orcio-empty: end'
)sh";

// The same once more, of paths that were not empty: one that is by now is lost if it is another
// directory. If that is not known of it, it is bare. Then of mounts, by the ends of their lines,
// and a ! before those without which a path is another file system.
constexpr const char* kLookIfEmptied = R"sh(  e=$((e + 1))
  [ "$e" -gt 1 ] || { list=-A; ls -dU1A / >/dev/null 2>&1 </dev/null && list=-U1A; }
  [ -d "$path" ] && [ -z "$(ls $list -- "$path" 2>/dev/null </dev/null | head -n 1)" ] || continue
  node=$(stat -c %d:%i -- "$path" 2>/dev/null </dev/null)
  case " $nodes " in
    *" $e=${node:-?} "*) ;;
    *" $e="*) if [ -n "$node" ]; then lost="$lost empty:$e"; else bare="$bare bare:$e"; fi ;;
    *) bare="$bare bare:$e" ;;
  esac
done
mounted=$(cut -d ' ' -f 3-5 /proc/self/mountinfo 2>/dev/null </dev/null | sed 's/^/ /')
e=0
)sh";
constexpr const char* kLookIfUnmounted = R"sh(  e=$((e + 1))
  [ -n "$mounted" ] || break
  case "$mounted
" in *"${mount#?}
"*) continue ;; esac
  case $mount in !*) lost="$lost unmounted:$e" ;; *) gone="$gone unmounted:$e" ;; esac
done
[ -z "$mounted" ] || bare=
[ -z "$gone$bare" ] || echo "orcio-gone:$gone$bare" >&2
[ -z "$lost" ] || { echo "orcio-lost:$lost" >&2; exit 98; }
)sh";

constexpr int kLost = 98;  // exit status
constexpr std::string_view kLostMark = "orcio-lost:";
constexpr std::string_view kGoneMark = "orcio-gone:";
constexpr std::string_view kNodeMark = "orcio-node: ";
constexpr std::string_view kEmptyMark = "orcio-empty: ";
constexpr std::string_view kRealMark = "orcio-real: ";

// Of the second look, which a tar's command comes after: what does not fit is not looked at.
constexpr size_t kMostWords = size_t{16} << 10;
// Of hosts with a thousand containers.
constexpr size_t kMostOutput = size_t{16} << 20;
constexpr size_t kMostLost = 5;  // in a message

// By a number from 1 on.
template <class Item>
const Item* Numbered(const std::vector<Item>& items, std::string_view digits) {
  size_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return nullptr;
  return number >= 1 && number <= items.size() ? &items[number - 1] : nullptr;
}

// What the first look's output says.
struct LookAnswer {
  bool whole = false;
  std::vector<std::string> empty;
  std::map<std::string, std::string> real;   // by path
  std::map<std::string, std::string> nodes;  // likewise
  std::vector<MountLine> mounts;
};

// Of a line with a number and something after it; null if that is no path's.
std::pair<const std::string*, std::string_view> PathAndRest(std::string_view line,
                                                            const std::vector<std::string>& paths) {
  const size_t space = line.find(' ');
  if (space == line.npos) return {};
  return {Numbered(paths, line.substr(0, space)), line.substr(space + 1)};
}

LookAnswer ParseLook(const std::string& out, const std::vector<std::string>& paths) {
  LookAnswer told;
  std::string mountinfo;
  for (const auto& line : Lines(out)) {
    const std::string_view text = line;
    if (text.starts_with(kEmptyMark)) {
      const auto rest = text.substr(kEmptyMark.size());
      told.whole = told.whole || rest == "end";
      if (const auto* path = Numbered(paths, rest)) told.empty.push_back(*path);
    } else if (text.starts_with(kRealMark)) {
      const auto [path, rest] = PathAndRest(text.substr(kRealMark.size()), paths);
      if (path != nullptr && rest.starts_with('/')) told.real[*path] = rest;
    } else if (text.starts_with(kNodeMark)) {
      const auto [path, rest] = PathAndRest(text.substr(kNodeMark.size()), paths);
      const bool whole = !rest.empty() && rest.find_first_not_of("0123456789:") == rest.npos;
      if (path != nullptr && whole) told.nodes[*path] = rest;
    } else {
      mountinfo += line + "\n";
    }
  }
  told.mounts = ParseMountinfo(mountinfo);
  return told;
}

// What is compared with the end of a line of mountinfo's third to fifth field.
std::string WordOf(const StandingMount& mount) {
  return fmt::format("{} {}{}{}", mount.below ? '-' : '!', mount.shown,
                     mount.shown.empty() ? "" : " ", mount.field);
}

std::string NodesOf(const StandingPaths& before, const std::vector<std::string>& paths) {
  std::vector<std::string> nodes;
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto found = before.nodes.find(paths[i]);
    if (found != before.nodes.end()) nodes.push_back(fmt::format("{}={}", i + 1, found->second));
  }
  return Join(nodes, " ");
}

std::string LookAgainCommand(const ServiceConfig& service, const StandingPaths& before,
                             const std::vector<std::string>& paths) {
  std::vector<std::string> mounts;
  for (const auto& mount : before.mounts) mounts.push_back(WordOf(mount));
  size_t room = kMostWords;
  const auto fitting = [&room](const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
      const std::string quoted = ShellQuote(word);
      if (quoted.size() + 1 > room) break;  // numbers are counted on
      room -= quoted.size() + 1;
      text += (text.empty() ? "" : " ") + quoted;
    }
    return text;
  };
  const std::string looked_for = fitting(mounts);
  const std::string looked_at = service.min_ratio > 0 ? fitting(paths) : std::string();
  if (looked_for.empty() && looked_at.empty()) return {};
  return fmt::format(
      "lost=\ngone=\nbare=\ne=0\nnodes={}\nfor path in {}; do\n{}for mount in {}; do\n{}",
      ShellQuote(looked_at.empty() ? "" : NodesOf(before, paths)), looked_at, kLookIfEmptied,
      looked_for, kLookIfUnmounted);
}

// Some of them, none too long.
std::string SomeOf(const std::vector<std::string>& names) {
  std::vector<std::string> some;
  for (const auto& name : names) {
    if (some.size() == kMostLost) {
      some.push_back(fmt::format("{} more", names.size() - kMostLost));
      break;
    }
    some.push_back(Excerpt(SafeText(name), 1));
  }
  return Join(some);
}

// What the second look says of paths and mounts, by their numbers.
struct SecondLook {
  std::vector<std::string> emptied;
  std::vector<const StandingMount*> unmounted;
};

class WatchfulHost : public RemoteHost {
 public:
  WatchfulHost(RemoteHost& host, const ServiceConfig& service, const StandingPaths& before,
               const std::vector<std::string>& fleeting, PathLosses& losses)
      : host_(host), service_(service), before_(before), losses_(losses) {
    const auto listed = [](const std::vector<std::string>& words, const std::string& word) {
      return std::find(words.begin(), words.end(), word) != words.end();
    };
    for (const auto& path : service.paths) {
      if (!listed(before.empty, path) && !listed(before.settled, path) &&
          !LiesBelowOneOf(path, fleeting) && !IsIgnoredPlace(service, path))
        paths_.push_back(path);
    }
    if (before.known) look_ = LookAgainCommand(service, before, paths_);
  }

  [[nodiscard]] const std::string& name() const override { return host_.name(); }
  Result<void> Connect(const std::stop_token& stop) override { return host_.Connect(stop); }
  void Disconnect() override { host_.Disconnect(); }
  Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                            const std::stop_token& stop) override {
    return host_.Run(command, options, stop);
  }
  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    const std::string look = std::exchange(look_, {});
    auto ended = ORCIO_TRY(host_.Stream(look + command, sink, options, stop));
    if (look.empty()) return ended;
    if (ended.exit_status == kLost) ORCIO_TRY(Judge(ended.err));
    TakeLosses(ended.err);
    return ended;
  }

 private:
  [[nodiscard]] SecondLook ParseWords(std::string_view words) const;
  [[nodiscard]] Result<void> Judge(const std::string& err) const;
  void TakeLosses(std::string& err);

  RemoteHost& host_;
  const ServiceConfig& service_;
  const StandingPaths& before_;
  PathLosses& losses_;
  std::vector<std::string> paths_;
  std::string look_;
};

SecondLook WatchfulHost::ParseWords(std::string_view words) const {
  SecondLook parsed;
  for (const auto& word : Split(words, ' ')) {
    const std::string_view text = word;
    const size_t colon = text.find(':');
    if (colon == text.npos) continue;
    const auto number = text.substr(colon + 1);
    if (text.starts_with("unmounted:")) {
      if (const auto* mount = Numbered(before_.mounts, number)) parsed.unmounted.push_back(mount);
    } else if (const auto* path = Numbered(paths_, number)) {
      parsed.emptied.push_back(*path);
    }
  }
  return parsed;
}

Result<void> WatchfulHost::Judge(const std::string& err) const {
  std::vector<std::string> emptied, unmounted;
  for (const auto& line : Lines(err)) {
    if (!line.starts_with(kLostMark)) continue;
    const auto words = ParseWords(std::string_view(line).substr(kLostMark.size()));
    emptied.insert(emptied.end(), words.emptied.begin(), words.emptied.end());
    for (const auto* mount : words.unmounted)
      unmounted.push_back(mount->elsewhere.empty()
                              ? mount->place
                              : fmt::format("{} ({} of the host)", mount->place, mount->elsewhere));
  }
  if (emptied.empty() && unmounted.empty()) return {};
  const std::string what =
      unmounted.empty()
          ? fmt::format(
                "{} held something before it was stopped and is another directory now, an "
                "empty one",
                SomeOf(emptied))
          : fmt::format("what was mounted on {} is not any more", SomeOf(unmounted));
  return Fail(
      ErrorKind::kRemote,
      "{}: started again without an archive, for {}: it goes when the service stops. Mount it on "
      "the host, so that it stays (docker takes the volumes off that it mounts, and a .mount unit "
      "may be tied to the service), or write `mode: pause`{}",
      service_.name, what,
      unmounted.empty() ? "; if the service itself deletes it and makes it anew, write "
                          "`min_ratio: 0`, with which a path may be empty, or take it out of "
                          "`paths:`, or leave it out of a path above by `exclude:`"
                        : "; what need not be archived, take out of `paths:`");
}

// They are no words of the command's own.
void WatchfulHost::TakeLosses(std::string& err) {
  const size_t at = err.starts_with(kGoneMark) ? 0 : err.find(fmt::format("\n{}", kGoneMark)) + 1;
  if (at == 0 && !err.starts_with(kGoneMark)) return;
  const size_t end = std::min(err.find('\n', at), err.size());
  const auto words =
      ParseWords(std::string_view(err).substr(at, end - at).substr(kGoneMark.size()));
  err.erase(at, end - at + 1);
  losses_.data = losses_.data || !words.unmounted.empty();
  // Whatever the size of the rest, unless any size will do.
  const char* shrunk =
      service_.min_ratio > 0 ? ". The archive takes no place of a good one under `keep:`" : "";
  std::vector<std::string> lost;
  for (const auto* mount : words.unmounted) {
    if (mount->elsewhere.empty()) {
      lost.push_back(mount->place);
      continue;
    }
    losses_.warnings.push_back(fmt::format(
        "its archive holds nothing of what was mounted on {}, which went when the service stopped; "
        "on the host it is {}: add that to `paths:`, or write `ignore_mounts: [{}]`{}",
        SomeOf({mount->place}), SomeOf({mount->elsewhere}), SomeOf({mount->place}), shrunk));
  }
  if (!lost.empty())
    losses_.warnings.push_back(fmt::format(
        "its archive holds nothing of what was mounted on {}, which went when the service stopped: "
        "mount it on the host, so that it stays, or write `mode: pause`; what need not be "
        "archived, leave out by `exclude:` or `ignore_mounts:`{}",
        SomeOf(lost), shrunk));
  if (!words.emptied.empty())
    losses_.warnings.push_back(fmt::format(
        "{} held something before the service was stopped and is empty now, and the host does not "
        "tell what is mounted there: see whether that stays when the service stops",
        SomeOf(words.emptied)));
}

}  // namespace

Result<StandingPaths> LookAtPaths(RemoteHost& host, const ServiceConfig& service,
                                  const std::vector<std::string>& fleeting,
                                  const std::stop_token& stop) {
  RunOptions options;
  options.max_output = kMostOutput;
  const auto result = ORCIO_TRY(host.Run(
      fmt::format("e=0\nfor path in {}; do\n{}", ShellCommand(service.paths), kLookIfEmpty),
      options, stop));
  LookAnswer told = ParseLook(result.out, service.paths);
  StandingPaths found;
  if (result.exit_status != 0 || !told.whole) return found;
  found.known = true;
  found.empty = std::move(told.empty);
  found.nodes = std::move(told.nodes);
  auto at_paths = FindMountsAtPaths(told.mounts, service, told.real, fleeting);
  found.mounts = std::move(at_paths.mounts);
  found.settled = std::move(at_paths.settled);
  found.places = std::move(at_paths.all);
  return found;
}

std::unique_ptr<RemoteHost> MakeWatchfulHost(RemoteHost& host, const ServiceConfig& service,
                                             const StandingPaths& before,
                                             const std::vector<std::string>& fleeting,
                                             PathLosses& losses) {
  return std::make_unique<WatchfulHost>(host, service, before, fleeting, losses);
}

}  // namespace orcio::inline archiver
