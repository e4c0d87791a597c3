#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

namespace orcio::test {

// What a service in which faults happen keeps: files at rest, files that change from run to run,
// and one that the service writes as it ends.
class FaultVolume {
 public:
  explicit FaultVolume(std::filesystem::path path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // The shell commands of a container that has the volume as /data, for a compose file.
  static const char* Writer();
  // As a run finds it that is not the first one: with files changed, made and removed.
  void Change();
  // Of all that is at rest in it: what tells one state of it from another.
  [[nodiscard]] std::string Digest() const;
  struct Expected {
    bool changed = true;  // the files that Change changes are as they are now
    bool at_rest = true;  // the service had written what it writes as it ends
  };
  // What an archive has otherwise than the volume of now; empty if it has nothing.
  [[nodiscard]] std::string Compare(const std::filesystem::path& archive, Expected expected) const;

 private:
  void FillFilm();
  unsigned AnyLetter();
  void WriteLetter(unsigned number);

  const std::filesystem::path path_;
  std::mt19937 random_{1};
  unsigned changes_ = 0;
};

}  // namespace orcio::test
