#include <unistd.h>

#include <cerrno>
#include <memory>

#include "cli/commands.h"
#include "cli/text.h"
#include "index/archive_reader.h"
#include "index/path_lookup.h"

namespace orcio::cli {
namespace {

// Members decoded ahead of use are no help to commands that read front to back: a small cache is
// enough.
constexpr uint64_t kCacheBytes = uint64_t{16} << 20;
constexpr size_t kReadBytes = size_t{1} << 20;

struct Opened {
  Selector selector;
  ArchiveFile archive;
  std::shared_ptr<const Sidecar> sidecar;
};

Result<Opened> OpenArchive(const Context& context, const std::string& text) {
  Opened opened;
  opened.selector = ORCIO_TRY(ParseSelector(text));
  const Repository repository = ORCIO_TRY(context.OpenRepository());
  opened.archive = ORCIO_TRY(repository.Resolve(opened.selector));
  auto sidecar = Sidecar::Open(repository.files(), opened.archive.sidecar);
  if (!sidecar) {
    return Fail(sidecar.error().kind == ErrorKind::kNotFound ? ErrorKind::kUnsupported
                                                             : sidecar.error().kind,
                "{}; `orcio index {}` makes it anew", sidecar.error().message,
                opened.archive.path.string());
  }
  const auto file = ORCIO_TRY(repository.files().OpenRead(opened.archive.path));
  ORCIO_TRY((*sidecar)->CheckBelongsTo(*file));
  opened.sidecar = std::move(*sidecar);
  return opened;
}

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
    if (context_.json) return Json(node, path);
    std::string line = context_.Shown(path);
    if (options_.details) line = ORCIO_TRY(Details(node)) + line + ORCIO_TRY(Target(node));
    context_.Print(line + "\n");
    return {};
  }

  Result<std::string> Details(const NodeInfo& node) const {
    const bool device =
        node.type == EntryType::kCharacterDevice || node.type == EntryType::kBlockDevice;
    const std::string size = device ? fmt::format("{}, {}", node.device_major, node.device_minor)
                                    : fmt::format("{}", node.size);
    return fmt::format("{} {:>3} {:>5} {:>5} {:>11} {} ", FormatMode(node.type, node.mode),
                       node.links, node.uid, node.gid, size, FormatTime(node.mtime.seconds));
  }

  Result<std::string> Target(const NodeInfo& node) const {
    if (node.type != EntryType::kSymlink) return std::string();
    return " -> " + context_.Shown(ORCIO_TRY(sidecar_.SymlinkTarget(node.id)));
  }

  Result<void> Json(const NodeInfo& node, const std::string& path) const {
    nlohmann::json object = {
        {"type", TypeWord(node.type)},
        {"mode", fmt::format("{:04o}", node.mode)},
        {"uid", node.uid},
        {"gid", node.gid},
        {"size", node.size},
        {"links", node.links},
        {"mtime", fmt::format("{}.{:09}", node.mtime.seconds, node.mtime.nanoseconds)}};
    AddPath(object, path);
    if (node.type == EntryType::kSymlink)
      object["target"] = ORCIO_TRY(sidecar_.SymlinkTarget(node.id));
    if (const auto digest = ORCIO_TRY(sidecar_.Digest(node.id))) object["sha256"] = ToHex(*digest);
    if (!node.complete) object["complete"] = false;
    context_.PrintJson(object);
    return {};
  }

  const Context& context_;
  const LsOptions& options_;
  const Sidecar& sidecar_;
};

ExitCode Ls(const Context& context, const LsOptions& options) {
  const auto opened = OpenArchive(context, options.what);
  if (!opened) return context.Report(opened.error());
  const auto node = FindFollowing(*opened->sidecar, opened->selector.path, false);
  if (!node) return context.Report(node.error());
  const auto path = opened->sidecar->Path(*node);
  if (!path) return context.Report(path.error());
  const auto shown = Lister(context, options, *opened->sidecar).Show(*node, *path);
  return shown ? kDone : context.Report(shown.error());
}

Result<void> WriteOut(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno(errno, "cannot write to standard output");
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

Result<void> CatOne(const Context& context, const std::string& what) {
  const Opened opened = ORCIO_TRY(OpenArchive(context, what));
  const NodeId id = ORCIO_TRY(FindFollowing(*opened.sidecar, opened.selector.path, true));
  const NodeInfo node = ORCIO_TRY(opened.sidecar->Node(id));
  if (node.type != EntryType::kFile) {
    return Fail(ErrorKind::kInvalid, "{} is a {}, not a file", what, TypeWord(node.type));
  }
  SpanCache cache(kCacheBytes);
  const auto reader =
      ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), opened.archive.path, opened.sidecar, cache));
  for (uint64_t offset = 0; offset < node.size;) {
    const auto slices = ORCIO_TRY(reader->ReadFile(id, offset, kReadBytes));
    if (slices.empty())
      return Fail(ErrorKind::kDamaged, "{} ends at {} of {} bytes", what, offset, node.size);
    for (const Slice& slice : slices) {
      ORCIO_TRY(WriteOut(slice.bytes));
      offset += slice.bytes.size();
    }
  }
  return {};
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
