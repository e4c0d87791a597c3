#include "tests/support/hosts/tar_tree.h"

#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "archiver/host/shell_quote.h"
#include "tests/support/command.h"

namespace orcio::test {
namespace {

// More than the headers of the directories on the way to the first file.
constexpr size_t kReading = 65536;

class StringSink : public ByteSink {
 public:
  explicit StringSink(const std::function<void()>& once_reading) : once_reading_(once_reading) {}

  Result<std::span<std::byte>> Buffer() override { return std::span<std::byte>(buffer_); }
  Result<void> Commit(size_t bytes) override {
    const bool was_reading = text_.size() >= kReading;
    text_.append(reinterpret_cast<const char*>(buffer_.data()), bytes);
    if (!was_reading && text_.size() >= kReading && once_reading_) once_reading_();
    return {};
  }
  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  const std::function<void()>& once_reading_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(4096);
  std::string text_;
};

std::string Unprivileged(const std::string& command) {
  if (::geteuid() != 0) return command;
  return "setpriv --reuid 65534 --regid 65534 --clear-groups sh -c " + ShellQuote(command);
}

}  // namespace

TarRun RunTar(RemoteHost& host, const std::string& command,
              const std::function<void()>& once_reading) {
  StringSink sink(once_reading);
  auto result = host.Stream(command, sink, RunOptions{}, {});
  if (!result) throw std::runtime_error(result.error().message);
  return {sink.Take(), std::move(*result)};
}

Result<CommandResult> UnprivilegedHost::Run(const std::string& command, const RunOptions& options,
                                            const std::stop_token& stop) {
  return LocalHost::Run(Unprivileged(command), options, stop);
}

Result<CommandResult> UnprivilegedHost::Stream(const std::string& command, ByteSink& sink,
                                               const RunOptions& options,
                                               const std::stop_token& stop) {
  return LocalHost::Stream(Unprivileged(command), sink, options, stop);
}

std::string DescribeTree(const std::string& directory) {
  CommandOptions options;
  options.directory = directory;
  return MustRunShell(R"(
    find . -printf '%P %y %m %U %G %n %l %T@ ' \( -type d -o -printf '%s' \) -printf '\n' | LC_ALL=C sort
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
    find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0r getfattr -d -m - --absolute-names --
  )",
                      options);
}

}  // namespace orcio::test
