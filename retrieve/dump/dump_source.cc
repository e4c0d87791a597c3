#include "retrieve/dump/dump_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kPiecesAhead = 8;  // of at most 1 MiB

}  // namespace

DumpSource::DumpSource(const ArchiveReader& reader, NodeId root, DumpOptions options)
    : reader_(reader),
      root_(root),
      options_(std::move(options)),
      pieces_(kPiecesAhead),
      thread_([this](const std::stop_token& stop) { Make(stop); }) {}

DumpSource::~DumpSource() = default;

void DumpSource::Make(const std::stop_token& stop) {
  result_ = DumpTree(
      reader_, root_,
      [&](std::span<const std::byte> bytes) -> Result<void> {
        if (pieces_.Push(std::string(AsText(bytes)), stop)) return {};
        return Fail(ErrorKind::kCancelled, "nobody reads the tar any more");
      },
      options_);
  pieces_.Close();
}

Result<size_t> DumpSource::Read(std::span<std::byte> into) {
  if (taken_ == piece_.size()) {
    auto next = pieces_.Pop({});
    if (!next) {
      if (!result_) return Failure(result_.error());
      return size_t{0};
    }
    piece_ = std::move(*next);
    taken_ = 0;
  }
  const size_t count = std::min(into.size(), piece_.size() - taken_);
  std::memcpy(into.data(), piece_.data() + taken_, count);
  taken_ += count;
  bytes_ += count;
  return count;
}

}  // namespace orcio::inline retrieve
