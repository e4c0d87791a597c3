#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "archiver/config.h"
#include "cli/exit_code.h"
#include "index/error.h"
#include "index/repository.h"

namespace orcio::cli {

// What every command shares: the options before its name, and where its words go. Answers to
// standard output; what went wrong and progress to standard error.
class Context {
 public:
  std::filesystem::path config_path = "/etc/orcio/config.yaml";
  std::filesystem::path repository_path;  // empty: the configuration's
  bool json = false;
  bool quiet = false;
  int verbose = 0;

  // The directory of -r, or the configuration's. Needs no configuration where -r was given.
  [[nodiscard]] Result<Repository> OpenRepository() const;
  // The configuration, its repository replaced by -r where that was given.
  [[nodiscard]] Result<Config> LoadConfiguration() const;

  // To standard output, as it is.
  void Print(std::string_view text) const;
  void PrintJson(const nlohmann::json& value) const;
  // `name` for standard output: made safe on a terminal, its bytes as they are elsewhere.
  [[nodiscard]] std::string Shown(std::string_view name) const;
  // "orcio: ..." to standard error.
  void Warn(std::string_view message) const;
  [[nodiscard]] ExitCode Report(const Error& error) const;
  // On a terminal, unless -q or --json: something may be shown that is only for watching.
  [[nodiscard]] bool Interactive() const;
};

}  // namespace orcio::cli
