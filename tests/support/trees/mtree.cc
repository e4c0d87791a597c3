#include "tests/support/trees/mtree.h"

#include <fmt/format.h>

#include <stdexcept>

#include "base/sha256.h"
#include "index/entry/tar_path.h"

namespace orcio::test {
namespace {

template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

// vis(3) in octal: "\134" is a backslash.
std::string Decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 3)), nullptr, 8)));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

std::string_view TypeWord(EntryType type) {
  constexpr std::string_view kWords[] = {"file", "dir",   "link", "file",
                                         "char", "block", "fifo", "socket"};
  return kWords[static_cast<size_t>(type)];
}

class Comparison {
 public:
  Comparison(const ArchiveReader& reader, const MtreeOptions& options)
      : reader_(reader), sidecar_(reader.sidecar()), options_(options) {}

  void Compare(const std::string& path, const MtreeLine& line);
  // What the tree has and the listing has not.
  void FindExtra(const std::map<std::string, MtreeLine>& lines);
  std::string differences;

 private:
  void Check(const std::string& path, const MtreeLine& line, const char* word,
             const std::string& ours);
  void CompareContent(const std::string& path, const MtreeLine& line, const NodeInfo& node);

  const ArchiveReader& reader_;
  const Sidecar& sidecar_;
  const MtreeOptions& options_;
};

void Comparison::Check(const std::string& path, const MtreeLine& line, const char* word,
                       const std::string& ours) {
  const auto theirs = line.words.find(word);
  if (theirs == line.words.end() || theirs->second == ours) return;
  differences += fmt::format("{}: {} {}, ours {}\n", path, word, theirs->second, ours);
}

void Comparison::Compare(const std::string& path, const MtreeLine& line) {
  const auto id = Must(sidecar_.Find(path));
  if (!id) {
    differences += fmt::format("{}: missing\n", path);
    return;
  }
  const NodeInfo node = Must(sidecar_.Node(*id));
  Check(path, line, "type", std::string(TypeWord(node.type)));
  if (node.implied) differences += fmt::format("{}: no entry of ours names it\n", path);
  if (!node.complete) differences += fmt::format("{}: incomplete\n", path);
  if (node.inode != node.id || options_.hard_links.count(path) > 0) return;
  if (node.type != EntryType::kSymlink) Check(path, line, "mode", fmt::format("{:o}", node.mode));
  Check(path, line, "uid", fmt::format("{}", node.uid));
  Check(path, line, "gid", fmt::format("{}", node.gid));
  // Nanoseconds without leading zeros: it is no decimal fraction.
  Check(path, line, "time", fmt::format("{}.{}", node.mtime.seconds, node.mtime.nanoseconds));
  if (node.type == EntryType::kSymlink)
    Check(path, line, "link", std::string(Must(sidecar_.SymlinkTarget(*id))));
  Check(path, line, "device", fmt::format("native,{},{}", node.device_major, node.device_minor));
  if (node.type == EntryType::kFile) CompareContent(path, line, node);
}

void Comparison::CompareContent(const std::string& path, const MtreeLine& line,
                                const NodeInfo& node) {
  Check(path, line, "size", fmt::format("{}", node.size));
  const auto recorded = Must(sidecar_.Digest(node.id));
  const std::string from_index = recorded ? ToHex(*recorded) : "";
  const auto theirs = line.words.find("sha256digest");
  if (node.size > options_.max_read) {
    if (recorded) Check(path, line, "sha256digest", from_index);
    return;
  }
  const auto read = ReadDigest(reader_, node, node.size);
  const std::string from_content = read ? *read : read.error().message;
  if (recorded && from_content != from_index)
    differences += fmt::format("{}: digest {}, but read {}\n", path, from_index, from_content);
  if (theirs == line.words.end() || theirs->second == from_content) return;
  // bsdtar leaves the hole at a file's end out of what it digests.
  const auto extents = Must(sidecar_.Extents(node.id));
  const uint64_t end = extents.empty() ? 0 : extents.back().file_offset + extents.back().length;
  if (node.sparse && Must(ReadDigest(reader_, node, end)) == theirs->second) return;
  Check(path, line, "sha256digest", from_content);
}

void Comparison::FindExtra(const std::map<std::string, MtreeLine>& lines) {
  for (NodeId id = 1; id < sidecar_.node_count(); ++id) {
    const std::string path = Must(sidecar_.Path(id));
    if (!Must(sidecar_.Node(id)).implied && lines.count(path) == 0)
      differences += fmt::format("{}: only ours\n", path);
  }
}

}  // namespace

std::map<std::string, MtreeLine> ParseMtree(std::string_view text) {
  std::map<std::string, MtreeLine> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    MtreeLine parsed;
    const size_t space = std::min(line.find(' '), line.size());
    const std::string written = Decoded(line.substr(0, space));
    std::string path;
    std::string_view rest = InsideTree(written);
    for (auto name = NextComponent(rest); !name.empty(); name = NextComponent(rest))
      path += (path.empty() ? "" : "/") + std::string(name);
    line.remove_prefix(std::min(space + 1, line.size()));
    while (!line.empty()) {
      const size_t word_end = std::min(line.find(' '), line.size());
      const std::string_view word = line.substr(0, word_end);
      const size_t equals = std::min(word.find('='), word.size());
      parsed.words[std::string(word.substr(0, equals))] =
          Decoded(word.substr(std::min(equals + 1, word.size())));
      line.remove_prefix(std::min(word_end + 1, line.size()));
    }
    lines[path] = std::move(parsed);
  }
  return lines;
}

std::string DiffFromMtree(const ArchiveReader& reader, std::string_view mtree,
                          const MtreeOptions& options) {
  const auto lines = ParseMtree(mtree);
  Comparison comparison(reader, options);
  for (const auto& [path, line] : lines) comparison.Compare(path, line);
  comparison.FindExtra(lines);
  return std::move(comparison.differences);
}

Result<std::string> ReadDigest(const ArchiveReader& reader, const NodeInfo& file, uint64_t end) {
  constexpr uint64_t kStep = uint64_t{4} << 20;
  Sha256 digest;
  uint64_t offset = 0;
  while (offset < end) {
    const auto slices = ORCIO_TRY(
        reader.ReadFile(file.id, offset, static_cast<size_t>(std::min(kStep, end - offset))));
    if (slices.empty()) break;
    for (const Slice& slice : slices) {
      digest.Update(slice.bytes);
      offset += slice.bytes.size();
    }
  }
  return ToHex(digest.Finish());
}

}  // namespace orcio::test
