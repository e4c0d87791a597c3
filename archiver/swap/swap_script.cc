#include "archiver/swap/swap_script.h"

#include <fmt/format.h>

#include "archiver/host/shell_quote.h"
#include "archiver/swap/host_tree.h"
#include "base/text/words.h"

namespace orcio::inline archiver {
namespace {

constexpr std::string_view kSwapMark = "orcio-swap: ";

// Goes into the directory above an item, symlinks on the way to `top` and all, which are the
// administrator's; from there on no symlink is followed. Sets part, staged and name; part also
// if it fails after `top`.
constexpr const char* kSwapTools = R"sh(
LC_ALL=C; export LC_ALL; unset CDPATH
tell() { echo "orcio-swap: $*"; }
there() { [ -e "$1" ] || [ -L "$1" ]; }
enter_top() {
  part=
  cd -P -- "$1" 2>/dev/null || return 1
  part=$(pwd -P)
  part=${part%/}/.orcio-restore-$id
}
enter() {
  enter_top "$1" || return 1
  staged=$part/tree${1%/}/$2
  rest=$2
  while :; do
    case $rest in */*) ;; *) break ;; esac
    [ ! -L "./${rest%%/*}" ] && cd -P "./${rest%%/*}" 2>/dev/null || return 1
    rest=${rest#*/}
  done
  name=./$rest
}
flush() { sync -f . 2>/dev/null || sync; }
)sh";

constexpr const char* kSwapLook = R"sh(
tell user "$(id -u)"
look() {
  if ! enter "$2" "$3"; then tell missing "${2%/}/$3"; return; fi
  above=$(pwd -P)
  tell real "${above%/}/${name#./}"
  here=$(stat -c %d .)
  beside=$(stat -c %d "${part%/*}/")
  own=$here
  ! there "$name" || own=$(stat -c %d "$name")
  [ "$here" = "$beside" ] && [ "$own" = "$here" ] || tell other "${2%/}/$3"
}
each look
look_top() {
  enter_top "$1" || return
  tell free "$(df -Pk . 2>/dev/null | { read -r title; read -r device all used left rest; echo "$left"; })"
  for left in ./.orcio-restore-*; do
    ! there "$left" || tell left "${1%/}/${left#./}"
  done
}
each_top look_top
tell looked
)sh";

// The trap takes effect once tar has ended, see host_tree.cc.
constexpr const char* kSwapUnpack = R"sh(
enter_top "$top" || exit 1
drop() { rm -rf "$part"; }
trap 'drop; exit 1' HUP INT TERM
trap '' PIPE
umask 077
mkdir "$part" && cd -P "$part" && [ "$(pwd -P)" = "$part" ] || exit 1
unpack
ended=$?
if [ "$ended" -ne 0 ] || [ ! -f whole ] || [ ! -d tree ]; then
  drop
  [ "$ended" -ne 0 ] || echo 'the tar that arrived there was cut short' >&2
  exit 1
fi
flush
tell ready
)sh";

// What is there is moved aside under its number, and only then is its place taken: whatever stands
// under a number has not been put back yet.
constexpr const char* kSwapItems = R"sh(
swap_item() {
  if ! enter "$2" "$3"; then echo "the directory above ${2%/}/$3 is gone" >&2; return 1; fi
  if ! there "$staged"; then echo "${2%/}/$3 is not among what was restored" >&2; return 1; fi
  [ -d "$part/old" ] || mkdir -m 0700 "$part/old" || return 1
  if there "$name"; then mv "$name" "$part/old/$1" || return 1
  else mkdir "$part/old/$1.absent" || return 1
  fi
  mv "$staged" "$name" && flush && tell moved "${2%/}/$3"
}
each swap_item || exit 1
tell swapped
)sh";

constexpr const char* kSwapDecide = R"sh(
decide() {
  enter_top "$1" && mkdir "$part/done" && cd -P "$part" && flush && tell replaced
}
first_top decide
)sh";

constexpr const char* kSwapPutBack = R"sh(
decided() { enter_top "$1" && [ -d "$part/done" ]; }
put_back_item() {
  entered=yes
  enter "$2" "$3" || entered=
  [ -n "$part" ] || return 1
  was=absent
  if there "$part/old/$1"; then was=there
  elif [ ! -d "$part/old/$1.absent" ]; then return 0
  fi
  [ -n "$entered" ] || return 1
  if there "$name"; then
    if ! there "$staged"; then mv "$name" "$staged" || return 1
    elif [ "$was" = there ]; then mv "$name" "$part/found-$1" || return 1
    fi
  fi
  if [ "$was" = there ]; then mv "$part/old/$1" "$name"; else rmdir "$part/old/$1.absent"; fi || return 1
  flush
}
stuck=
try_item() { put_back_item "$@" || stuck=${stuck:-${2%/}/$3}; }
)sh";

