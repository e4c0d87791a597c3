#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/host/remote_host.h"
#include "base/byte_sink.h"
#include "base/error.h"

namespace orcio::inline archiver {

// What a command gets on its standard input, a piece at a time.
class CommandInput {
 public:
  // `options` outlive this.
  explicit CommandInput(const RunOptions& options) : options_(options) {}

  // What it has not been given yet, the next piece of it: at most kPiece bytes, and nothing at the
  // end.
  [[nodiscard]] Result<std::string_view> Next();
  // So much of that is on its way.
  void Gave(size_t bytes);

  // Small enough for what is left of a socket's buffer when poll says that it takes more.
  static constexpr size_t kPiece = size_t{16} << 10;

 private:
  const RunOptions& options_;
  size_t given_ = 0;  // of the input that is given as text
  std::vector<std::byte> more_;
  size_t more_given_ = 0;
};

// What a command says, kept in its result as far as it is wanted. `host` is its name.
class CommandOutput {
 public:
  // All outlive this.
  CommandOutput(const std::string& host, const RunOptions& options, CommandResult& result)
      : host_(host), options_(options), result_(result) {}

  void Take(std::string_view bytes);
  // kLimit if there is no end of it.
  [[nodiscard]] Result<void> TakeError(std::string_view bytes);

 private:
  const std::string& host_;
  const RunOptions& options_;
  CommandResult& result_;
  uint64_t error_bytes_ = 0;
};

// All of it, in as many pieces as it takes.
[[nodiscard]] Result<void> PassTo(ByteSink& sink, std::string_view bytes);

}  // namespace orcio::inline archiver
