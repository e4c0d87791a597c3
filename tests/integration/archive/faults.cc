// The fault matrix: see tests/integration/faults, which runs this.
//
// faults [--mode stop|pause|precopy] [--job archive|restore] [--first F] [--cases N] [--seed S]
// [--case I] [--orcio PROGRAM]

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "archiver/config/service_names.h"
#include "tests/support/built.h"
#include "tests/support/faults/fault_case.h"
#include "tests/support/needs.h"

namespace orcio::test {
namespace {

struct Options {
  Mode mode = Mode::kStop;
  FaultScene::Job job = FaultScene::Job::kArchive;
  unsigned first = 0;
  unsigned cases = 0;
  uint64_t seed = 1;
  std::string program = BuiltProgram();
};

Mode ParseMode(std::string_view name) {
  for (const Mode mode : {Mode::kStop, Mode::kPause, Mode::kPrecopy})
    if (name == NameOf(mode)) return mode;
  throw std::invalid_argument("no mode with faults: " + std::string(name));
}

FaultScene::Job ParseJob(std::string_view name) {
  if (name == "archive") return FaultScene::Job::kArchive;
  if (name == "restore") return FaultScene::Job::kRestore;
  throw std::invalid_argument("no job with faults: " + std::string(name));
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const auto value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--cases") options.cases = static_cast<unsigned>(value);
    if (name == "--first") options.first = static_cast<unsigned>(value);
    if (name == "--mode") options.mode = ParseMode(argv[i + 1]);
    if (name == "--job") options.job = ParseJob(argv[i + 1]);
    if (name == "--orcio") options.program = argv[i + 1];
    if (name == "--seed") options.seed = value;
    if (name == "--case") {
      options.first = static_cast<unsigned>(value);
      options.cases = 1;
    }
  }
  if (options.cases == 0) options.cases = FaultKinds(options.mode, options.job);
  return options;
}

int Run(const Options& options) {
  NeedRoot();
  FaultScene scene(options.program, options.mode, options.job);
  unsigned failed = 0;
  double longest = 0;
  const bool restores = options.job == FaultScene::Job::kRestore;
  const std::string mode = std::string(NameOf(options.mode)) + (restores ? " --job restore" : "");
  std::printf("%u cases of seed %llu, --mode %s\n", options.cases,
              static_cast<unsigned long long>(options.seed), mode.c_str());
  for (unsigned i = options.first; i < options.first + options.cases; ++i) {
    const FaultReport report = RunFaultCase(scene, options.seed, i);
    std::printf("%s case %u: %s: %s, up after %.1f s\n", report.problem.empty() ? "ok  " : "FAIL",
                i, report.fault.c_str(), report.outcome.c_str(), report.seconds);
    longest = std::max(longest, report.seconds);
    if (!report.problem.empty()) {
      ++failed;
      std::printf("     %s\n     again: tests/integration/faults --mode %s --seed %llu --case %u\n",
                  report.problem.c_str(), mode.c_str(),
                  static_cast<unsigned long long>(options.seed), i);
    }
    std::fflush(stdout);
  }
  std::printf("%u of %u cases passed, seed %llu; the longest took %.1f s\n", options.cases - failed,
              options.cases, static_cast<unsigned long long>(options.seed), longest);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace orcio::test

int main(int argc, char** argv) {
  try {
    return orcio::test::Run(orcio::test::Parse(argc, argv));
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "faults: %s\n", exception.what());
    return 1;
  }
}
