#include "index/tar/other_compression.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/free_with.h"

namespace orcio::inline index {
namespace {

constexpr size_t kPiece = size_t{256} << 10;

struct Magic {
  std::string_view bytes;
  std::string_view name;
};

constexpr std::array<Magic, 10> kMagics{{
    {{"\x1f\x8b", 2}, "gzip"},
    {{"\x1f\x9d", 2}, "compress"},
    {{"\xfd"
      "7zXZ\0",
      6},
     "xz"},
    {{"\x28\xb5\x2f\xfd", 4}, "zstd"},
    {{"BZh", 3}, "bzip2"},
    {{"\x04\x22\x4d\x18", 4}, "lz4"},
    {{"\x02\x21\x4c\x18", 4}, "lz4"},  // as the first versions wrote it
    {{"\x50\x2a\x4d\x18", 4}, "lz4"},  // a frame to be skipped comes first
    {{"LZIP", 4}, "lzip"},
    {{"\x5d\0\0", 3}, "lzma"},
}};

using Reader = std::unique_ptr<archive, FreeWith<archive_read_free>>;

class OtherCompression : public TarSource {
 public:
  OtherCompression(const RandomAccess& file, std::string name)
      : file_(file), name_(std::move(name)), reader_(archive_read_new()) {
    if (reader_ == nullptr) throw std::bad_alloc();
  }

  Result<void> Open();
  Result<std::span<const std::byte>> Next() override;

 private:
  static la_ssize_t Read(archive*, void* self, const void** bytes);
  Failure Broken();

  const RandomAccess& file_;
  const std::string name_;
  uint64_t offset_ = 0;
  std::vector<std::byte> input_ = std::vector<std::byte>(kPiece);
  std::vector<std::byte> output_ = std::vector<std::byte>(kPiece);
  std::optional<Error> error_;
  Reader reader_;
};

la_ssize_t OtherCompression::Read(archive*, void* self, const void** bytes) {
  auto& from = *static_cast<OtherCompression*>(self);
  const auto read = from.file_.ReadAt(from.offset_, from.input_);
  if (!read) {
    from.error_ = read.error();
    return ARCHIVE_FATAL;
  }
  from.offset_ += *read;
  *bytes = from.input_.data();
  return static_cast<la_ssize_t>(*read);
}

Failure OtherCompression::Broken() {
  if (error_) return Failure(*error_);
  const char* why = archive_error_string(reader_.get());
  return Fail(ErrorKind::kDamaged, "{}: cannot be decompressed near offset {}: {}", name_, offset_,
              why == nullptr ? "no reason given" : why);
}

Result<void> OtherCompression::Open() {
  // Those that libarchive decodes itself: it would start programs for others.
  for (const auto support : {archive_read_support_filter_bzip2,
                             archive_read_support_filter_compress, archive_read_support_filter_lz4,
                             archive_read_support_filter_lzip, archive_read_support_filter_lzma,
                             archive_read_support_filter_xz, archive_read_support_filter_zstd,
                             archive_read_support_format_raw, archive_read_support_format_empty}) {
    if (support(reader_.get()) == ARCHIVE_FATAL) throw std::bad_alloc();
  }
  archive_entry* entry = nullptr;
  if (archive_read_open(reader_.get(), this, nullptr, Read, nullptr) != ARCHIVE_OK) return Broken();
  const int status = archive_read_next_header(reader_.get(), &entry);
  if (status != ARCHIVE_OK && status != ARCHIVE_EOF) return Broken();
  return {};
}

Result<std::span<const std::byte>> OtherCompression::Next() {
  const la_ssize_t size = archive_read_data(reader_.get(), output_.data(), output_.size());
  if (size < 0) return Broken();
  return std::span<const std::byte>(output_).first(static_cast<size_t>(size));
}

}  // namespace

std::string_view CompressionOf(std::span<const std::byte> head) {
  const std::string_view text = AsText(head);
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes)) return magic.name;
  }
  return {};
}

Result<std::unique_ptr<TarSource>> OpenOtherCompression(const RandomAccess& file,
                                                        std::string name) {
  auto source = std::make_unique<OtherCompression>(file, std::move(name));
  ORCIO_TRY(source->Open());
  return std::unique_ptr<TarSource>(std::move(source));
}

}  // namespace orcio::inline index
