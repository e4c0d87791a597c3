#include "tests/support/hosts/fake_host.h"

#include <algorithm>
#include <cstring>

namespace orcio::test {
namespace {

std::string Unquoted(std::string command) {
  command.erase(std::remove(command.begin(), command.end(), '\''), command.end());
  return command;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

void FakeHost::On(std::string part, Answer answer) {
  answers_.emplace_back(std::move(part), std::move(answer));
}

void FakeHost::On(std::string part, std::string out, int exit_status, std::string err) {
  CommandResult result;
  result.exit_status = exit_status;
  result.out = std::move(out);
  result.err = std::move(err);
  On(std::move(part), [result](const std::string&) { return Result<CommandResult>(result); });
}

size_t FakeHost::Count(const std::string& part) const {
  return static_cast<size_t>(
      std::count_if(commands.begin(), commands.end(),
                    [&](const std::string& command) { return Contains(command, part); }));
}

size_t FakeHost::Find(const std::string& part) const {
  return static_cast<size_t>(
      std::find_if(commands.begin(), commands.end(),
                   [&](const std::string& command) { return Contains(command, part); }) -
      commands.begin());
}

Result<void> FakeHost::Connect(const std::stop_token& stop) {
  commands.emplace_back("connect");
  if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "{}: interrupted", name_);
  if (connects.empty()) return {};
  auto answer = std::move(connects.front());
  connects.pop_front();
  return answer;
}

Result<CommandResult> FakeHost::Run(const std::string& command, const RunOptions& options,
                                    const std::stop_token& stop) {
  const std::string line = Unquoted(command);
  commands.push_back(line);
  if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "{}: interrupted", name_);
  for (auto answer = answers_.rbegin(); answer != answers_.rend(); ++answer) {
    if (Contains(line, answer->first)) return answer->second(line);
  }
  CommandResult unknown;
  if (line == "cat") {
    unknown.out = options.input;
    return unknown;
  }
  unknown.exit_status = 127;
  unknown.err = "sh: 1: " + line.substr(0, line.find(' ')) + ": not found\n";
  return unknown;
}

Result<CommandResult> FakeHost::Stream(const std::string& command, ByteSink& sink,
                                       const RunOptions&, const std::stop_token& stop) {
  commands.push_back("stream " + Unquoted(command));
  return stream(sink, stop);
}

Result<void> Feed(ByteSink& sink, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = ORCIO_TRY(sink.Buffer());
    const size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    ORCIO_TRY(sink.Commit(size));
    bytes.remove_prefix(size);
  }
  return {};
}

}  // namespace orcio::test
