#include "cli/shared/context.h"

#include <unistd.h>

#include <cerrno>

#include "cli/output/text.h"
#include "index/sidecar/read/sidecar_place.h"

namespace orcio::cli {

Result<void> WriteOut(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno(errno, "cannot write to standard output");
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

Result<Repository> Context::OpenRepository() const {
  std::filesystem::path directory = repository_path;
  if (directory.empty()) {
    auto config = LoadConfig(config_path);
    if (!config && config.error().kind == ErrorKind::kNotFound) {
      return Fail(ErrorKind::kInvalid,
                  "no configuration at {}: name the directory of archives with -r DIR, or the "
                  "configuration with -c FILE",
                  config_path.string());
    }
    directory = ORCIO_TRY(std::move(config)).repository;
  }
  auto index = ORCIO_TRY(IndexDirectory(directory));
  return Repository(LocalFileSystem(), std::move(directory), std::move(index));
}

Result<std::filesystem::path> Context::IndexDirectory(
    const std::filesystem::path& directory) const {
  std::filesystem::path index = index_directory;
  if (index.empty()) {
    if (::access(directory.empty() ? "." : directory.c_str(), W_OK) == 0) return index;
    // What is not there at all is for others to say.
    if (errno != EACCES && errno != EROFS && errno != EPERM) return index;
    index = CacheIndexDirectory(directory.empty() ? "." : directory);
    // Nobody asked for it: what then cannot be read or written says so by itself.
    if (!MakeIndexDirectory(index) || ::access(index.c_str(), R_OK | X_OK) != 0)
      return std::filesystem::path();
    return std::filesystem::absolute(index);
  }
  ORCIO_TRY(MakeIndexDirectory(index));
  return std::filesystem::absolute(index);
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

void Context::WarnOf(std::string_view service, std::string_view message) const {
  const std::string line = "orcio: " + TerminalSafe(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  if (heard) heard(service, message);
}

ExitCode Context::Report(const Error& error) const {
  Warn(error.message);
  return ExitCodeOf(error);
}

bool Context::Interactive() const {
  return !quiet && !json && ::isatty(STDERR_FILENO) != 0;
}

}  // namespace orcio::cli
