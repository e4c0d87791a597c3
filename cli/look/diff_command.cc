#include <algorithm>
#include <array>
#include <memory>

#include "cli/output/text.h"
#include "cli/shared/commands.h"
#include "cli/shared/entry_text.h"
#include "cli/shared/named_archive.h"
#include "index/archive/read/archive_reader.h"
#include "index/sidecar/read/path_lookup.h"
#include "retrieve/compare/compare.h"
#include "retrieve/compare/text_diff.h"
#include "retrieve/look/content.h"

namespace orcio::cli {
namespace {

constexpr uint64_t kDiffCacheBytes = uint64_t{16} << 20;
constexpr uint64_t kMostTextBytes = uint64_t{8} << 20;

struct DiffOptions {
  std::string before;
  std::string after;
  bool content = false;
  bool exit_code = false;
};

struct ChangeName {
  char letter;  // as restic has them
  std::string_view word;
};
// In the order of TreeChange::Kind.
constexpr std::array<ChangeName, 5> kChangeNames{
    {{'+', "added"}, {'-', "removed"}, {'T', "type"}, {'M', "content"}, {'U', "metadata"}}};

// One of the two archives that are compared.
struct Side {
  Opened opened;
  NodeId root = kRootNode;
  std::unique_ptr<SpanCache> cache;
  std::unique_ptr<ArchiveReader> reader;
};

Result<Side> OpenSide(const Context& context, const std::string& text) {
  Side side;
  side.opened = ORCIO_TRY(OpenSelected(context, text));
  side.root = ORCIO_TRY(FindFollowing(*side.opened.sidecar, side.opened.selector.path, true));
  side.cache = std::make_unique<SpanCache>(kDiffCacheBytes);
  side.reader = ORCIO_TRY(ArchiveReader::Open(LocalFileSystem(), side.opened.archive.path,
                                              side.opened.sidecar, *side.cache));
  return side;
}

std::string MetadataText(const TreeChange& change) {
  std::string text;
  for (const std::string_view word : change.metadata) {
    const NodeInfo& was = change.before->node;
    const NodeInfo& is = change.after->node;
    if (!text.empty()) text += ", ";
    text += word;
    if (word == "mode") text += fmt::format(" {:04o} -> {:04o}", was.mode, is.mode);
    if (word == "uid") text += fmt::format(" {} -> {}", was.uid, is.uid);
    if (word == "gid") text += fmt::format(" {} -> {}", was.gid, is.gid);
    if (word == "links") text += fmt::format(" {} -> {}", was.links, is.links);
  }
  return text;
}

std::string ChangeText(const TreeChange& change) {
  switch (change.kind) {
    case TreeChange::Kind::kMetadata:
      return MetadataText(change);
    case TreeChange::Kind::kType:
      return fmt::format("{} -> {}", TypeWord(change.before->node.type),
                         TypeWord(change.after->node.type));
    case TreeChange::Kind::kContent:
      if (change.after->node.type != EntryType::kFile) return "";
      return fmt::format("{} -> {} bytes", change.before->node.size, change.after->node.size);
    default:
      return "";
  }
}

class DiffPrinter {
 public:
  DiffPrinter(const Context& context, const DiffOptions& options, const Side& before,
              const Side& after)
      : context_(context), options_(options), before_(before), after_(after) {}

  Result<void> Show(const TreeChange& change) {
    ++counts_[static_cast<size_t>(change.kind)];
    const ChangeName& name = kChangeNames[static_cast<size_t>(change.kind)];
    const std::string diff = ORCIO_TRY(Content(change));
    if (context_.json) {
      nlohmann::json object = {{"type", name.word}};
      AddPath(object, change.path);
      if (change.before) object["before"] = EntryJson(*change.before, change.path);
      if (change.after) object["after"] = EntryJson(*change.after, change.path);
      if (!change.metadata.empty()) object["metadata"] = change.metadata;
      if (!diff.empty()) object["diff"] = diff;
      context_.PrintJson(object);
      return {};
    }
    const std::string more = ChangeText(change);
    context_.Print(fmt::format("{} {}{}\n", name.letter, context_.Shown(change.path),
                               more.empty() ? "" : " (" + more + ")"));
    if (!diff.empty()) PrintDiff(change, diff);
    return {};
  }

  void PrintSummary() const {
    nlohmann::json counts;
    for (size_t i = 0; i < counts_.size(); ++i)
      counts[std::string(kChangeNames[i].word)] = counts_[i];
    const nlohmann::json object = {{"type", "summary"}, {"changes", counts}};
    context_.PrintJson(object);
  }
  [[nodiscard]] bool any() const {
    return std::any_of(counts_.begin(), counts_.end(), [](uint64_t count) { return count > 0; });
  }

 private:
  // The unified diff, if it is asked for and makes sense.
  Result<std::string> Content(const TreeChange& change) const {
    if (!options_.content || change.kind != TreeChange::Kind::kContent ||
        change.after->node.type != EntryType::kFile || change.before->node.size > kMostTextBytes ||
        change.after->node.size > kMostTextBytes) {
      return std::string();
    }
    const auto was =
        ORCIO_TRY(ReadText(*before_.reader, change.before->node.id, change.path, kMostTextBytes));
    const auto is =
        ORCIO_TRY(ReadText(*after_.reader, change.after->node.id, change.path, kMostTextBytes));
    return IsText(was) && IsText(is) ? UnifiedDiff(was, is) : std::string();
  }

  void PrintDiff(const TreeChange& change, std::string_view diff) const {
    context_.Print(fmt::format("--- {}\t{}\n", context_.Shown(DiffName("a/" + change.path)),
                               before_.opened.archive.date));
    context_.Print(fmt::format("+++ {}\t{}\n", context_.Shown(DiffName("b/" + change.path)),
                               after_.opened.archive.date));
    while (!diff.empty()) {
      const size_t end = diff.find('\n');
      context_.Print(context_.Shown(diff.substr(0, end)) + "\n");
      diff.remove_prefix(std::min(diff.size(), end + 1));
    }
  }

  const Context& context_;
  const DiffOptions& options_;
  const Side& before_;
  const Side& after_;
  std::array<uint64_t, kChangeNames.size()> counts_{};
};

ExitCode Diff(const Context& context, const DiffOptions& options) {
  const auto before = OpenSide(context, options.before);
  if (!before) return context.Report(before.error());
  const auto after = OpenSide(context, options.after);
  if (!after) return context.Report(after.error());
  DiffPrinter printer(context, options, *before, *after);
  const auto compared = CompareTrees(
      {before->opened.sidecar.get(), before->root}, {after->opened.sidecar.get(), after->root},
      [&](const TreeChange& change) { return printer.Show(change); });
  if (!compared) return context.Report(compared.error());
  if (context.json) printer.PrintSummary();
  const ExitCode code =
      Worse(WarnOfIncomplete(context, before->opened), WarnOfIncomplete(context, after->opened));
  return options.exit_code && printer.any() ? kFailed : code;
}

}  // namespace

Command AddDiff(CLI::App& app, const Context& context) {
  auto options = std::make_shared<DiffOptions>();
  app.add_option("A", options->before, "SERVICE[@DATE][:PATH], the older one")->required();
  app.add_option("B", options->after, "SERVICE[@DATE][:PATH]")->required();
  app.add_flag("--content", options->content, "What changed in text files, too");
  app.add_flag("--exit-code", options->exit_code, "Exit with 1 where something differs");
  return [&context, options] { return Diff(context, *options); };
}

}  // namespace orcio::cli
