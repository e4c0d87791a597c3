#include "cli/shared/named_archive.h"

#include <algorithm>

#include "index/sidecar/read/sidecar_place.h"
#include "retrieve/look/indexed.h"

namespace orcio::cli {

Result<ArchiveFile> NamedArchive(const Context& context, const std::string& text) {
  if (text.find('/') != std::string::npos) {
    ArchiveFile archive;
    archive.path = text;
    archive.sidecar = SidecarPlace(LocalFileSystem(), archive.path,
                                   ORCIO_TRY(context.IndexDirectory(archive.path.parent_path())));
    return archive;
  }
  const Selector selector = ORCIO_TRY(ParseSelector(text));
  return ORCIO_TRY(context.OpenRepository()).Resolve(selector);
}

Result<std::vector<ArchiveFile>> NamedArchives(const Context& context,
                                               const std::vector<std::string>& texts) {
  if (texts.empty()) return ORCIO_TRY(context.OpenRepository()).List();
  std::vector<ArchiveFile> archives;
  for (const std::string& text : texts) archives.push_back(ORCIO_TRY(NamedArchive(context, text)));
  return archives;
}

Result<Opened> OpenSelected(const Context& context, const std::string& text) {
  Opened opened;
  opened.selector = ORCIO_TRY(ParseSelector(text));
  const Repository repository = ORCIO_TRY(context.OpenRepository());
  opened.archive = ORCIO_TRY(repository.Resolve(opened.selector));
  opened.sidecar = ORCIO_TRY(OpenSidecar(repository.files(), opened.archive));
  return opened;
}

ExitCode WarnOfIncomplete(const Context& context, const Opened& opened) {
  if (opened.sidecar->complete()) return kDone;
  context.Warn(
      fmt::format("{} is incomplete: entries may be missing; `orcio verify {}@{}` says more",
                  opened.archive.path.string(), opened.archive.name.service, opened.archive.date));
  return kWarnings;
}

Result<std::vector<ArchiveFile>> ArchivesOf(const Repository& repository, const std::string& text) {
  std::vector<ArchiveFile> archives;
  if (text.empty()) {
    archives = ORCIO_TRY(repository.List());
  } else {
    const Selector selector = ORCIO_TRY(ParseSelector(text));
    const bool has_date = text.find('@') != std::string::npos;
    if (!selector.path.empty())
      return Fail(ErrorKind::kInvalid, "'{}' has a path: write SERVICE or SERVICE@DATE", text);
    if (has_date) {
      archives.push_back(ORCIO_TRY(repository.Resolve(selector)));
    } else {
      archives = ORCIO_TRY(repository.ListService(selector.service));
    }
  }
  std::reverse(archives.begin(), archives.end());
  std::stable_sort(
      archives.begin(), archives.end(),
      [](const ArchiveFile& a, const ArchiveFile& b) { return a.name.seconds > b.name.seconds; });
  return archives;
}

ExitCode ReportSkipped(const Context& context, const Error& error) {
  const ExitCode code = context.Report(error);
  return error.kind == ErrorKind::kUnsupported ? kWarnings : code;
}

}  // namespace orcio::cli
