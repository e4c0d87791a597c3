// Opens arbitrary bytes as a sidecar and asks it everything; once as they are, once with every
// checksum put right. Seeds: sidecar_seeds DIRECTORY.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>

#include "index/sidecar/sidecar_format.h"
#include "tests/support/archives/sidecar_bytes.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace orcio;
namespace format = sidecar_format;

void Require(bool holds) {
  if (!holds) std::abort();
}

// What callers rely on without looking.
void CheckPromises(const Sidecar& sidecar, NodeId id) {
  if (auto children = sidecar.ListChildren(id)) {
    Require(children->first > id);
    Require(uint64_t{children->first} + children->count <= sidecar.node_count());
  }
  if (auto parent = sidecar.Parent(id)) Require(id == kRootNode || *parent < id);
  if (auto name = sidecar.Name(id)) {
    Require(name->empty() == (id == kRootNode) && *name != "." && *name != "..");
    Require(name->find('/') == name->npos && name->find('\0') == name->npos);
  }
  if (auto info = sidecar.Node(id)) {
    Require(info->type != EntryType::kHardLink && info->mtime.nanoseconds < 1'000'000'000);
    Require(info->header_offset <= info->data_offset && info->inode < sidecar.node_count());
  }
  uint64_t end = 0;
  auto extents = sidecar.Extents(id);
  if (!extents) return;
  for (const Extent& extent : *extents) {
    Require(extent.length > 0 && extent.file_offset >= end);
    end = extent.file_offset + extent.length;
  }
  if (auto info = sidecar.Node(id)) Require(end <= info->size);
}

void AskEverything(test::FileBytes bytes) {
  auto opened = test::OpenSidecar(std::move(bytes));
  if (!opened) return;
  const Sidecar& sidecar = **opened;
  for (NodeId id = 0; id < sidecar.node_count(); ++id) CheckPromises(sidecar, id);
  (void)test::DescribeAll(sidecar);
  (void)sidecar.CheckAll();
}

}  // namespace

// Most of a small sidecar is padding: half of the mutations hit the header or a section instead.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  std::minstd_rand random(seed);
  format::Header header;
  if (random() % 8 == 0 || size < format::kBlockBytes)
    return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(&header, data, sizeof(header));
  size_t sections = std::min(header.section_count, format::kMaxSections);
  if (random() % 8 == 0 || sections == 0) {
    LLVMFuzzerMutate(data, sizeof(header) + sections * sizeof(format::Section),
                     sizeof(header) + sections * sizeof(format::Section));
    return size;
  }
  format::Section section;
  std::memcpy(&section, data + sizeof(header) + random() % sections * sizeof(section),
              sizeof(section));
  if (section.offset >= size || section.bytes == 0 || section.bytes > size - section.offset)
    return size;
  LLVMFuzzerMutate(data + section.offset, section.bytes, section.bytes);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto* begin = reinterpret_cast<const std::byte*>(data);
  test::FileBytes bytes(begin, begin + size);
  AskEverything(bytes);
  test::Reseal(bytes);
  AskEverything(std::move(bytes));
  return 0;
}
