#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archiver/control/service_control.h"
#include "archiver/swap/swap_script.h"

namespace orcio::inline archiver {

// A service some of whose files are being replaced: nothing of it is started before the swap either
// counts or is undone.
class SwapControl : public ServiceControl {
 public:
  SwapControl(std::unique_ptr<ServiceControl> control, SwapPlan plan)
      : control_(std::move(control)), plan_(std::move(plan)) {}

  [[nodiscard]] Result<void> Inspect(RemoteHost& host, const std::stop_token& stop) override {
    return control_->Inspect(host, stop);
  }
  [[nodiscard]] std::vector<std::string> Running() const override { return control_->Running(); }
  [[nodiscard]] std::vector<std::string> Warnings() const override { return control_->Warnings(); }
  [[nodiscard]] std::string Memory() const override { return control_->Memory(); }
  [[nodiscard]] Result<void> Recall(const std::string& memory) override {
    return control_->Recall(memory);
  }
  [[nodiscard]] std::string StartScript() const override {
    return control_->StartScript() + PutBackFunction(plan_);
  }
  [[nodiscard]] Result<void> Stop(RemoteHost& host, const std::stop_token& stop) override {
    return control_->Stop(host, stop);
  }
  [[nodiscard]] Result<void> ConfirmAtRest(RemoteHost& host, const std::stop_token& stop) override {
    return control_->ConfirmAtRest(host, stop);
  }
  void StopMayGoOn() override { control_->StopMayGoOn(); }
  // kNotRunning, and nothing is started, if something that was swapped cannot be put back.
  [[nodiscard]] Result<void> Start(RemoteHost& host, const std::stop_token& stop) override;

  [[nodiscard]] Result<std::vector<std::string>> LookAgain(RemoteHost& host,
                                                           const std::stop_token& stop) override {
    return control_->LookAgain(host, stop);
  }

  // Since Start: whether the swap counts; nothing if the host could not be asked, or the swap
  // was over before.
  [[nodiscard]] std::optional<bool> replaced() const { return replaced_; }

 private:
  const std::unique_ptr<ServiceControl> control_;
  const SwapPlan plan_;
  std::optional<bool> replaced_;
};

// Once the service runs: removes what the swap does not need any more. Returns the directories on
// the host that stay, with something in them.
[[nodiscard]] Result<std::vector<std::string>> ConcludeSwap(RemoteHost& host, const SwapPlan& plan,
                                                            const std::stop_token& stop);

}  // namespace orcio::inline archiver
