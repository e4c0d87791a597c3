#include "archiver/local/hook.h"

#include <signal.h>

#include "archiver/local/local_command.h"

namespace orcio::inline archiver {

Result<void> RunHook(std::string_view name, const std::string& command,
                     const std::map<std::string, std::string>& environment, std::string_view input,
                     std::chrono::milliseconds timeout) {
  const std::string what = fmt::format("the hook `{}`", name);
  const auto standard_input = ORCIO_TRY(InputOf(input));
  auto hook = ORCIO_TRY(LocalCommand::Start(command, environment, standard_input));
  if (!hook.EndsWithin(timeout)) {
    return Fail(ErrorKind::kIo, "{} was killed: it ran for more than {} s", what,
                std::chrono::duration_cast<std::chrono::seconds>(timeout).count());
  }
  hook.Signal(SIGKILL);  // no longer reaches itself, only what it left in the background
  return hook.Wait(what);
}

}  // namespace orcio::inline archiver
