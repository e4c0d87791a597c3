#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "archiver/export/export.h"
#include "archiver/local/local_command.h"
#include "base/threads/patience.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 18;

// How long a command that is given up gets to clean up after itself.
constexpr std::chrono::seconds kCleanUp{5};

class CommandTarget : public ExportTarget {
 public:
  CommandTarget(std::string command, std::string service)
      : command_(std::move(command)), service_(std::move(service)) {}

  Result<void> Prepare(const std::vector<std::string>&, uint64_t, const std::stop_token&) override {
    return {};
  }
  Result<void> Take(ExportSource& source, const std::stop_token& stop) override;
  // The command has done so by itself.
  Result<void> Publish(const std::stop_token&) override { return {}; }
  [[nodiscard]] std::string PlaceOf(const std::string&) const override { return command_; }

 private:
  Result<void> Feed(int to, ExportSource& source, const std::stop_token& stop) const;

  const std::string command_;
  const std::string service_;
};

Result<void> CommandTarget::Feed(int to, ExportSource& source, const std::stop_token& stop) const {
  std::vector<std::byte> buffer(kPieceBytes);
  while (const size_t got = ORCIO_TRY(source.Read(buffer))) {
    for (auto left = std::span<const std::byte>(buffer).first(got); !left.empty();) {
      ORCIO_TRY(WaitForFd(to, POLLOUT, Patience{stop}));
      const ssize_t put = ::write(to, left.data(), left.size());
      if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (put < 0 && errno == EPIPE)
        return Failure(Error{ErrorKind::kIo, EPIPE,
                             fmt::format("`{}` did not read all of {}", command_, source.name())});
      if (put < 0) return FailErrno(errno, fmt::format("writing to `{}`", command_));
      left = left.subspan(static_cast<size_t>(put));
    }
  }
  return {};
}

Result<void> CommandTarget::Take(ExportSource& source, const std::stop_token& stop) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return FailErrno(errno, "pipe");
  UniqueFd theirs(ends[0]);
  UniqueFd ours(ends[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  auto command = ORCIO_TRY(LocalCommand::Start(command_,
                                               {{"ORCIO_ARCHIVE", source.name()},
                                                {"ORCIO_BYTES", std::to_string(source.size())},
                                                {"ORCIO_SERVICE", service_}},
                                               theirs));
  theirs.Reset();
  auto fed = Feed(ours.get(), source, stop);
  if (!fed) {
    // Before the end of its input, which it would take for that of the archive.
    command.Signal(SIGTERM);
    if (!command.EndsWithin(kCleanUp)) command.Signal(SIGKILL);
  }
  ours.Reset();
  while (fed && !command.EndsWithin(kWaitSlice)) {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "`{}`: interrupted", command_);
  }
  auto ended = command.Wait(fmt::format("`{}`", command_));
  // What it says by its exit status is why it did not read on.
  if (!fed && (fed.error().errnum != EPIPE || ended)) return fed;
  return ended;
}

}  // namespace

std::unique_ptr<ExportTarget> MakeCommandTarget(std::string command, std::string service) {
  return std::make_unique<CommandTarget>(std::move(command), std::move(service));
}

}  // namespace orcio::inline archiver
