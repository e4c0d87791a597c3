#include "archiver/tar/standing_paths.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "archiver/host/mounted_places.h"
#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "archiver/tar/below_path.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

// The numbers of the paths that are empty directories, where each of them really is, and what is
// mounted, without the words on devices, which may be long.
constexpr const char* kLookIfEmpty = R"sh(  e=$((e + 1))
  [ ! -d "$path" ] || [ -n "$(ls -A -- "$path" 2>/dev/null </dev/null | head -n 1)" ] ||
    echo "orcio-empty: $e"
  printf 'orcio-real: %s %s\n' "$e" "$(readlink -f -- "$path" 2>/dev/null </dev/null)"
done
sed -n 's/ - \([^ ]*\) .*/ - \1/p' /proc/self/mountinfo 2>/dev/null </dev/null
echo 'orcio-empty: end'
)sh";

// The same once more, of paths that were not empty and of mounts: they come by their fields. (A
// host that cannot say what is mounted says nothing, between two spaces.)
constexpr const char* kLookIfEmptied = R"sh(  e=$((e + 1))
  [ ! -d "$path" ] || [ -n "$(ls -A -- "$path" 2>/dev/null </dev/null | head -n 1)" ] ||
    lost="$lost empty:$e"
done
mounted=" $(cut -d ' ' -f 5 /proc/self/mountinfo 2>/dev/null </dev/null | tr '\n' ' ') "
e=0
)sh";
constexpr const char* kLookIfUnmounted = R"sh(  e=$((e + 1))
  case $mounted in *" $place "* | '  ') ;; *) lost="$lost unmounted:$e" ;; esac
done
[ -z "$lost" ] || { echo "orcio-lost:$lost" >&2; exit 98; }
)sh";

constexpr int kLost = 98;  // exit status
constexpr std::string_view kLostMark = "orcio-lost:";
constexpr std::string_view kEmptyMark = "orcio-empty: ";
constexpr std::string_view kRealMark = "orcio-real: ";

// Of the second look, which a tar's command comes after: what does not fit is not looked at.
constexpr size_t kMostWords = size_t{16} << 10;
// Of hosts with a thousand containers.
constexpr size_t kMostOutput = size_t{16} << 20;
constexpr size_t kMostLost = 5;  // in a message

// What holds nothing once it is unmounted, or nothing of anybody's.
constexpr std::array<std::string_view, 7> kNoDisk = {
    "tmpfs", "ramfs", "overlay", "aufs", "fuse.fuse-overlayfs", "devtmpfs", "proc"};

// Containers' files, by other drivers of docker's, and what shows as soon as it is looked at.
constexpr std::array<std::string_view, 3> kNobodys = {"/zfs/graph/", "/devicemapper/mnt/",
                                                      "/.zfs/snapshot/"};

// A container's own files are unmounted with it, whatever holds them. (A directory of such a file
// system that is mounted elsewhere has another root.)
bool HoldsData(const MountLine& mount) {
  if (mount.place == "/" || mount.type == "nsfs" || mount.type == "autofs") return false;
  if (mount.root == "/" && std::find(kNoDisk.begin(), kNoDisk.end(), mount.type) != kNoDisk.end())
    return false;
  return std::none_of(kNobodys.begin(), kNobodys.end(), [&](std::string_view part) {
    return mount.place.find(part) != std::string::npos;
  });
}

bool LiesBelowOneOf(std::string_view path, const std::vector<std::string>& directories) {
  return std::any_of(directories.begin(), directories.end(),
                     [&](const std::string& directory) { return LiesBelow(path, directory); });
}

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
  std::map<std::string, std::string> real;  // by path
  std::vector<MountLine> mounts;
};

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
      const auto rest = text.substr(kRealMark.size());
      const size_t space = std::min(rest.find(' '), rest.size());
      const auto* path = Numbered(paths, rest.substr(0, space));
      if (path != nullptr && rest.substr(space).starts_with(" /"))
        told.real[*path] = rest.substr(space + 1);
    } else {
      mountinfo += line + "\n";
    }
  }
  told.mounts = ParseMountinfo(mountinfo);
  return told;
}

// What is mounted by being looked at comes and goes.
bool IsOnDemand(const MountLine& mount, const std::vector<MountLine>& mounts) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const MountLine& other) {
    return other.type == "autofs" && LiesBelow(mount.place, other.place);
  });
}

