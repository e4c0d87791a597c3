#include "archiver/swap/swap_control.h"

#include "archiver/host/remote_text.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {

Result<void> SwapControl::Start(RemoteHost& host, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host.Run(PutBack(plan_), {}, stop));
  bool looked = false;
  for (const SwapAnswer& answer : SwapAnswers(result.out)) {
    if (answer.word == "replaced") replaced_ = true;
    if (answer.word == "as-before") replaced_ = false;
    if (answer.word == "over") replaced_.reset();
    looked = looked || answer.word != "stuck";
    if (answer.word != "stuck") continue;
    return Fail(ErrorKind::kNotRunning,
                "{}: not started, for {} was moved out of the way by a restore that was "
                "interrupted, and cannot be put back ({}): it is in .orcio-restore-{}/old, beside "
                "the service's path",
                host.name(), SafeText(answer.rest), Excerpt(result.err), plan_.id);
  }
  if (!looked) return RemoteFailure(host, "looking at what a restore replaced", result);
  return control_->Start(host, stop);
}

Result<std::vector<std::string>> ConcludeSwap(RemoteHost& host, const SwapPlan& plan,
                                              const std::stop_token& stop) {
  RunOptions options;
  options.timeout = std::chrono::seconds(0);  // millions of files may have been replaced
  const auto result = ORCIO_TRY(host.Run(ConcludeSwap(plan), options, stop));
  std::vector<std::string> kept;
  for (const SwapAnswer& answer : SwapAnswers(result.out)) {
    if (answer.word == "kept") kept.push_back(SafeText(answer.rest));
  }
  if (result.exit_status != 0) return RemoteFailure(host, "removing what was replaced", result);
  return kept;
}

}  // namespace orcio::inline archiver
