#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "archiver/host/remote_host.h"

namespace orcio::test {

// A host that answers as a test has scripted it. Commands are matched by what they contain, shell
// quoting left out: `docker stop` matches 'docker' 'stop' 'id'.
class FakeHost : public RemoteHost {
 public:
  using Answer = std::function<Result<CommandResult>(const std::string& command)>;

  explicit FakeHost(std::string name = "atena") : name_(std::move(name)) {}

  // The latest of the answers whose `part` a command contains is used; a command without an answer
  // exits with 127, but for `cat`, which prints what is sent to it.
  void On(std::string part, Answer answer);
  // Prints `out` and exits with `exit_status`, having said `err`.
  void On(std::string part, std::string out, int exit_status = 0, std::string err = "");

  // What Connect says next, once each; after that it succeeds.
  std::deque<Result<void>> connects;
  // What Stream hands to its sink, and how it ends.
  std::function<Result<CommandResult>(ByteSink& sink, const std::stop_token& stop)> stream;

  // Unquoted, in order; "connect", "disconnect" and "stream ..." among them.
  std::vector<std::string> commands;
  // How many of them contain `part`.
  [[nodiscard]] size_t Count(const std::string& part) const;
  // Where the first one that contains `part` is; commands.size() if none does.
  [[nodiscard]] size_t Find(const std::string& part) const;

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Result<void> Connect(const std::stop_token& stop) override;
  void Disconnect() override { commands.emplace_back("disconnect"); }
  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override;
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override;

 private:
  std::string name_;
  std::vector<std::pair<std::string, Answer>> answers_;
};

// Writes all of `bytes` to `sink`.
[[nodiscard]] Result<void> Feed(ByteSink& sink, std::string_view bytes);

}  // namespace orcio::test
