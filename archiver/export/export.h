#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/host/remote_host.h"
#include "base/error.h"
#include "base/sha256.h"
#include "index/files/byte_source.h"
#include "index/files/file_system.h"
#include "index/repository/repository.h"

namespace orcio::inline archiver {

// What goes: an archive, and with it its sidecar.
struct ExportPlan {
  std::filesystem::path archive;
  std::optional<std::filesystem::path> sidecar;  // if it goes along
  std::string service;                           // empty if nothing says whose archive it is
  std::optional<Sha256Digest> sha256;            // the archive's, as its sidecar has it
  bool complete = true;                          // false if entries may be missing
};

// kUnsupported if the sidecar shall go along and there is none that belongs to the archive;
// kDamaged if it does, and is damaged.
[[nodiscard]] Result<ExportPlan> PlanExport(const FileSystem& files, const ArchiveFile& archive,
                                            bool with_sidecar);

// Why the archive must not leave the premises: `offsite: never` of the service that it is named
// for, or that its sidecar says it is of. Nothing if it may. What goes to `host`, one of the
// configuration, is not held back if that is the machine the service runs on.
[[nodiscard]] std::optional<std::string> WhyNotOffsite(const Config& config,
                                                       const ArchiveFile& archive,
                                                       const ExportPlan& plan,
                                                       const std::string& host = {});

// One of the files that go, while it does.
class ExportSource : public ByteSource {
 public:
  // kIo as the file system has it.
  [[nodiscard]] static Result<std::unique_ptr<ExportSource>> Open(
      const FileSystem& files, const std::filesystem::path& path,
      const std::optional<Sha256Digest>& expected,
      std::function<void(uint64_t bytes, uint64_t total)> progress, const std::stop_token& stop);

  // The last bytes are handed out only once all of them fit the expected digest: kDamaged if
  // they do not. kCancelled.
  [[nodiscard]] Result<size_t> Read(std::span<std::byte> into) override;

  [[nodiscard]] uint64_t size() const { return file_->size(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string name() const { return path_.filename().string(); }
  // Of all of it; after the last byte was read.
  [[nodiscard]] const Sha256Digest& sha256() const { return sha256_; }

 private:
  ExportSource() = default;

  std::filesystem::path path_;
  std::unique_ptr<RandomAccess> file_;
  std::optional<Sha256Digest> expected_;
  std::function<void(uint64_t, uint64_t)> progress_;
  std::stop_token stop_;
  Sha256 digest_;
  Sha256Digest sha256_{};
  uint64_t offset_ = 0;
};

// Where files go. Nothing is there under its final name before Publish, and what was not published
// is removed.
class ExportTarget {
 public:
  virtual ~ExportTarget() = default;
  // Before anything is written: kIo with EEXIST if one of the names is taken, with ENOSPC if
  // `bytes` do not fit.
  [[nodiscard]] virtual Result<void> Prepare(const std::vector<std::string>& names, uint64_t bytes,
                                             const std::stop_token& stop) = 0;
  // Takes all of `source` and, if what was written can be looked at, compares it: kDamaged if
  // it is not what was read here.
  [[nodiscard]] virtual Result<void> Take(ExportSource& source, const std::stop_token& stop) = 0;
  // Gives all that was taken its final name. kIo with EEXIST if that is taken by now.
  [[nodiscard]] virtual Result<void> Publish(const std::stop_token& stop) = 0;
  // Of a file, for people.
  [[nodiscard]] virtual std::string PlaceOf(const std::string& name) const = 0;
};

// A directory of this machine's. `files` outlives it.
[[nodiscard]] std::unique_ptr<ExportTarget> MakeDirectoryTarget(const FileSystem& files,
                                                                std::filesystem::path directory);
// A directory on a host, absolute. Needs sh, cat, wc, and sha256sum there, or else reads back what
// it wrote.
[[nodiscard]] std::unique_ptr<ExportTarget> MakeHostTarget(std::unique_ptr<RemoteHost> host,
                                                           std::string directory);
// The standard input of a command that `sh -c` runs here, with ORCIO_ARCHIVE (the file's name),
// ORCIO_BYTES and ORCIO_SERVICE in its environment. It sees the end of its input only once all of
// the archive was read and fits its digest; else it is ended by SIGTERM before. Takes one file.
[[nodiscard]] std::unique_ptr<ExportTarget> MakeCommandTarget(std::string command,
                                                              std::string service);

struct Exported {
  std::string place;  // of the archive
  uint64_t bytes = 0;
  Sha256Digest sha256{};
};

// `progress` is told of the archive's bytes.
[[nodiscard]] Result<Exported> Export(const FileSystem& files, const ExportPlan& plan,
                                      ExportTarget& target,
                                      const std::function<void(uint64_t, uint64_t)>& progress,
                                      const std::stop_token& stop);

}  // namespace orcio::inline archiver
