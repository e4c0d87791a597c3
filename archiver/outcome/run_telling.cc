#include "archiver/outcome/run_telling.h"

#include <unistd.h>

#include <array>
#include <ctime>
#include <set>

#include "archiver/outcome/discreet_text.h"
#include "archiver/outcome/outcome_text.h"
#include "archiver/outcome/telling.h"

namespace orcio::inline archiver {
namespace {

constexpr std::chrono::seconds kMailTime{60};
constexpr size_t kMostNamed = 5;

std::string ThisHost() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this machine";
}

bool MayBeTold(const Config& config, const std::string& service) {
  if (service.empty()) return true;
  const ServiceConfig* known = config.FindService(service);
  return known != nullptr && !known->offsite_never;
}

// In place of what was said of these services.
void AddDiscreetLines(const std::set<std::string>& services, const RunEnd& end,
                      std::vector<std::string>& lines) {
  for (const std::string& service : services) {
    for (const ServiceOutcome& outcome : end.outcomes) {
      if (outcome.service != service) continue;
      for (std::string& problem : DiscreetProblems(outcome)) lines.push_back(std::move(problem));
    }
    lines.push_back(service +
                    ": what was said of it is left out, for `offsite: never`: see this machine's "
                    "log, or `orcio list --json` there");
  }
}

}  // namespace

Mail MailOfRun(const Config& config, const RunEnd& end) {
  Mail mail;
  mail.to = config.mail;
  mail.subject = fmt::format("orcio on {}: {}", ThisHost(), RunSubject(end));
  mail.date_seconds = std::time(nullptr);
  std::set<std::string> discreet;
  for (const Said& said : end.said) {
    if (MayBeTold(config, said.service)) {
      mail.lines.push_back(said.text);
    } else {
      discreet.insert(said.service);
    }
  }
  AddDiscreetLines(discreet, end, mail.lines);
  mail.lines.emplace_back();
  for (const ServiceOutcome& outcome : end.outcomes)
    mail.lines.push_back(outcome.archive.empty() ? outcome.service + ": no archive"
                                                 : Summary(outcome));
  mail.lines.emplace_back();
  mail.lines.push_back(fmt::format(
      "`orcio archive` exited with {}. `orcio status` shows how every service's backups do.",
      end.exit_status));
  return mail;
}

std::string RunSubject(const RunEnd& end) {
  std::string text;
  size_t bad = 0;
  for (const ServiceOutcome& outcome : end.outcomes) {
    const auto status = StatusWord(outcome);
    if (status == "done" || ++bad > kMostNamed) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", outcome.service, status);
  }
  if (bad > kMostNamed) text += fmt::format(" and {} more", bad - kMostNamed);
  if (!text.empty()) return text;
  return end.result == RunResult::kFailed ? "the run failed" : "warnings";
}

Result<void> RunTelling::Begin() const {
  if (!pings_) return {};
  return Ping(config_.ping, PingEvent::kStart, {}, kOneQuickPing, stop_);
}

Result<void> RunTelling::PingEnd(const RunEnd& end) const {
  std::string body;
  for (const ServiceOutcome& outcome : end.outcomes) {
    if (const auto* service = config_.FindService(outcome.service))
      body += PingBody(*service, outcome);
  }
  if (body.empty()) body = RunSubject(end) + "\n";
  const bool failed = end.result == RunResult::kFailed;
  return Ping(config_.ping, failed ? PingEvent::kFailure : PingEvent::kSuccess, body,
              PatienceAtEnd(stop_), stop_);
}

std::vector<Error> RunTelling::End(const RunEnd& end) const {
  std::vector<Error> errors;
  const auto note = [&](Result<void> told) {
    if (!told) errors.push_back(std::move(told).error());
  };
  if (pings_) note(PingEnd(end));
  if (!config_.mail.empty() && end.result != RunResult::kGood && !end.seen)
    note(SendMail(MailOfRun(config_, end), kMailTime));
  return errors;
}

}  // namespace orcio::inline archiver
