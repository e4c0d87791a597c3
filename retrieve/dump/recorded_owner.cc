#include "retrieve/dump/recorded_owner.h"

#include <grp.h>
#include <pwd.h>

#include <optional>
#include <string_view>

#include "index/tar/tar_block.h"

namespace orcio::inline retrieve {
namespace {

constexpr std::string_view kExtensions = "xgLKX";  // headers that speak of the next one

// The header block that stands for the entry itself, after its extensions.
Result<std::optional<TarBlock>> MainHeader(const ArchiveReader& reader, const NodeInfo& node) {
  for (uint64_t at = node.header_offset; at < node.data_offset;) {
    std::string bytes;
    for (const Slice& slice : ORCIO_TRY(reader.ReadTar(at, kTarBlockSize)))
      bytes.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
    if (bytes.size() < kTarBlockSize) break;
    const TarBlock block(std::as_bytes(std::span(bytes)));
    if (kExtensions.find(block.type()) == std::string_view::npos) return block;
    const uint64_t body = block.Size().value_or(UINT64_MAX);
    if (body > node.data_offset - at) break;
    at += kTarBlockSize + (body + kTarBlockSize - 1) / kTarBlockSize * kTarBlockSize;
  }
  return std::nullopt;
}

}  // namespace

Result<OwnerNames> RecordedNames(const ArchiveReader& reader, const NodeInfo& node) {
  if (node.implied) return OwnerNames{};
  const auto header = ORCIO_TRY(MainHeader(reader, node));
  if (!header || header->dialect() == TarDialect::kV7) return OwnerNames{};
  return OwnerNames{std::string(header->Text(265, 32)), std::string(header->Text(297, 32))};
}

Result<std::pair<uint32_t, uint32_t>> RecordedOwners::Of(const NodeInfo& node) {
  std::pair<uint32_t, uint32_t> owner(node.uid, node.gid);
  const auto [user, group] = ORCIO_TRY(RecordedNames(reader_, node));
  const auto known_user = users_.try_emplace(user, -1);
  if (known_user.second && !user.empty()) {
    if (const passwd* entry = ::getpwnam(user.c_str())) known_user.first->second = entry->pw_uid;
  }
  const auto known_group = groups_.try_emplace(group, -1);
  if (known_group.second && !group.empty()) {
    if (const ::group* entry = ::getgrnam(group.c_str())) known_group.first->second = entry->gr_gid;
  }
  if (known_user.first->second >= 0) owner.first = static_cast<uint32_t>(known_user.first->second);
  if (known_group.first->second >= 0)
    owner.second = static_cast<uint32_t>(known_group.first->second);
  return owner;
}

}  // namespace orcio::inline retrieve
