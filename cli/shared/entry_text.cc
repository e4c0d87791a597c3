#include "cli/shared/entry_text.h"

#include "cli/output/text.h"

namespace orcio::cli {

std::string EntryDetails(const NodeInfo& node) {
  const bool device =
      node.type == EntryType::kCharacterDevice || node.type == EntryType::kBlockDevice;
  const std::string size = device ? fmt::format("{}, {}", node.device_major, node.device_minor)
                                  : fmt::format("{}", node.size);
  return fmt::format("{} {:>3} {:>5} {:>5} {:>11} {} ", FormatMode(node.type, node.mode),
                     node.links, node.uid, node.gid, size, FormatTime(node.mtime.seconds));
}

Result<std::string> ArrowToTarget(const Context& context, const Sidecar& sidecar,
                                  const NodeInfo& node) {
  if (node.type != EntryType::kSymlink) return std::string();
  return " -> " + context.Shown(ORCIO_TRY(sidecar.SymlinkTarget(node.id)));
}

std::string EpochText(const Timestamp& time) {
  return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
}

nlohmann::json EntryJson(const Snapshot& entry, std::string_view path) {
  const NodeInfo& node = entry.node;
  nlohmann::json object = {{"type", TypeWord(node.type)},
                           {"mode", fmt::format("{:04o}", node.mode)},
                           {"uid", node.uid},
                           {"gid", node.gid},
                           {"size", node.size},
                           {"links", node.links},
                           {"mtime", EpochText(node.mtime)}};
  AddPath(object, path);
  if (node.type == EntryType::kSymlink) object["target"] = entry.target;
  if (entry.digest) object["sha256"] = ToHex(*entry.digest);
  if (!node.complete) object["complete"] = false;
  return object;
}

Result<nlohmann::json> EntryJson(const Sidecar& sidecar, NodeId id, std::string_view path) {
  return EntryJson(ORCIO_TRY(TakeSnapshot(sidecar, id)), path);
}

}  // namespace orcio::cli
