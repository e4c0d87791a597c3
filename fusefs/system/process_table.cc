#include "fusefs/system/process_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace orcio::inline fusefs {
namespace {

// Fields of /proc/PID/stat from the third on, see proc(5): the second, a name in parentheses, may
// have anything in it.
constexpr size_t kFlagsField = 9 - 3;
constexpr size_t kStartedField = 22 - 3;
// PF_KTHREAD of the kernel's sched.h: a number that proc(5) points to.
constexpr uint64_t kKernelThread = 0x00200000;

// The beginning of a file of /proc, in which what is looked for lies. Empty if there is none.
std::string BeginningOf(const std::string& path) {
  std::array<char, 4096> text;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return {};
  ssize_t got = 0;
  do {
    got = ::read(file.get(), text.data(), text.size());
  } while (got < 0 && errno == EINTR);
  return {text.data(), got < 0 ? 0 : static_cast<size_t>(got)};
}

std::optional<uint64_t> NumberAt(std::string_view text) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

// The name before it in the file has its line feeds escaped.
std::optional<pid_t> ThreadGroupIn(std::string_view status) {
  constexpr std::string_view kBefore = "\nTgid:\t";
  const size_t at = status.find(kBefore);
  if (at == status.npos) return std::nullopt;
  const auto number = NumberAt(status.substr(at + kBefore.size()));
  if (!number) return std::nullopt;
  return static_cast<pid_t>(*number);
}

std::optional<uint64_t> StatField(std::string_view stat, size_t field) {
  const size_t name_end = stat.rfind(") ");
  if (name_end == stat.npos) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  for (; field > 0; --field) {
    const size_t space = stat.find(' ');
    if (space == stat.npos) return std::nullopt;
    stat.remove_prefix(space + 1);
  }
  return NumberAt(stat);
}

bool IsOurProc() {
  std::array<char, 32> target;
  const ssize_t size = ::readlink("/proc/self", target.data(), target.size());
  return size > 0 &&
         std::string_view(target.data(), static_cast<size_t>(size)) == std::to_string(::getpid());
}

}  // namespace

std::optional<Process> ProcessOf(pid_t thread) {
  if (thread <= 0 || !IsOurProc()) return std::nullopt;
  const auto id = ThreadGroupIn(BeginningOf(fmt::format("/proc/{}/status", thread)));
  if (!id) return std::nullopt;
  const std::string stat = BeginningOf(fmt::format("/proc/{}/stat", *id));
  const auto flags = StatField(stat, kFlagsField);
  const auto started = StatField(stat, kStartedField);
  if (!flags || !started || (*flags & kKernelThread) != 0) return std::nullopt;
  return Process{*id, *started};
}

}  // namespace orcio::inline fusefs
