#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/services/dockerd_fixture.h"

namespace orcio::test {

// A compose project of three containers on one volume, up; gone when this goes out of scope.
//
// `db`, which has a health check, and `web`, which depends on it, count: all the time each writes
// its counter to two files, SERVICE.1 and SERVICE.2, and once it is told to stop also to
// SERVICE.end, which it removes when it starts. Whatever is copied from a volume that is at rest
// has the same number in all three. Both note their starts and ends in the files `starts` and
// `ends`: a start some time after docker has said that it started them, an end before docker says
// that they ended. `job` has run and ended.
class ComposeProject {
 public:
  ComposeProject(const DockerdFixture& dockerd, std::string name);
  ~ComposeProject();
  ComposeProject(const ComposeProject&) = delete;
  ComposeProject& operator=(const ComposeProject&) = delete;

  [[nodiscard]] std::string Container(const std::string& service) const;
  // What `docker inspect` says, as a Go template: ".State.Status".
  [[nodiscard]] std::string Of(const std::string& service, const std::string& field) const;
  [[nodiscard]] std::string State(const std::string& service) const;
  // When docker had started it, such that a later time is the greater text.
  [[nodiscard]] std::string StartedAt(const std::string& service) const;
  // The lines of a file in the volume.
  [[nodiscard]] std::vector<std::string> Lines(const std::string& file) const;
  void Forget(const std::string& file) const;
  // From now on `web` exits with 3 when it starts, saying "no configuration".
  void Break() const;

  [[nodiscard]] std::filesystem::path volume() const { return scratch_ / "volume"; }
  [[nodiscard]] std::filesystem::path stack() const { return scratch_ / "stack"; }
  // The project as orcio's configuration has it.
  [[nodiscard]] const ServiceConfig& service() const { return service_; }

 private:
  [[nodiscard]] std::string Docker() const;
  [[nodiscard]] std::string Filter() const;
  // Names of its containers that there are.
  [[nodiscard]] std::string Left() const;

  const DockerdFixture& dockerd_;
  const std::string name_;
  ScratchDirectory scratch_;
  ServiceConfig service_;
};

}  // namespace orcio::test
