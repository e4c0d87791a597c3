#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "archiver/config/config.h"
#include "archiver/tar/remote_tar.h"

namespace {

void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "\n";
  std::abort();
}

// What the rest of orcio relies on, whatever the file said.
void CheckService(const orcio::Config& config, const orcio::ServiceConfig& service) {
  Require(config.hosts.contains(service.host), "a service's host is defined");
  Require(config.FindService(service.name) != nullptr, "a service is found by its name");
  Require(!service.paths.empty(), "a service has paths");
  for (const auto& path : service.paths) {
    Require(path.size() > 1 && path.front() == '/', "a path is absolute and not the root");
    Require((path + "/").find("/../") == std::string::npos, "a path has no ..");
    Require(path.find_first_of(std::string_view("\0\n", 2)) == std::string::npos,
            "a path has no NUL and no newline");
  }
  Require(service.start_timeout.count() > 0, "there is time to start");
  const orcio::RemoteTar tar;
  Require(orcio::MakeTarCommand(tar, service).find('\0') == std::string::npos,
          "a command has no NUL");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config =
      orcio::ParseConfig(std::string_view(reinterpret_cast<const char*>(data), size), "f");
  if (!config) {
    Require(config.error().kind == orcio::ErrorKind::kInvalid, "an error is kInvalid");
    Require(config.error().message.starts_with("f:"), "an error names its file");
    return 0;
  }
  for (const auto& service : config->services) CheckService(*config, service);
  return 0;
}