// Where a mount is by the first of the paths that it has to do with; nothing if it has with none.
std::optional<StandingMount> AtPaths(const MountLine& mount, const ServiceConfig& service,
                                     const LookAnswer& told) {
  for (const auto& path : service.paths) {
    const auto found = told.real.find(path);
    const std::string& real = found == told.real.end() ? path : found->second;
    if (LiesBelow(mount.place, real))
      return StandingMount{path + mount.place.substr(real.size()), mount.field, false};
    if (LiesBelow(real, mount.place)) return StandingMount{mount.place, mount.field, true};
  }
  return std::nullopt;
}

std::string LookAgainCommand(const ServiceConfig& service, const StandingPaths& before,
                             const std::vector<std::string>& paths) {
  std::vector<std::string> fields;
  for (const auto& mount : before.mounts) fields.push_back(mount.field);
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
  const std::string places = fitting(fields);
  const std::string looked_at = service.min_ratio > 0 ? fitting(paths) : std::string();
  if (places.empty() && looked_at.empty()) return {};
  return fmt::format("lost=\ne=0\nfor path in {}; do\n{}for place in {}; do\n{}", looked_at,
                     kLookIfEmptied, places, kLookIfUnmounted);
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

class WatchfulHost : public RemoteHost {
 public:
  WatchfulHost(RemoteHost& host, const ServiceConfig& service, const StandingPaths& before,
               const std::vector<std::string>& fleeting)
      : host_(host), service_(service), before_(before) {
    for (const auto& path : service.paths) {
      if (std::find(before.empty.begin(), before.empty.end(), path) == before.empty.end() &&
          !LiesBelowOneOf(path, fleeting))
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
    if (!look.empty() && ended.exit_status == kLost) ORCIO_TRY(Judge(ended.err));
    return ended;
  }

 private:
  [[nodiscard]] Result<void> Judge(const std::string& err) const;

  RemoteHost& host_;
  const ServiceConfig& service_;
  const StandingPaths& before_;
  std::vector<std::string> paths_;
  std::string look_;
};

Result<void> WatchfulHost::Judge(const std::string& err) const {
  std::vector<std::string> emptied, unmounted;
  for (const auto& line : Lines(err)) {
    if (!line.starts_with(kLostMark)) continue;
    for (const auto& word : Split(line.substr(kLostMark.size()), ' ')) {
      const std::string_view text = word;
      const size_t colon = text.find(':');
      if (colon == std::string_view::npos) continue;
      const auto number = text.substr(colon + 1);
      if (text.starts_with("empty:")) {
        if (const auto* path = Numbered(paths_, number)) emptied.push_back(*path);
      } else if (const auto* mount = Numbered(before_.mounts, number)) {
        unmounted.push_back(mount->place);
      }
    }
  }
  if (emptied.empty() && unmounted.empty()) return {};
  const std::string what =
      unmounted.empty()
          ? fmt::format("{} held something before it was stopped and is empty now", SomeOf(emptied))
          : fmt::format("what was mounted on {} is not any more", SomeOf(unmounted));
  return Fail(
      ErrorKind::kRemote,
      "{}: started again without an archive, for {}: it goes when the service stops. Mount it on "
      "the host, so that it stays (docker takes the volumes off that it mounts, and a .mount unit "
      "may be tied to the service), or write `mode: pause`{}",
      service_.name, what,
      unmounted.empty() ? "; if it is as it should be, take the path out of `paths:`, or write "
                          "`min_ratio: 0`"
                        : "; what need not be archived, leave out by `exclude:`");
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
  for (const auto& mount : told.mounts) {
    if (!HoldsData(mount) || IsOnDemand(mount, told.mounts)) continue;
    auto at = AtPaths(mount, service, told);
    if (!at || LiesBelowOneOf(mount.place, fleeting) || LiesBelowOneOf(at->place, fleeting) ||
        (!at->above && IsExcluded(service, at->place)))
      continue;
    found.mounts.push_back(*std::move(at));
  }
  return found;
}

std::unique_ptr<RemoteHost> MakeWatchfulHost(RemoteHost& host, const ServiceConfig& service,
                                             const StandingPaths& before,
                                             const std::vector<std::string>& fleeting) {
  return std::make_unique<WatchfulHost>(host, service, before, fleeting);
}

}  // namespace orcio::inline archiver
