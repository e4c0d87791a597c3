#include "cli/context.h"

#include <unistd.h>

#include "cli/text.h"

namespace orcio::cli {

Result<Repository> Context::OpenRepository() const {
  if (!repository_path.empty()) return Repository(LocalFileSystem(), repository_path);
  auto config = LoadConfig(config_path);
  if (!config && config.error().kind == ErrorKind::kNotFound) {
    return Fail(ErrorKind::kInvalid,
                "no configuration at {}: name the directory of archives with -r DIR, or the "
                "configuration with -c FILE",
                config_path.string());
  }
  return Repository(LocalFileSystem(), ORCIO_TRY(std::move(config)).repository);
}

Result<Config> Context::LoadConfiguration() const {
  auto loaded = LoadConfig(config_path);
  if (!loaded && loaded.error().kind == ErrorKind::kNotFound) {
    return Fail(ErrorKind::kInvalid,
                "no configuration at {}: name it with -c FILE; orcio.yaml(5) says how to write one",
                config_path.string());
  }
  Config config = ORCIO_TRY(std::move(loaded));
  if (!repository_path.empty()) config.repository = repository_path;
  return config;
}

void Context::Print(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Context::PrintJson(const nlohmann::json& value) const {
  Print(Dump(value) + "\n");
}

std::string Context::Shown(std::string_view name) const {
  return ::isatty(STDOUT_FILENO) != 0 ? TerminalSafe(name) : std::string(name);
}

void Context::Warn(std::string_view message) const {
  const std::string line = "orcio: " + TerminalSafe(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

ExitCode Context::Report(const Error& error) const {
  Warn(error.message);
  return ExitCodeOf(error);
}

bool Context::Interactive() const {
  return !quiet && !json && ::isatty(STDERR_FILENO) != 0;
}

}  // namespace orcio::cli
