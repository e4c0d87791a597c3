#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "index/files/file_system.h"
#include "index/repository/archive_name.h"

namespace orcio::inline index {

// One archive in a repository, as its directory shows it. Nothing has been opened.
struct ArchiveFile {
  ArchiveName name;
  std::string date;  // unique within its service: name.date, with ".2", ".3"... if two share it
  std::filesystem::path path;
  std::filesystem::path sidecar;  // where it is or would be
  FileStatus status;
};

// `SERVICE[@DATE][:PATH]` as typed. DATE is a listed date, a unique prefix of one, "latest", or
// "latest~N", which count as LatestFirst does.
struct Selector {
  std::string service;
  std::string date = "latest";
  std::string path;
};
// kInvalid if the service's name is impossible, or what is before the path is a path itself.
[[nodiscard]] Result<Selector> ParseSelector(std::string_view text);

// A directory of archives. Their sidecars are beside them, or as SidecarPlace has it.
class Repository {
 public:
  Repository(const FileSystem& files, std::filesystem::path directory,
             std::filesystem::path index_directory = {});

  // Every archive, by service, then oldest first. kNotFound if the directory does not exist.
  [[nodiscard]] Result<std::vector<ArchiveFile>> List() const;
  // One service's archives, oldest first. kNotFound, saying which services there are, for none.
  [[nodiscard]] Result<std::vector<ArchiveFile>> ListService(std::string_view service) const;
  // The archive that service and date name. kNotFound, saying which services or dates there are,
  // if none does; kInvalid if a prefix fits several.
  [[nodiscard]] Result<ArchiveFile> Resolve(const Selector& selector) const;

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  // Empty if sidecars are beside their archives.
  [[nodiscard]] const std::filesystem::path& index_directory() const { return index_directory_; }
  [[nodiscard]] const FileSystem& files() const { return files_; }

 private:
  const FileSystem& files_;
  std::filesystem::path directory_;
  std::filesystem::path index_directory_;
};

}  // namespace orcio::inline index
