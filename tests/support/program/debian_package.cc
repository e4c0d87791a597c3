#include "tests/support/program/debian_package.h"

#include <utility>

#include "tests/support/command.h"
#include "tests/support/needs.h"

namespace orcio::test {

DebianPackage::DebianPackage(std::filesystem::path build) : build_(std::move(build)) {
  for (const char* program : {"cpack", "dpkg", "dpkg-shlibdeps"}) NeedProgram(program);
}

std::filesystem::path DebianPackage::Make(int release) const {
  const auto directory = scratch_ / std::to_string(release);
  if (!std::filesystem::exists(directory)) {
    MustRun({"cpack", "--config", build_ / "CPackConfig.cmake", "-B", directory, "-D",
             "CPACK_DEBIAN_PACKAGE_RELEASE=" + std::to_string(release)});
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".deb") return entry.path();
  }
  return {};
}

}  // namespace orcio::test
