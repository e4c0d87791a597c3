#pragma once

#include <functional>
#include <string>

#include "archiver/tar/remote_tar.h"
#include "tests/support/hosts/local_host.h"

namespace orcio::test {

// What a remote tar wrote, and how it ended.
struct TarRun {
  std::string tar;
  CommandResult result;
};

// Runs `command` on the host. `once_reading` is called when 64 KiB have come: with the pipe full
// and nobody reading, tar is held up within the first 256 KiB.
[[nodiscard]] TarRun RunTar(RemoteHost& host, const std::string& command,
                            const std::function<void()>& once_reading = {});

// A local host whose commands run as a user without privileges.
class UnprivilegedHost : public LocalHost {
 public:
  [[nodiscard]] Result<CommandResult> Run(const std::string& command, const RunOptions& options,
                                          const std::stop_token& stop) override;
  [[nodiscard]] Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                                             const RunOptions& options,
                                             const std::stop_token& stop) override;
};

// Everything about the files below `directory` but their access and change times: names, types,
// modes, owners, sizes, links, nanosecond times, extended attributes, ACLs and contents.
[[nodiscard]] std::string DescribeTree(const std::string& directory);

}  // namespace orcio::test
