#include "archiver/safety/guard_script.h"

#include <fmt/format.h>

#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {
namespace {

// Sets d to the guard's directory, or to nothing. Where others may write, only one's own counts.
constexpr const char* kFind = R"sh(d=
for b in /run /dev/shm /tmp; do
  b=$b/orcio-guard-{}
  if [ -d "$b" ] && [ ! -L "$b" ] && [ -O "$b" ]; then d=$b; break; fi
done
)sh";

constexpr const char* kTell = R"sh(tell() {
  p=before
  [ ! -e "$d/work" ] || p=stopping
  [ ! -e "$d/stopped" ] || p=stopped
  [ ! -e "$d/done" ] || p=over
  if [ -z "$d" ]; then echo 'orcio-guard: gone before'
  elif [ -e "$d/claim" ] && [ ! -e "$d/done" ]; then echo "orcio-guard: fired $p $(head -n 1 "$d/fired" 2>/dev/null)"
  else echo "orcio-guard: armed $p"
  fi
}
)sh";

// A process's start time tells it from a later process of the same number (proc(5), field 22 of
// stat; 20 after the name). One that has ended counts for none, though nobody waited for it.
constexpr const char* kBegunOf = R"sh(begun_of() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${line##*) }
  [ "$1" != Z ] || return 1
  echo "${20}"
}
guarded() {
  { read -r guard begun <"$d/ready"; } 2>/dev/null
  [ -n "$begun" ] && [ "$(begun_of "$guard")" = "$begun" ]
}
)sh";

// Ends the process group of the last command that stopped or read the service. Its shell is the
// first to go: a tar that somebody has stopped, or that waits for a dead disk, outlives it. (Nobody
// else's group has the number for as long as one of them is there.) One that is stopped ends once
// it is continued; one that waits for a disk when that lets go of it, and is not waited for.
// busybox's kill takes the -- before a group for a process, and fails.
constexpr const char* kEndWork = R"sh(at_work() {
  [ "$(begun_of "$process")" != "$begun" ] || return 0
  [ -e "$d/stopped" ] && ! begun_of "$group" >/dev/null
}
end_work() {
  { read -r group process begun <"$d/work"; } 2>/dev/null || return 0
  [ -n "$begun" ] || return 0
  for signal in TERM TERM KILL; do
    at_work || return 0
    kill "-$signal" "-$group" 2>/dev/null || return 0
    kill -CONT "-$group" 2>/dev/null
    sleep 0.3 2>/dev/null || sleep 1
  done
}
)sh";

// In this order, as others may look meanwhile: who finds a claim gone, or what says that the
// service had stopped, finds no work either, and knows by it that all is over.
constexpr const char* kRemove = R"sh(remove() {
  rm -f "$d/work" "$d/guard"
  rm -rf "$d" 2>/dev/null || rm -rf "$d"
}
)sh";

constexpr const char* kGuard = R"sh(say() {
  logger -t orcio-guard -p daemon.warning "$service: $1" </dev/null >/dev/null 2>&1
}
# As orcio's own commands run: with the environment of its session, and without the signals ignored
# that this program ignores, or was told to. In its directory if $1 is "there", else in /.
signals=
env --default-signal true >/dev/null 2>&1 </dev/null && signals=--default-signal
session() (
  trap - HUP PIPE
  if [ ! -e "$d/environment" ]; then
    shift
    exec "$@"
  fi
  exec env $signals -i PATH="$PATH" sh "$d/environment" "$@"
)
# Who waits for a network file system may not heed a SIGTERM.
limit=
for how in 'timeout -k 5' timeout; do
  if $how 5 true >/dev/null 2>&1 </dev/null; then
    limit=$how
    break
  fi
