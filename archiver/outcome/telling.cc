#include "archiver/outcome/telling.h"

#include <map>

#include "archiver/config/service_names.h"
#include "archiver/local/hook.h"
#include "archiver/outcome/json_text.h"
#include "archiver/outcome/outcome_text.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {
namespace {

// The kernel refuses a program of which one variable is longer than 128 KiB.
constexpr size_t kMaxVariable = size_t{16} << 10;

// What those who are pinged keep is some 10 to 100 kB.
constexpr size_t kMaxPing = size_t{16} << 10;

// `text`, which is UTF-8.
std::string Shortened(std::string text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most) + "...";
}

std::string_view EventOf(const ServiceOutcome& outcome) {
  if (!Succeeded(outcome)) return "failure";
  return outcome.facts.warnings.empty() ? "success" : "warning";
}

const std::string& CommandFor(std::string_view event, const HookConfig& hooks) {
  if (event == "start") return hooks.start;
  if (event == "failure") return hooks.failure;
  return event == "warning" && hooks.warning ? *hooks.warning : hooks.success;
}

using Variables = std::map<std::string, std::string>;

Variables VariablesOf(std::string_view event, const ServiceConfig& service) {
  return {{"ORCIO_EVENT", std::string(event)},
          {"ORCIO_SERVICE", service.name},
          {"ORCIO_HOST", service.host},
          {"ORCIO_STATUS", "begun"},
          {"ORCIO_ARCHIVE", ""},
          {"ORCIO_MESSAGE", ""},
          {"ORCIO_WARNINGS", ""},
          {"ORCIO_SECONDS", ""},
          {"ORCIO_DOWNTIME", ""},
          {"ORCIO_BYTES", ""}};
}

void AddOutcome(const ServiceOutcome& outcome, Variables& variables) {
  variables["ORCIO_STATUS"] = StatusWord(outcome);
  variables["ORCIO_MESSAGE"] = Shortened(SafeText(MessageOf(outcome)), kMaxVariable);
  variables["ORCIO_WARNINGS"] = std::to_string(outcome.facts.warnings.size());
  variables["ORCIO_SECONDS"] = fmt::format("{:.1f}", outcome.seconds);
  if (outcome.facts.downtime)
    variables["ORCIO_DOWNTIME"] = fmt::format("{:.1f}", outcome.facts.downtime->total());
  if (outcome.archive.empty()) return;
  variables["ORCIO_ARCHIVE"] = outcome.archive.string();
  variables["ORCIO_BYTES"] = std::to_string(outcome.archive_bytes);
}

std::string DocumentOf(std::string_view event, const ServiceConfig& service,
                       const ServiceOutcome* outcome) {
  nlohmann::json document = {{"type", "service"},
                             {"service", service.name},
                             {"host", service.host},
                             {"mode", NameOf(service.mode)}};
  if (outcome != nullptr) document = ToJson(*outcome);
  document["event"] = event;
  document["status"] = outcome == nullptr ? "begun" : StatusWord(*outcome);
  document["control"] = NameOf(service.control);
  return Dump(document) + "\n";
}

void AddTo(std::optional<Error>& all, Error error) {
  if (all) error.message = all->message + "; " + error.message;
  all = std::move(error);
}

}  // namespace

void Telling::TellHook(std::string_view event, const ServiceOutcome* outcome) {
  const std::string& command = CommandFor(event, service_.hooks);
  if (command.empty()) return;
  Variables variables = VariablesOf(event, service_);
  if (outcome != nullptr) AddOutcome(*outcome, variables);
  auto told = RunHook(event, command, variables, DocumentOf(event, service_, outcome),
                      service_.hooks.timeout);
  if (!told) AddTo(hook_error_, std::move(told).error());
}

void Telling::Begin() {
  if (!service_.ping.empty()) {
    auto told = Ping(service_.ping, PingEvent::kStart, {}, first_ping_, stop_);
    if (!told) AddTo(ping_error_, std::move(told).error());
  }
  TellHook("start", nullptr);
}

void Telling::End(ServiceOutcome& outcome) {
  TellHook(EventOf(outcome), &outcome);
  outcome.hook_error = hook_error_;
  if (!service_.ping.empty()) {
    auto told = Ping(service_.ping, Succeeded(outcome) ? PingEvent::kSuccess : PingEvent::kFailure,
                     PingBody(service_, outcome), PatienceAtEnd(stop_), stop_);
    if (!told) AddTo(ping_error_, std::move(told).error());
  }
  outcome.ping_error = ping_error_;
}

std::string PingBody(const ServiceConfig& service, const ServiceOutcome& outcome) {
  std::string body =
      fmt::format("{} on {}: {}\n", outcome.service, outcome.host, StatusWord(outcome));
  if (!outcome.archive.empty()) body += SafeText(Summary(outcome)) + "\n";
  const auto problems = Problems(outcome);
  if (service.offsite_never && !problems.empty())
    return body + "What went wrong is left out, for `offsite: never`.\n";
  for (const std::string& problem : problems) body += SafeText(problem) + "\n";
  return Shortened(std::move(body), kMaxPing);
}

PingPatience PatienceAtEnd(const std::stop_token& stop) {
  return stop.stop_requested() ? kOneQuickPing : PingPatience();
}

}  // namespace orcio::inline archiver
