#include "tests/support/archives/scanned_tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/bytes.h"

namespace orcio::test {
namespace {

constexpr size_t kBlock = 512;

void Put(std::string& block, size_t offset, std::string_view field, size_t room) {
  block.replace(offset, std::min(field.size(), room), field.substr(0, room));
}

}  // namespace

MemoryTarSource::MemoryTarSource(std::string_view bytes, size_t piece)
    : left_(bytes), piece_(piece) {}

Result<std::span<const std::byte>> MemoryTarSource::Next() {
  if (left_.empty() && error) return Failure(*error);
  const std::string_view next = left_.substr(0, piece_);
  left_.remove_prefix(next.size());
  return AsBytes(next);
}

const TarEntry& ScannedTar::At(std::string_view path) const {
  for (const TarEntry& entry : entries) {
    if (entry.path == path) return entry;
  }
  throw std::out_of_range("no such entry: " + std::string(path));
}

ScannedTar ScanBytes(std::string_view tar, size_t piece, const TarScanOptions& options) {
  ScannedTar scanned;
  MemoryTarSource source(tar, piece);
  scanned.summary = ScanTar(
      source,
      [&](TarEntry&& entry) -> Result<void> {
        scanned.entries.push_back(std::move(entry));
        return {};
      },
      options);
  return scanned;
}

std::string ContentOf(const TarEntry& entry, std::string_view tar) {
  std::string content(static_cast<size_t>(entry.size), '\0');
  for (const Extent& extent : entry.extents) {
    content.replace(
        static_cast<size_t>(extent.file_offset), static_cast<size_t>(extent.length),
        tar.substr(static_cast<size_t>(extent.tar_offset), static_cast<size_t>(extent.length)));
  }
  return content;
}

std::string HandMadeHeader::Block() const {
  std::string block(kBlock, '\0');
  Put(block, 0, path, 100);
  Put(block, 100, mode, 8);
  Put(block, 108, uid, 8);
  Put(block, 116, gid, 8);
  Put(block, 124, size, 12);
  Put(block, 136, mtime, 12);
  Put(block, 148, "        ", 8);
  block[156] = type;
  Put(block, 157, link_target, 100);
  Put(block, 257, magic, 8);
  Put(block, 265, rest, kBlock - 265);
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  Put(block, 148, fmt::format("{:06o}", sum) + std::string(1, '\0'), 7);
  return block;
}

std::string SizeField(uint64_t size) {
  if (size < uint64_t{1} << 33) return fmt::format("{:011o}", size);
  std::string field(12, '\0');
  for (size_t i = 0; i < 8; ++i) field[11 - i] = static_cast<char>(size >> (8 * i));
  field[0] = '\x80';
  return field;
}

std::string Padded(std::string content) {
  content.resize((content.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return content;
}

std::string PaxHeader(const std::vector<std::string>& records, char type) {
  std::string body;
  for (const std::string& record : records) {
    size_t length = record.size() + 3;
    while (fmt::format("{}", length).size() + record.size() + 2 != length) ++length;
    body += fmt::format("{} ", length) + record + "\n";
  }
  HandMadeHeader header;
  header.path = "PaxHeaders/file";
  header.type = type;
  header.size = SizeField(body.size());
  return header.Block() + Padded(body);
}

std::string EndMarker() {
  return std::string(2 * kBlock, '\0');
}

}  // namespace orcio::test
