#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/shared/context.h"
#include "index/repository/repository.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::cli {

// The archive that `text` names: a path to a file, in the repository or not, or SERVICE[@DATE].
[[nodiscard]] Result<ArchiveFile> NamedArchive(const Context& context, const std::string& text);

// All that are named, or, if none is, every archive of the repository.
[[nodiscard]] Result<std::vector<ArchiveFile>> NamedArchives(const Context& context,
                                                             const std::vector<std::string>& texts);

// What SERVICE[@DATE][:PATH] names, up to the path.
struct Opened {
  Selector selector;
  ArchiveFile archive;
  std::shared_ptr<const Sidecar> sidecar;
};
[[nodiscard]] Result<Opened> OpenSelected(const Context& context, const std::string& text);

// Warns if the archive lacks an unknown number of entries: what is said of it, or comes out of
// it, may not be all. kDone or kWarnings.
ExitCode WarnOfIncomplete(const Context& context, const Opened& opened);

// The archives that SERVICE or SERVICE@DATE names, all of the service's or the one of that date;
// all of the repository's if `text` is empty. Newest first.
[[nodiscard]] Result<std::vector<ArchiveFile>> ArchivesOf(const Repository& repository,
                                                          const std::string& text);

// Says why one of many archives was passed over. kWarnings if it has no index; else as the error
// has it.
ExitCode ReportSkipped(const Context& context, const Error& error);

}  // namespace orcio::cli