done
within() {
  seconds=$1
  shift
  session / ${limit:+$limit "$seconds"} "$@"
}
# That directory may be on a network that is down, which may be why orcio is silent: who enters it
# waits for that network, and the service would, too.
entered() {
  set -- env -i PATH="$PATH" sh "$d/environment" there true
  [ -z "$limit" ] || set -- $limit 5 "$@"
  "$@" >/dev/null 2>&1 </dev/null
}
where=there
told=
in_session() {
  if [ "$where" = there ] && [ -e "$d/environment" ] && ! entered; then
    where=/  # until the next look
    [ -n "$told" ] || say 'the directory of its commands cannot be entered: they run in /'
    told=1
  fi
  session "$where" "$@"
}
# Counts seconds of its own: a clock that is set wrong, or right, changes nothing.
# Two that begin at once may each find that there is none yet: the one that said so last stays.
is_the_one() {
  { read -r guard begun <"$d/ready"; } 2>/dev/null
  [ "$guard" = $$ ] || ! guarded
}
watch() {
  quiet=0
  total=0
  while :; do
    sleep 1
    [ -d "$d" ] || return 1
    is_the_one || exit 0
    [ ! -e "$d/claim" ] || break
    total=$((total + 1))
    quiet=$((quiet + 1))
    if [ -e "$d/beat" ]; then
      rm -f "$d/beat"
      quiet=0
    fi
    if [ "$quiet" -ge "$silence" ]; then
      why="orcio was silent for $silence s"
      break
    fi
    if [ "$longest" -gt 0 ] && [ "$total" -ge "$longest" ] && [ ! -e "$d/ended" ]; then
      why="it was down for more than its max_downtime"
      break
    fi
  done
  mkdir "$d/claim" 2>/dev/null && return 0
  # Claimed by orcio, unless one of the two died over it.
  [ ! -d "$d/claim" ] || sleep 5
  [ -d "$d" ] && [ ! -e "$d/done" ]
}
fire() {
  if [ ! -e "$d/work" ]; then  # nothing has been stopped, or all is over
    remove
    return
  fi
  if [ ! -e "$d/fired" ]; then
    echo "starting $why" >"$d/fired"
    say "$why: starting it again"
  fi
  end_work
  [ -e "$d/stopped" ] || [ ! -e "$d/work" ] || finish_stop
  # A restore has moved the service's files about. Half of them are worse than a service that is down.
  if [ -n "${puts_back-}" ] && ! put_back && { sleep 1; ! put_back; }; then
    echo "failed $why, and what a restore has moved cannot be put back" >"$d/fired"
    say 'not started, for what a restore has moved cannot be put back'
    return
  fi
  tries=0
  steady=0
  pause=0
  missed=0
  while [ "$tries" -lt 400 ]; do
    [ -d "$d" ] || return
    tries=$((tries + 1))
    up=yes
    gone=
    where=there
    start_all
    steady=$((steady + 1))
    [ "$up" = yes ] || steady=0
    # Whoever removed them may be about to make them anew, and a docker daemon that has just come up
    # may not know all of its own yet: ten minutes.
    if [ -n "$gone" ] && [ "$steady" -gt 0 ]; then missed=$((missed + pause)); else missed=0; fi
    # Orcio does not wait for that: it can have them made anew.
    if [ -n "$gone" ] && [ "$steady" -eq 20 ]; then
      echo "lacking $why, and these of its containers are gone:$gone" >"$d/fired"
    fi
    if [ "$missed" -ge 600 ]; then
      echo "failed $why, and these of its containers are gone:$gone" >"$d/fired"
      say "what is left of it runs again; these containers are gone:$gone: make them anew (docker compose up -d)"
      return
    fi
    if [ -z "$gone" ] && [ "$steady" -ge 3 ]; then
      echo "confirmed $why" >"$d/fired"
      say 'it runs again'
      return
    fi
    pause=10
    if [ "$tries" -lt 10 ] || { [ "$steady" -gt 0 ] && [ "$steady" -lt 20 ]; }; then pause=1; fi
    sleep "$pause"
  done
  echo "failed $why" >"$d/fired"
  say 'it does not come up: start it by hand'
}
main() {
  d=$1
  why='the guard was interrupted'
  trap '' HUP PIPE
  cd /
  ! guarded || exit 0  # two of them would both start it
  echo "$$ $(begun_of $$)" >"$d/ready.$$"
  mv "$d/ready.$$" "$d/ready"
  if [ -e "$d/fired" ] || watch; then
    fire
    rm -f "$d/environment"
  elif [ -d "$d" ]; then  # orcio removes it, if it has not died meanwhile
    sleep 60
    remove
  fi
  exit 0
}
main "$@"
)sh";

// Starts the guard's program, detached.
constexpr const char* kByItself = R"sh(by_itself() {
  (
    trap '' HUP
    cd /
    if command -v setsid >/dev/null; then exec setsid sh "$d/guard" "$d"; fi
    exec sh "$d/guard" "$d"
  ) </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
}
)sh";

// A sign of orcio. Somebody may have killed the guard, the kernel for want of memory too: then
// another one takes its place, as long as nothing was decided.
constexpr const char* kBeat = R"sh(if [ -n "$d" ]; then
  : >"$d/beat"
  [ -e "$d/claim" ] || guarded || by_itself
fi
tell
)sh";

// What orcio's own start would find: the environment of its session, all bytes of it, in the words
// of the shell that will read them, but for what speaks of this connection or would be run by a
// shell that starts; the directory, as PWD; the umask. Taken before any name of ours is set.
constexpr const char* kSession = R"sh(session=$(
  unset BASH_ENV ENV POSIXLY_CORRECT SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION \
    SSH_ORIGINAL_COMMAND SSH_TTY SSH_USER_AUTH SUDO_COMMAND
  export PWD
  echo "umask $(umask)"
  export -p
)
)sh";

