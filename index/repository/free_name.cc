#include "index/repository/free_name.h"

#include <cerrno>
#include <chrono>

#include "base/threads/pause.h"
#include "index/repository/archive_name.h"

namespace orcio::inline index {

Result<FreeName> FindFreeName(const FileSystem& files, const std::filesystem::path& repository,
                              const std::string& service,
                              const std::function<int64_t()>& utc_seconds,
                              const std::stop_token& stop) {
  FreeName found;
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (attempt > 0 && !Pause(std::chrono::milliseconds(1000), stop))
      return Fail(ErrorKind::kCancelled, "{}: interrupted while it waited for a free name",
                  (repository / found.name).string());
    found.utc_seconds = utc_seconds();
    found.name = MakeArchiveName(service, found.utc_seconds);
    const auto status = files.Status(repository / found.name);
    if (!status && ToErrno(status.error()) == ENOENT) return found;
    if (!status) return Failure(status.error());
  }
  return Fail(ErrorKind::kIo, "{} exists already: look at this machine's clock",
              (repository / found.name).string());
}

}  // namespace orcio::inline index
