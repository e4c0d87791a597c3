#include "archiver/host/command_frame.h"

#include <algorithm>

#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {
namespace {

// On a line of its own, whatever stands before it: a greeting without a newline, or a shell that
// prints each command before it runs it, and the mark with it.
constexpr std::string_view kFrameMark = "\norcio-begin\n";

// Where sh is bash, what a start-up file sets and exports by SHELLOPTS holds for every command:
// `set -e` and `set -u` end it halfway, noclobber lets no file be written over. TMOUT makes a
// `read` of a pipe give up, as if nothing more came. After the host's own PATH, so that nothing
// that is found there changes: sshd's and sudo's lack where NAS systems, snaps and macOS have
// docker. A user's own programs are not for root. If only the login user has a docker daemon,
// root's docker is to talk to that one.
constexpr std::string_view kPrologue = R"sh(set +Cefux
unset TMOUT
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin
PATH=$PATH:/opt/bin:/snap/bin:/opt/homebrew/bin
PATH=$PATH:/usr/syno/bin:/var/packages/ContainerManager/target/usr/bin:/var/packages/Docker/target/usr/bin
PATH=$PATH:/share/CACHEDEV1_DATA/.qpkg/container-station/bin:/run/current-system/sw/bin
PATH=$PATH:/Applications/Docker.app/Contents/Resources/bin
[ -n "${SUDO_UID-}" ] || PATH=$PATH:${HOME-}/bin:${HOME-}/.docker/bin
export PATH
for run in "/run/user/${SUDO_UID-}" "${XDG_RUNTIME_DIR:-/run/user}"; do
  [ -z "${DOCKER_HOST-}" ] && [ ! -S /var/run/docker.sock ] && [ -S "$run/docker.sock" ] || continue
  DOCKER_HOST=unix://$run/docker.sock
  export DOCKER_HOST
done
echo; echo orcio-begin
{ echo; echo orcio-begin; } >&2
)sh";

}  // namespace

std::string CommandPrologue(const HostConfig& config) {
  std::vector<std::string> directories = config.path;
  if (config.docker) directories.insert(directories.begin(), config.docker->parent_path().string());
  std::string prologue;
  if (!directories.empty()) {
    prologue += "PATH=";
    for (const auto& directory : directories) prologue += ShellQuote(directory) + ":";
    prologue += "$PATH\n";
  }
  if (config.docker_socket) {
    prologue += "DOCKER_HOST=" + ShellQuote("unix://" + config.docker_socket->string()) +
                "; export DOCKER_HOST\n";
  }
  return prologue.append(kPrologue);
}

std::string_view FrameFilter::Take(std::string_view bytes) {
  if (begun_) return bytes;
  const size_t from = held_.size() - std::min(held_.size(), kFrameMark.size() - 1);
  held_.append(bytes);
  const size_t at = held_.find(kFrameMark, from);
  begun_ = at != std::string::npos;
  noise_bytes_ = begun_ ? at : held_.size();
  return begun_ ? std::string_view(held_).substr(at + kFrameMark.size()) : std::string_view();
}

}  // namespace orcio::inline archiver