constexpr const char* kSwapTellBack = R"sh(
if first_top decided; then tell replaced; exit 0; fi
each try_item
[ -z "$stuck" ] || { stuck=; sleep 1; each try_item; }
over() { enter_top "$1" && ! there "$part"; }
if [ -n "$stuck" ]; then tell stuck "$stuck"
elif first_top over; then tell over
else tell as-before
fi
)sh";

// A file system that is mounted somewhere in what was replaced is not gone into.
constexpr const char* kSwapConclude = R"sh(
one=--one-file-system
rm -f "$one" 2>/dev/null || one=
erase() {
  if [ -n "$one" ]; then rm -rf "$one" "$1"; return; fi
  there "$1" || return 0
  find "$1" -xdev ! -type d -exec rm -f {} +
  find "$1" -xdev -depth -type d -exec rmdir {} +
}
counts=
! first_top decided || counts=yes
conclude() {
  enter_top "$1" && [ -d "$part" ] || return 0
  erase "$part/tree"
  rm -f "$part/whole"
  if [ -z "$counts" ]; then
    rmdir "$part/old" 2>/dev/null
  elif [ -z "$keep" ]; then
    erase "$part/old"
    rmdir "$part/done" 2>/dev/null  # the last: until here it is known what old is
  fi
  rmdir "$part" 2>/dev/null
  ! there "$part" || tell kept "${1%/}/.orcio-restore-$id"
}
each_top conclude
)sh";

// The plan, as shell functions: each CALL, each_top CALL (the first one last), first_top CALL.
std::string PlanText(const SwapPlan& plan) {
  std::string each = "each() {\n";
  std::string tops = "each_top() {\n";
  size_t number = 0;
  for (const SwapPlan::Tree& tree : plan.trees) {
    for (const std::string& item : tree.items)
      each += fmt::format("  \"$1\" {} {} {} || return 1\n", number++, ShellQuote(tree.top),
                          ShellQuote(item));
  }
  for (auto tree = plan.trees.rbegin(); tree != plan.trees.rend(); ++tree)
    tops += fmt::format("  \"$1\" {}\n", ShellQuote(tree->top));
  return fmt::format("id={}\nkeep={}\n{}}}\n{}}}\nfirst_top() {{ \"$1\" {}; }}\n", plan.id,
                     plan.keep ? "yes" : "", each, tops, ShellQuote(plan.trees.front().top));
}

std::string Script(const SwapPlan& plan, const char* script) {
  return PlanText(plan) + kSwapTools + script;
}

}  // namespace

std::string LookForSwap(const SwapPlan& plan) {
  return Script(plan, kSwapLook);
}

std::string UnpackForSwap(const SwapPlan& plan, const SwapPlan::Tree& tree, const RemoteTar& tar,
                          bool by_name) {
  return UnpackFunction(tar, by_name) + "top=" + ShellQuote(tree.top) + "\n" +
         Script(plan, kSwapUnpack);
}

std::string UnpackedTree(const SwapPlan& plan, const SwapPlan::Tree& tree) {
  const std::string top = tree.top == "/" ? "" : tree.top;
  return fmt::format("{}/.orcio-restore-{}/{}", top, plan.id, kHostTreeRoot);
}

std::string Swap(const SwapPlan& plan) {
  return Script(plan, kSwapItems);
}

std::string DecideSwap(const SwapPlan& plan) {
  return Script(plan, kSwapDecide);
}

std::string PutBack(const SwapPlan& plan) {
  return Script(plan, kSwapPutBack) + kSwapTellBack;
}

// In a shell of its own: the guard has other things under these names.
std::string PutBackFunction(const SwapPlan& plan) {
  return "puts_back=yes\nput_back() (\n" + Script(plan, kSwapPutBack) +
         "! first_top decided || exit 0\neach try_item\n[ -z \"$stuck\" ]\n)\n";
}

std::string ConcludeSwap(const SwapPlan& plan) {
  return PlanText(plan) + kSwapTools + kSwapPutBack + kSwapConclude;
}

std::vector<SwapAnswer> SwapAnswers(std::string_view output) {
  std::vector<SwapAnswer> answers;
  for (const auto& line : Lines(output)) {
    if (!line.starts_with(kSwapMark)) continue;
    const std::string said = line.substr(kSwapMark.size());
    const size_t space = said.find(' ');
    answers.push_back(
        {said.substr(0, space), space == std::string::npos ? "" : said.substr(space + 1)});
  }
  return answers;
}

}  // namespace orcio::inline archiver
