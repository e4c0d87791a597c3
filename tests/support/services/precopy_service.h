#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "archiver/outcome/service_outcome.h"
#include "archiver/run/service_run.h"
#include "tests/support/catch.h"
#include "tests/support/files/forwarding_files.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/fake_control.h"

namespace orcio::test {

// A disk with little room.
class SmallDisk : public ForwardingFiles {
 public:
  explicit SmallDisk(uint64_t free_bytes) : free_bytes_(free_bytes) {}
  [[nodiscard]] Result<uint64_t> FreeBytes(const std::filesystem::path&) const override {
    return free_bytes_;
  }

 private:
  const uint64_t free_bytes_;
};

// Until what was changed a moment ago is taken for changed before: whole seconds, two of which a
// file's times may be behind.
inline void AwaitSteady() {
  std::this_thread::sleep_for(std::chrono::milliseconds(4100));
}

// A service on this machine of three files that hardly compress, archived by `mode: precopy`, and
// an empty repository.
struct PrecopyService {
  ScratchDirectory scratch;
  ServiceConfig config;
  FakeControl control;
  std::map<std::string, std::string> environment;  // of the host

  PrecopyService() {
    std::filesystem::create_directory(repository());
    std::filesystem::create_directory(scratch / "volume");
    for (const char* name : {"one", "two", "three"})
      std::ofstream(scratch / "volume" / name) << Noise(300'000, static_cast<unsigned char>(*name));
    config.name = "wiki";
    config.host = "here";
    config.paths = {scratch / "volume"};
    config.mode = Mode::kPrecopy;
  }

  [[nodiscard]] std::filesystem::path repository() const { return scratch / "repository"; }
  ServiceOutcome Run(const FileSystem& files = LocalFileSystem()) {
    LocalHost host("here", environment);
    return Run(host, files);
  }
  ServiceOutcome Run(RemoteHost& host, const FileSystem& files = LocalFileSystem()) {
    control.log.clear();
    return RunService({config, files, repository(), {}, {}}, host, control, {});
  }
  // An archive from which everything may be taken over.
  std::filesystem::path FirstArchive() {
    AwaitSteady();
    const auto outcome = Run();
    REQUIRE_FALSE(outcome.error);
    return outcome.archive;
  }
};

// What is done to a service that is archived, or whose run gave up.
inline const std::vector<std::string> kWholeRun{"inspect", "stop", "start"};

}  // namespace orcio::test
