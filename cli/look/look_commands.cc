#include <memory>

#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/entry_text.h"
#include "cli/shared/named_archive.h"
#include "index/archive/read/archive_reader.h"
#include "index/sidecar/read/path_lookup.h"
#include "retrieve/look/content.h"

namespace orcio::cli {
namespace {

// Members decoded ahead of use are no help to commands that read front to back: a small cache is
// enough.
constexpr uint64_t kCacheBytes = uint64_t{16} << 20;

struct LsOptions {
  std::string what;
  bool details = false;
  bool recursive = false;
  bool directory = false;
};

// Prints one entry after another, as they come: an archive can have millions.
class Lister {
 public:
  Lister(const Context& context, const LsOptions& options, const Sidecar& sidecar)
      : context_(context), options_(options), sidecar_(sidecar) {}

  Result<void> Show(NodeId id, const std::string& path) {
    const NodeInfo node = ORCIO_TRY(sidecar_.Node(id));
    if (node.type != EntryType::kDirectory || options_.directory) return Entry(node, path);
    return Directory(id, path);
  }

 private:
  Result<void> Directory(NodeId id, const std::string& path) {
    const auto children = ORCIO_TRY(sidecar_.ListChildren(id));
    for (NodeId child = children.first; child < children.first + children.count; ++child) {
      const std::string_view name = ORCIO_TRY(sidecar_.Name(child));
      const NodeInfo node = ORCIO_TRY(sidecar_.Node(child));
      const std::string child_path =
          path.empty() ? std::string(name) : path + "/" + std::string(name);
      const bool whole_path = options_.recursive || context_.json;
      ORCIO_TRY(Entry(node, whole_path ? child_path : std::string(name)));
      if (options_.recursive && node.type == EntryType::kDirectory)
        ORCIO_TRY(Directory(child, child_path));
    }
    return {};
  }

  Result<void> Entry(const NodeInfo& node, const std::string& path) {
    if (context_.json) {
      context_.PrintJson(ORCIO_TRY(EntryJson(sidecar_, node.id, path)));
      return {};
    }
    std::string line = context_.Shown(path);
    if (options_.details)
      line = EntryDetails(node) + line + ORCIO_TRY(ArrowToTarget(context_, sidecar_, node));
    context_.Print(line + "\n");
    return {};
  }

  const Context& context_;
  const LsOptions& options_;
  const Sidecar& sidecar_;
};

ExitCode Ls(const Context& context, const LsOptions& options) {
  const auto opened = OpenSelected(context, options.what);
  if (!opened) return context.Report(opened.error());
  const auto node = FindFollowing(*opened->sidecar, opened->selector.path, false);
  if (!node) return context.Report(node.error());
  const auto path = opened->sidecar->Path(*node);
  if (!path) return context.Report(path.error());
  const auto shown = Lister(context, options, *opened->sidecar).Show(*node, *path);
  return shown ? kDone : context.Report(shown.error());
}

Result<void> CatOne(const Context& context, const std::string& what) {
  const Opened opened = ORCIO_TRY(OpenSelected(context, what));
  const NodeId id = ORCIO_TRY(FindFollowing(*opened.sidecar, opened.selector.path, true));
  const NodeInfo node = ORCIO_TRY(opened.sidecar->Node(id));
  if (node.type != EntryType::kFile) {
    return Fail(ErrorKind::kInvalid, "{} is a {}, not a file", what, TypeWord(node.type));
  }
  SpanCache cache(kCacheBytes);
  const auto reader =
      ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), opened.archive.path, opened.sidecar, cache));
  return StreamFile(*reader, id, what, WriteOut);
}

ExitCode Cat(const Context& context, const std::vector<std::string>& files) {
  ExitCode code = kDone;
  for (const std::string& file : files) {
    const auto written = CatOne(context, file);
    if (!written) code = Worse(code, context.Report(written.error()));
  }
  return code;
}

}  // namespace

Command AddLs(CLI::App& app, const Context& context) {
  auto options = std::make_shared<LsOptions>();
  app.add_option("SERVICE[@DATE][:PATH]", options->what,
                 "Archive and path, e.g. wiki@latest:srv/wiki")
      ->required();
  app.add_flag("-l,--long", options->details, "Mode, links, owner, group, size and time too");
  app.add_flag("-R,--recursive", options->recursive, "Everything below");
  app.add_flag("-d,--directory", options->directory, "A directory itself, not what is in it");
  return [&context, options] { return Ls(context, *options); };
}

Command AddCat(CLI::App& app, const Context& context) {
  auto files = std::make_shared<std::vector<std::string>>();
  app.add_option("SERVICE[@DATE]:PATH", *files,
                 "Files to write to standard output, one after the other")
      ->required();
  return [&context, files] { return Cat(context, *files); };
}

}  // namespace orcio::cli
