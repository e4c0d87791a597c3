#include "archiver/docker/compose_files.h"

#include <algorithm>

#include "archiver/host/shell_quote.h"

namespace orcio::inline archiver {
namespace {

// More names than that are read as they stand, and more ways to read them are not tried: each costs
// a call.
constexpr size_t kMostPieces = 4;
constexpr size_t kMostReadings = 8;

using Words = std::vector<std::string>;

// The ways to read a label that lists names with commas between them, of which a name may have some
// of its own: first the one where none has.
std::vector<Words> Readings(const Words& pieces) {
  if (pieces.empty()) return {Words()};
  if (pieces.size() > kMostPieces) return {pieces};
  std::vector<Words> readings;
  for (unsigned joined = 0; joined < 1U << (pieces.size() - 1); ++joined) {
    Words names{pieces[0]};
    for (size_t i = 1; i < pieces.size(); ++i) {
      if ((joined >> (i - 1) & 1U) != 0) {
        names.back() += "," + pieces[i];
      } else {
        names.push_back(pieces[i]);
      }
    }
    readings.push_back(std::move(names));
  }
  return readings;
}

// Those of one container.
std::vector<Words> OptionsOf(const DockerContainer& container) {
  const std::string& directory = container.working_directory;
  std::vector<Words> all;
  if (!directory.starts_with('/') || container.config_files.empty()) return all;
  const auto add = [&](Words& options, const char* option, const Words& files) {
    for (const auto& file : files) {
      options.emplace_back(option);
      options.push_back(file.starts_with('/') ? file : directory + "/" + file);
    }
  };
  for (const auto& environment : Readings(container.environment_files)) {
    for (const auto& files : Readings(container.config_files)) {
      Words options{"--project-directory", directory};
      add(options, "--file", files);
      add(options, "--env-file", environment);
      all.push_back(std::move(options));
    }
  }
  return all;
}

}  // namespace

std::vector<Words> ProjectOptions(const std::vector<DockerContainer>& containers) {
  std::vector<Words> all;
  for (const auto& container : containers) {
    for (auto& options : OptionsOf(container)) {
      if (std::find(all.begin(), all.end(), options) == all.end())
        all.push_back(std::move(options));
    }
  }
  if (all.size() > kMostReadings) all.resize(kMostReadings);
  return all;
}

std::set<std::string> ServicesOf(const std::vector<DockerContainer>& containers) {
  std::set<std::string> services;
  for (const auto& container : containers) services.insert(container.service);
  return services;
}

bool AllPlainNames(const std::set<std::string>& services) {
  return std::all_of(services.begin(), services.end(), [](const std::string& service) {
    return !service.empty() && service[0] != '-';
  });
}

std::string ComposeLine(const std::vector<std::string>& words) {
  return "cd / && " + ShellCommand(words);
}

}  // namespace orcio::inline archiver
