#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/capture/run_options.h"
#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "archiver/safety/safety_net.h"
#include "archiver/swap/host_tree.h"
#include "archiver/swap/swap_control.h"
#include "base/error.h"
#include "index/files/byte_source.h"

namespace orcio::inline archiver {

// Which of the service's files `wanted` (absolute, normalised; empty: all of its paths) are, as a
// plan with a new ID. What is below another of them is left out. kInvalid for what is not in any of
// the service's paths.
[[nodiscard]] Result<SwapPlan> PlanSwap(const ServiceConfig& service,
                                        const std::vector<std::string>& wanted);

// What came of replacing a service's files. Both errors may be there, as in ServiceOutcome.
struct InPlaceOutcome {
  std::optional<Error> error;        // why everything is as it was before
  std::optional<Error> start_error;  // why the service is not confirmed running again
  bool replaced = false;
  double downtime = 0;  // seconds
  std::vector<std::string> warnings;
};

// Replaces files of a service where they are, all or none: sent to the host while the service runs,
// swapped by renames while it is stopped. The service is stopped and started with all that
// RunService does for it: journal, guard, confirmation. Called in the order Prepare, Send and
// Verify for each tree of the plan, Replace.
class InPlace {
 public:
  // `service`, whose mode is taken to be `stop`; `host` is its.
  InPlace(ServiceConfig service, RemoteHost& host, std::unique_ptr<ServiceControl> control,
          SwapPlan plan, SafetyNet::Place place, ServiceRunOptions options);
  // Removes what was sent and not used.
  ~InPlace();
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;

  // Looks at the host, and changes nothing there. kNotRunning if an earlier run has left the
  // service stopped; kRemote if orcio is not root there, the directory above an item is missing,
  // or a file system is mounted in its place or below; kIo with ENOSPC if `bytes` do not fit.
  [[nodiscard]] Result<void> Prepare(uint64_t bytes, const std::stop_token& stop);

  // After Prepare. See HostTree.
  [[nodiscard]] const SwapPlan& plan() const { return plan_; }
  [[nodiscard]] bool plain() const { return tar_.kind == RemoteTar::Kind::kBusybox; }
  [[nodiscard]] std::string Losses() const { return UnpackLosses(tar_); }
  [[nodiscard]] const std::vector<std::string>& running() const { return running_; }

  // Has the host unpack a tar for HostTree, beside the service. Returns what tar complained about.
  [[nodiscard]] Result<std::vector<std::string>> Send(const SwapPlan::Tree& tree, ByteSource& tar,
                                                      const std::stop_token& stop);
  [[nodiscard]] Result<VerifiedOnHost> Verify(const SwapPlan::Tree& tree, std::string list,
                                              const std::stop_token& stop);

  // `phase` as RunObserver has it.
  [[nodiscard]] InPlaceOutcome Replace(const std::function<void(RunPhase)>& phase,
                                       const std::stop_token& stop);

 private:
  Result<void> Look(uint64_t bytes, const std::stop_token& stop);
  Result<void> CheckMounts(const std::vector<std::string>& items, const std::stop_token& stop);
  [[nodiscard]] RunJournal Journal() const;
  Result<void> SwapAndStart(SafetyNet& net, InPlaceOutcome& outcome, const std::stop_token& stop);
  Result<void> StopAndSwap(SafetyNet& net, const std::stop_token& stop);
  Result<void> Ask(RemoteHost& host, const std::string& command, std::string_view done,
                   std::string_view doing, const std::stop_token& stop);
  void LookAgain(InPlaceOutcome& outcome, const std::stop_token& stop);
  void JudgeSwap(const SafetyNet& net, Result<void> swapped, InPlaceOutcome& outcome,
                 const std::stop_token& stop) const;
  void Conclude(SafetyNet& net, InPlaceOutcome& outcome);
  Result<std::vector<std::string>> ConcludePatiently();

  const ServiceConfig service_;
  RemoteHost& host_;
  const SwapPlan plan_;
  SwapControl control_;
  const SafetyNet::Place place_;
  const ServiceRunOptions options_;
  RemoteTar tar_;
  std::vector<std::string> running_;
  std::vector<std::string> left_;  // of earlier restores
  std::function<void(RunPhase)> phase_;
  bool sent_ = false;  // and not concluded
};

}  // namespace orcio::inline archiver
