#include <array>
#include <memory>
#include <string>
#include <vector>

#include "archiver/check/check.h"
#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/interrupt.h"
#include "cli/shared/recovery.h"

namespace orcio::cli {
namespace {

// In the order of FindingLevel.
constexpr std::array kSeverityWords{"ok", "warning", "error"};

const char* WordOf(FindingLevel level) {
  return kSeverityWords.at(static_cast<size_t>(level));
}

struct CheckCounts {
  size_t warnings = 0;
  size_t errors = 0;
  ExitCode code = kDone;
};

void Count(const Finding& finding, CheckCounts& counts) {
  if (finding.level == FindingLevel::kWarning) {
    ++counts.warnings;
    counts.code = Worse(counts.code, kWarnings);
  } else if (finding.level == FindingLevel::kError) {
    ++counts.errors;
    counts.code = Worse(counts.code, ExitCodeOf({finding.kind, 0, {}}));
  }
}

void PrintFinding(const Context& context, const Finding& finding) {
  nlohmann::json object{{"type", "finding"},
                        {"level", WordOf(finding.level)},
                        {"subject", finding.subject},
                        {"message", TerminalSafe(finding.text)}};
  if (!finding.remedy.empty()) object["remedy"] = TerminalSafe(finding.remedy);
  if (!finding.host.empty()) object["host"] = finding.host;
  if (!finding.service.empty()) object["service"] = finding.service;
  context.PrintJson(object);
}

// What to do stands below what is wrong.
void PrintTable(const Context& context, const std::vector<Finding>& findings) {
  const bool all = context.verbose > 0 || (context.Interactive() && !context.quiet);
  std::vector<std::vector<std::string>> rows{{"LEVEL", "HOST", "SERVICE", "ABOUT", "FINDING"}};
  for (const Finding& finding : findings) {
    if (finding.level == FindingLevel::kOk && !all) continue;
    const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
    rows.push_back({WordOf(finding.level), or_dash(finding.host), or_dash(finding.service),
                    finding.subject, TerminalSafe(finding.text)});
    if (!finding.remedy.empty())
      rows.push_back({"", "", "", "", "-> " + TerminalSafe(finding.remedy)});
  }
  if (rows.size() > 1)
    context.Print(FormatTable(rows, std::vector<bool>(rows.front().size(), false)));
}

ExitCode RunCheck(const Context& context, const std::vector<std::string>& names) {
  const auto config = context.LoadConfiguration();
  if (!config) return context.Report(config.error());
  const auto scope = ChooseToCheck(*config, names);
  if (!scope) return context.Report(scope.error());
  const Interrupt interrupt;
  std::vector<Finding> findings;
  CheckCounts counts;
  Check(
      *config, *scope, RealConnectors(),
      [&](Finding finding) {
        Count(finding, counts);
        if (context.json) PrintFinding(context, finding);
        findings.push_back(std::move(finding));
      },
      interrupt.token());
  if (context.json) {
    context.PrintJson(
        {{"type", "check"}, {"warnings", counts.warnings}, {"errors", counts.errors}});
  } else {
    PrintTable(context, findings);
    if (context.verbose > 0 || context.Interactive())
      context.Print(fmt::format("{}, {}\n", FormatCount(counts.errors, "error"),
                                FormatCount(counts.warnings, "warning")));
  }
  return interrupt.requested() ? interrupt.exit_code() : counts.code;
}

}  // namespace

Command AddCheck(CLI::App& app, const Context& context) {
  auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("HOST|SERVICE", *names, "What to look at; where nothing is named, everything");
  return [&context, names] { return RunCheck(context, *names); };
}

}  // namespace orcio::cli
