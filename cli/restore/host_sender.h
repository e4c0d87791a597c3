#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/swap/host_tree.h"
#include "cli/output/progress.h"
#include "cli/shared/context.h"
#include "cli/shared/exit_code.h"
#include "cli/shared/named_archive.h"
#include "index/archive/read/archive_reader.h"
#include "retrieve/dump/dump.h"
#include "retrieve/plan/planned_digests.h"
#include "retrieve/plan/restore_plan.h"

namespace orcio::cli {

// Of decoded bytes, for the reader of an archive that is sent.
inline constexpr uint64_t kSenderCacheBytes = uint64_t{64} << 20;

// Sends planned entries of an archive to a host as a tar for HostTree, and tells of what went
// wrong.
class HostSender {
 public:
  // Where they go.
  struct Place {
    std::string name;  // for people
    bool plain = false;
    bool set_ids = true;
    bool owner_names = false;
    std::function<Result<std::vector<std::string>>(ByteSource&)> unpack;
  };

  // All but `stop` outlive it.
  HostSender(const Context& context, const Opened& opened, const std::stop_token& stop)
      : context_(context), opened_(opened), stop_(stop), line_(context.Interactive()) {}

  [[nodiscard]] Result<DumpResult> Send(const ArchiveReader& reader, const RestorePlan& plan,
                                        const Place& place);
  // Has `compare` look at what was sent, by lists of digests.
  [[nodiscard]] Result<void> Verify(
      const RestorePlan& plan, const std::string& place,
      const std::function<Result<VerifiedOnHost>(std::string lines)>& compare);

  // Warns of a problem, which counts.
  void Tell(std::string_view where, std::string_view what, const std::string& text, ExitCode code);

  [[nodiscard]] ProgressLine& line() { return line_; }
  // The worst that was reported.
  [[nodiscard]] ExitCode code() const { return code_; }
  // As JSON output ends, and as people read it.
  [[nodiscard]] nlohmann::json SummaryJson(const std::string& place, const DumpResult& sent,
                                           double seconds) const;
  [[nodiscard]] std::string SummaryText(const std::string& place, const DumpResult& sent,
                                        double seconds) const;

 private:
  const Context& context_;
  const Opened& opened_;
  const std::stop_token stop_;
  ProgressLine line_;
  ExitCode code_ = kDone;
  uint64_t problems_ = 0;
  std::optional<PlannedDigests> verified_;
};

}  // namespace orcio::cli
