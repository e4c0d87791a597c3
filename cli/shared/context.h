#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "archiver/config/config.h"
#include "base/error.h"
#include "cli/shared/exit_code.h"
#include "index/repository/repository.h"

namespace orcio::cli {

// To standard output as it is, at once: for data. Do not mix with Context::Print.
[[nodiscard]] Result<void> WriteOut(std::span<const std::byte> bytes);

// What every command shares: the options before its name, and where its words go. Answers to
// standard output; what went wrong and progress to standard error.
class Context {
 public:
  std::filesystem::path config_path = "/etc/orcio/config.yaml";
  std::filesystem::path repository_path;  // empty: the configuration's
  std::filesystem::path index_directory;  // empty: beside the archives, if that can be written
  bool json = false;
  bool quiet = false;
  int verbose = 0;
  // Called with what is warned of, as it is said, and the service that it is about, if any.
  std::function<void(std::string_view service, std::string_view message)> heard;

  // The directory of -r, or the configuration's. Needs no configuration if -r was given.
  [[nodiscard]] Result<Repository> OpenRepository() const;
  // The index directory for archives in `directory`, made if need be: --index-dir, or the
  // cache (CacheIndexDirectory) if `directory` cannot be written; empty if sidecars go beside
  // the archives.
  [[nodiscard]] Result<std::filesystem::path> IndexDirectory(
      const std::filesystem::path& directory) const;
  // The configuration, its repository replaced by -r if that was given.
  [[nodiscard]] Result<Config> LoadConfiguration() const;

  // To standard output, as it is.
  void Print(std::string_view text) const;
  void PrintJson(const nlohmann::json& value) const;
  // `name` for standard output: made safe on a terminal, its bytes as they are elsewhere.
  [[nodiscard]] std::string Shown(std::string_view name) const;
  // "orcio: ..." to standard error.
  void Warn(std::string_view message) const { WarnOf({}, message); }
  // The same, of a service: its message names it, too.
  void WarnOf(std::string_view service, std::string_view message) const;
  [[nodiscard]] ExitCode Report(const Error& error) const;
  // On a terminal, unless -q or --json: something may be shown that is only for watching.
  [[nodiscard]] bool Interactive() const;
};

}  // namespace orcio::cli