// Makes a program of it, which runs its arguments but for the first: "there" has them run in the
// directory, anything else in /, with a PWD at which nobody has to look. None if the shell does not
// understand its own words. (bash has names that are read-only; it minds that less if it need not
// follow POSIX, and without POSIXLY_CORRECT it need not.)
constexpr const char* kKeepSession = R"sh(keep_session() {
  {
    echo '(set +o posix) 2>/dev/null && set +o posix'
    printf '{\n%s\n} 2>/dev/null\n' "$session"
    echo 'if [ "$1" = there ]; then cd -- "$PWD" 2>/dev/null || exit; else cd /; fi'
    echo 'shift'
    echo 'unset OLDPWD'
    echo 'exec "$@"'
  } >"$d/environment"
  [ "$(env -i PATH="$PATH" sh "$d/environment" / echo x 2>/dev/null </dev/null)" = x ] ||
    rm -f "$d/environment"
}
)sh";

// The systemd unit survives the end of the login session, and is started again if it is killed; it
// leaves alone what its start commands leave running. Without a program of the session's
// environment it has at least what says where the docker daemon is.
constexpr const char* kArm = R"sh(umask 077
d=
for b in /run /dev/shm /tmp; do
  if mkdir -m 0700 "$b/orcio-guard-$token" 2>/dev/null; then d=$b/orcio-guard-$token; break; fi
done
if [ -z "$d" ]; then
  echo 'no directory for it in /run, /dev/shm or /tmp can be made' >&2
  exit 1
fi
runs() {
  n=0
  while [ ! -e "$d/ready" ]; do
    [ "$n" -lt 1000 ] || return 1
    n=$((n + 1))
    sleep 0.02 2>/dev/null || { n=$((n + 49)); sleep 1; }
  done
}
by_systemd() {
  [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ] || return 1
  systemd-run --quiet --collect --unit="orcio-guard-$token" --property=Restart=on-failure \
    --property=KillMode=process --setenv=PATH="$PATH" \
    ${DOCKER_HOST:+--setenv=DOCKER_HOST="$DOCKER_HOST"} \
    ${DOCKER_CONFIG:+--setenv=DOCKER_CONFIG="$DOCKER_CONFIG"} \
    sh "$d/guard" "$d" </dev/null >/dev/null 2>&1
}
keep_session
if cat >"$d/guard" && { { by_systemd && runs; } || { by_itself; runs; }; }; then
  tell
else
  rm -rf "$d"
  echo 'its program does not start' >&2
  exit 1
fi
)sh";

// All has been read: what follows starts the service, if that is not the guard's to do by now.
constexpr const char* kEnded = R"sh([ -z "$d" ] || : >"$d/ended"
tell
)sh";
constexpr const char* kUnlessFired = R"sh(if [ -z "$d" ] || [ -e "$d/claim" ]; then exit 0; fi
)sh";

// Whoever asks again, because the link broke over the answer, gets the same one.
constexpr const char* kDisarm = R"sh(if [ -n "$d" ] && [ ! -e "$d/done" ]; then
  mkdir "$d/claim" 2>/dev/null && : >"$d/done"
fi
tell
)sh";

// In this order: either the guard finds this command at work, or this command finds the claim, or
// the guard's program gone with it.
constexpr const char* kRefuse = R"sh(if [ -n "$d" ]; then
  { read -r line <"/proc/$$/stat"; } 2>/dev/null
  set -- ${line##*) }
  echo "$3 $$ ${20}" >"$d/work"
fi
if [ -z "$d" ] || [ -e "$d/claim" ] || [ ! -e "$d/guard" ]; then
  echo 'orcio-guard: refused' >&2
  exit 97
fi
)sh";

std::string Find(const std::string& token) {
  return fmt::format(fmt::runtime(kFind), token);
}

}  // namespace

std::string GuardProgram(const GuardPlan& plan) {
  return fmt::format(
             "#!/bin/sh\n"
             "# Starts {0} again where orcio falls silent. It ends by itself.\n"
             "service={0}\nsilence={1}\nlongest={2}\n",
             ShellQuote(plan.service), plan.silence.count(), plan.longest.count()) +
         kBegunOf + kRemove + kEndWork + plan.start + kGuard;
}

std::string ArmCommand(const std::string& token) {
  return std::string(kSession) + "token=" + token + "\n" + kTell + kByItself + kKeepSession + kArm;
}

std::string BeatCommand(const std::string& token) {
  return Find(token) + kTell + kBegunOf + kByItself + kBeat;
}

std::string EndedCommand(const std::string& token) {
  return Find(token) + kTell + kEnded;
}

std::string EndedThenCommand(const std::string& token, const std::string& command) {
  return Find(token) + kTell + kEnded + kUnlessFired + command;
}

std::string TakeCommand(const std::string& token) {
  return Find(token) + kTell + kBegunOf + kEndWork + "[ -z \"$d\" ] || end_work\ntell\n";
}

std::string DisarmCommand(const std::string& token) {
  return Find(token) + kTell + kDisarm;
}

std::string RemoveCommand(const std::string& token) {
  return Find(token) + kTell + kRemove + "[ -z \"$d\" ] || remove\nd=\ntell\n";
}

std::string GuardedCommand(const std::string& token, const std::string& command, bool stopped) {
  return Find(token) + kRefuse + (stopped ? ": >\"$d/stopped\"\n" : "") + command;
}

}  // namespace orcio::inline archiver
