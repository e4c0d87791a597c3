#include "index/sidecar/read/sidecar_content.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "index/entry/extent_check.h"

namespace orcio::inline index {
namespace {

namespace format = sidecar_format;

Result<void> CheckExtents(const CheckedMap& map, const NodeRecord& file,
                          const std::vector<Extent>& extents) {
  const bool empty = std::any_of(extents.begin(), extents.end(),
                                 [](const Extent& extent) { return extent.length == 0; });
  // What an archive cut short has lost stands beyond its end.
  const bool lost = file.has(format::kIncomplete);
  const uint64_t tar_bytes = lost ? UINT64_MAX : map.header().tar_bytes;
  if (!empty && ExtentsAreSound(extents, file.node.size, tar_bytes)) return {};
  return FailNode(map, file.id, "a file with impossible extents");
}

Result<std::vector<Extent>> LoadSparseExtents(const CheckedMap& map, const NodeRecord& file) {
  uint64_t offset = ORCIO_TRY(LoadExtra(map, file.id, format::kExtents));
  auto count_bytes = ORCIO_TRY(map.Bytes(SectionId::kExtents, offset, sizeof(uint64_t)));
  auto count = LoadLittleEndian<uint64_t>(count_bytes.data());
  ORCIO_TRY(map.CheckFault());
  if (count > map.SectionBytes(SectionId::kExtents) / sizeof(Extent))
    return FailNode(map, file.id, "a file with too many extents");
  auto bytes =
      ORCIO_TRY(map.Bytes(SectionId::kExtents, offset + sizeof(uint64_t), count * sizeof(Extent)));
  std::vector<Extent> extents(count);
  if (count != 0) std::memcpy(extents.data(), bytes.data(), bytes.size());
  ORCIO_TRY(map.CheckFault());
  return extents;
}

// Reads an attribute at `offset` in XATT, and moves `offset` past it.
Result<ExtendedAttribute> LoadAttribute(const CheckedMap& map, uint64_t& offset) {
  auto sizes = ORCIO_TRY(map.Bytes(SectionId::kAttributeSets, offset, 2 * sizeof(uint32_t)));
  auto name_bytes = LoadLittleEndian<uint32_t>(sizes.data());
  auto value_bytes = LoadLittleEndian<uint32_t>(sizes.data() + sizeof(uint32_t));
  ORCIO_TRY(map.CheckFault());
  offset += sizes.size();
  auto bytes =
      ORCIO_TRY(map.Bytes(SectionId::kAttributeSets, offset, uint64_t{name_bytes} + value_bytes));
  ExtendedAttribute attribute{std::string(AsText(bytes.first(name_bytes))),
                              std::string(AsText(bytes.subspan(name_bytes)))};
  ORCIO_TRY(map.CheckFault());
  if (attribute.name.empty() || attribute.name.find('\0') != std::string::npos)
    return map.FailDamaged(SectionId::kAttributeSets, offset, "an impossible attribute name");
  offset += bytes.size();
  return attribute;
}

}  // namespace

Result<std::vector<Extent>> LoadExtents(const CheckedMap& map, const NodeRecord& file) {
  std::vector<Extent> extents;
  if (file.has(format::kSparse)) {
    extents = ORCIO_TRY(LoadSparseExtents(map, file));
  } else if (file.node.size != 0) {
    uint64_t begin = ORCIO_TRY(LoadPlace(map, file)).data_offset;
    extents.push_back({0, begin, file.node.size});
  }
  ORCIO_TRY(CheckExtents(map, file, extents));
  return extents;
}

Result<std::vector<ExtendedAttribute>> LoadAttributes(const CheckedMap& map,
                                                      const NodeRecord& record) {
  std::vector<ExtendedAttribute> attributes;
  if (!record.has(format::kHasXattrs)) return attributes;
  uint64_t offset = ORCIO_TRY(LoadExtra(map, record.id, format::kXattrs));
  auto bytes = ORCIO_TRY(map.Bytes(SectionId::kAttributeSets, offset, sizeof(uint32_t)));
  auto count = LoadLittleEndian<uint32_t>(bytes.data());
  ORCIO_TRY(map.CheckFault());
  offset += bytes.size();
  for (uint32_t i = 0; i < count; ++i) {
    auto attribute = ORCIO_TRY(LoadAttribute(map, offset));
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

Result<std::string> LoadText(const CheckedMap& map, SectionId section, uint64_t limit) {
  if (map.SectionBytes(section) > limit)
    return map.FailDamaged(section, 0, "a section of impossible size");
  auto bytes = ORCIO_TRY(map.Bytes(section, 0, map.SectionBytes(section)));
  std::string text(AsText(bytes));
  ORCIO_TRY(map.CheckFault());
  return text;
}

}  // namespace orcio::inline index
