#pragma once

#include <map>
#include <string>
#include <vector>

namespace orcio::test {

// How a program that a test ran has ended.
struct Ended {
  int status = -1;  // exit status; 128 + N if signal N ended it
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::string input;                               // standard input
  std::map<std::string, std::string> environment;  // on top of the test's own
  std::string directory;                           // to run in; empty: the test's own
};

// Runs a program (looked up in PATH) without a shell and waits for it.
[[nodiscard]] Ended RunCommand(const std::vector<std::string>& words,
                               const CommandOptions& options = {});
// As RunCommand, for a line of /bin/bash under `set -euo pipefail`.
[[nodiscard]] Ended RunShell(const std::string& script, const CommandOptions& options = {});
// Throws, with what the command printed, if it did not exit with 0. Returns its standard output.
std::string MustRun(const std::vector<std::string>& words, const CommandOptions& options = {});
std::string MustRunShell(const std::string& script, const CommandOptions& options = {});

// A program running in the background; ended by SIGTERM, then SIGKILL after a minute, when this
// goes out of scope.
class BackgroundCommand {
 public:
  explicit BackgroundCommand(const std::vector<std::string>& words, const std::string& log_file);
  ~BackgroundCommand();
  BackgroundCommand(const BackgroundCommand&) = delete;
  BackgroundCommand& operator=(const BackgroundCommand&) = delete;

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] bool running();
  // Sends `signal` and waits for the end, after a minute by SIGKILL. Returns the status as Ended
  // has it.
  int End(int signal);
  // Waits for the end.
  int Wait();

 private:
  int pid_ = -1;
  int status_ = -1;
};

}  // namespace orcio::test
