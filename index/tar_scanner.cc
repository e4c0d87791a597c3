#include "index/tar_scanner.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "index/free_with.h"
#include "index/tar_entry_maker.h"
#include "index/tar_feed.h"
#include "index/tar_headers.h"

namespace orcio {
namespace {

constexpr uint64_t kBlock = 512;
constexpr uint64_t kEndMarker = 2 * kBlock;
constexpr size_t kMaxWarnings = 100;

using Reader = std::unique_ptr<archive, FreeWith<archive_read_free>>;

la_ssize_t ReadFeed(archive*, void* feed, const void** bytes) {
  auto& from = *static_cast<TarFeed*>(feed);
  const auto piece = from.Next();
  if (from.error()) return ARCHIVE_FATAL;
  *bytes = piece.data();
  return static_cast<la_ssize_t>(piece.size());
}

// Bytes as a terminal can show them: a name in a tar may hold any but NUL.
std::string Printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      text += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    } else {
      text.push_back(c);
    }
  }
  return text;
}

// Where content of `stored_bytes` ends with its padding.
uint64_t PaddedEnd(uint64_t offset, uint64_t stored_bytes) {
  return offset + stored_bytes + (kBlock - stored_bytes % kBlock) % kBlock;
}

class Scanner {
 public:
  Scanner(TarSource& source, const std::function<Result<void>(TarEntry&&)>& sink,
          const TarScanOptions& options)
      : feed_(source), sink_(sink), options_(options), reader_(archive_read_new()) {
    if (reader_ == nullptr) throw std::bad_alloc();
  }

  Result<TarSummary> Run();

 private:
  // These return whether the tar goes on.
  Result<bool> Open();
  Result<bool> ReadEntry();
  Result<bool> HandOut(archive_entry& source, TarHeaders&& headers, uint64_t header_offset,
                       bool broken);
  Result<bool> SkipContent();
  Result<bool> Stopped(uint64_t offset);

  Result<bool> ReadContent(archive_entry& source, TarEntry& entry, bool broken);
  // Whether the block stands behind those before it and inside the file.
  bool TakeBlock(TarEntry& entry, uint64_t file_offset, std::span<const std::byte> bytes);
  void DigestHoleUpTo(uint64_t file_offset);
  void Finish();

  void Warn(std::string warning);
  uint64_t Position() { return static_cast<uint64_t>(archive_filter_bytes(reader_.get(), 0)); }
  std::string ReaderMessage();

  TarFeed feed_;
  const std::function<Result<void>(TarEntry&&)>& sink_;
  const TarScanOptions& options_;
  Reader reader_;
  Sha256 sha256_;
  bool digesting_ = false;
  uint64_t content_offset_ = 0;  // behind the last byte of the file that has gone by
  bool cut_short_ = false;       // the stream ended inside an entry
  bool warned_of_globals_ = false;
  TarSummary summary_;
};

Result<TarSummary> Scanner::Run() {
  bool more = ORCIO_TRY(Open());
  while (more) more = ORCIO_TRY(ReadEntry());
  ORCIO_TRY(feed_.Drain());
  Finish();
  return std::move(summary_);
}

Result<bool> Scanner::Open() {
  if (archive_read_support_format_tar(reader_.get()) != ARCHIVE_OK) throw std::bad_alloc();
  feed_.BeginHeaders(0);
  if (archive_read_open(reader_.get(), &feed_, nullptr, ReadFeed, nullptr) != ARCHIVE_OK) {
    return Stopped(0);
  }
  return true;
}

// libarchive will not go on: because the source failed, because it ended, or because of what it
// says at `offset`.
Result<bool> Scanner::Stopped(uint64_t offset) {
  if (feed_.error()) return Failure(*feed_.error());
  if (!feed_.ended()) {
    return Fail(ErrorKind::kDamaged,
                "the tar makes no sense at offset {} ({}); what stands before is good", offset,
                ReaderMessage());
  }
  cut_short_ = true;
  Warn(feed_.bytes() == 0
           ? "the tar is empty"
           : fmt::format("the tar is cut short: it ends at offset {}, inside an entry",
                         feed_.bytes()));
  return false;
}

std::string Scanner::ReaderMessage() {
  const char* message = archive_error_string(reader_.get());
  return message == nullptr ? "no reason given" : Printable(message);
}

Result<bool> Scanner::ReadEntry() {
  const uint64_t header_offset = Position();
  feed_.BeginHeaders(header_offset);
  archive_entry* source = nullptr;
  const int status = archive_read_next_header(reader_.get(), &source);
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN && status != ARCHIVE_EOF) {
    return Stopped(header_offset);
  }
  TarHeaders headers = ReadTarHeaders(feed_.Headers(header_offset, Position()));
  feed_.EndHeaders();
  if (status == ARCHIVE_EOF) {
    // A volume's name or a global header may stand alone.
    summary_.end_of_entries = header_offset + headers.extension_bytes;
    return false;
  }
  if (headers.has_global_records && !warned_of_globals_) {
    warned_of_globals_ = true;
    Warn(fmt::format("the global pax header at offset {} is not applied to the entries behind it",
                     header_offset));
  }
  bool broken = false;
  if (status == ARCHIVE_WARN) {
    const std::string message = ReaderMessage();
    // We take names as they are; that libarchive could not convert them is no news.
    if (message.find("can't be converted from") == std::string::npos) {
      Warn(fmt::format("the headers at offset {}: {}", header_offset, message));
      broken = headers.sparse;
    }
  }
  return HandOut(*source, std::move(headers), header_offset, broken);
}

Result<bool> Scanner::HandOut(archive_entry& source, TarHeaders&& headers, uint64_t header_offset,
                              bool broken) {
  // A pax sparse map is part of what is stored; the one of old GNU sparse files is not.
  const uint64_t content_offset =
      headers.type == 'S' ? Position() : header_offset + headers.extension_bytes + kBlock;
  const uint64_t end = PaddedEnd(content_offset, headers.stored_bytes);
  std::vector<std::string> notes;
  auto entry = MakeTarEntry(source, std::move(headers), notes);
  for (const std::string& note : notes) {
    Warn(fmt::format("{}, at offset {}: {}", entry ? Printable(entry->path) : "an entry",
                     header_offset, note));
  }
  if (!entry) return SkipContent();
  entry->header_offset = header_offset;
  entry->data_offset = Position();
  bool more = ORCIO_TRY(ReadContent(source, *entry, broken));
  if (more) more = ORCIO_TRY(SkipContent());
  if (more && entry->type == EntryType::kFile && Position() != end) {
    return Fail(ErrorKind::kDamaged,
                "the headers of {}, at offset {} of the tar, contradict each other; what stands "
                "before is good",
                Printable(entry->path), header_offset);
  }
  if (!entry->complete) {
    Warn(fmt::format("{}, at offset {}: its content is not whole", Printable(entry->path),
                     header_offset));
  }
  ORCIO_TRY(sink_(std::move(*entry)));
  ++summary_.entries;
  return more;
}

Result<bool> Scanner::SkipContent() {
  if (archive_read_data_skip(reader_.get()) != ARCHIVE_OK) return Stopped(Position());
  summary_.end_of_entries = Position();
  return true;
}

// How many bytes of the file's content the tar claims to have: all that is not in a hole.
uint64_t StoredBytes(archive_entry& source, const TarEntry& entry) {
  if (archive_entry_sparse_reset(&source) == 0) return entry.size;
  uint64_t sum = 0;
  la_int64_t offset = 0;
  la_int64_t length = 0;
  while (archive_entry_sparse_next(&source, &offset, &length) == ARCHIVE_OK) {
    sum += static_cast<uint64_t>(length);
  }
  return sum;
}

Result<bool> Scanner::ReadContent(archive_entry& source, TarEntry& entry, bool broken) {
  const bool has_content = entry.type == EntryType::kFile || entry.type == EntryType::kHardLink;
  const uint64_t stored = StoredBytes(source, entry);
  const uint64_t holes = entry.size - std::min(stored, entry.size);
  digesting_ = options_.digest && entry.type == EntryType::kFile && !broken &&
               holes <= options_.max_hole_bytes;
  content_offset_ = 0;
  uint64_t received = 0;
  int status = ARCHIVE_OK;
  for (;;) {
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    status = archive_read_data_block(reader_.get(), &block, &size, &offset);
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) break;
    if (!has_content || broken || size == 0) continue;
    received += size;
    const std::span bytes(static_cast<const std::byte*>(block), size);
    // A negative offset becomes one beyond every file's end.
    broken = !TakeBlock(entry, static_cast<uint64_t>(offset), bytes);
  }
  if (has_content) {
    entry.complete = !broken && received == stored;
    if (digesting_ && entry.complete) DigestHoleUpTo(entry.size);
    if (digesting_) {
      const Sha256Digest digest = sha256_.Finish();
      if (entry.complete) entry.digest = digest;
    }
  }
  if (status != ARCHIVE_EOF) return Stopped(Position());
  return true;
}

bool Scanner::TakeBlock(TarEntry& entry, uint64_t file_offset, std::span<const std::byte> bytes) {
  if (file_offset < content_offset_ || file_offset > entry.size ||
      bytes.size() > entry.size - file_offset) {
    return false;
  }
  // libarchive counts a block as consumed only when it is asked for the next one.
  const uint64_t tar_offset = Position();
  Extent* last = entry.extents.empty() ? nullptr : &entry.extents.back();
  if (last != nullptr && last->file_offset + last->length == file_offset &&
      last->tar_offset + last->length == tar_offset) {
    last->length += bytes.size();
  } else {
    entry.extents.push_back({file_offset, tar_offset, bytes.size()});
  }
  if (digesting_) {
    DigestHoleUpTo(file_offset);
    sha256_.Update(bytes);
  }
  content_offset_ = file_offset + bytes.size();
  return true;
}

// Digests the hole from where content has got to up to `file_offset`.
void Scanner::DigestHoleUpTo(uint64_t file_offset) {
  if (file_offset > content_offset_) sha256_.UpdateZeros(file_offset - content_offset_);
}

void Scanner::Finish() {
  summary_.tar_bytes = feed_.bytes();
  if (cut_short_) {
    summary_.end_of_entries = summary_.tar_bytes;
    return;
  }
  const bool trailing = feed_.end_of_nonzero() > summary_.end_of_entries;
  const bool marker = summary_.tar_bytes - summary_.end_of_entries >= kEndMarker;
  summary_.end_marker = marker && !trailing;
  if (trailing) {
    Warn(fmt::format("something follows the end of the tar at offset {}; it is left out",
                     summary_.end_of_entries));
  } else if (!marker) {
    Warn(fmt::format("the tar ends at offset {} without an end-of-archive marker",
                     summary_.tar_bytes));
  }
}

void Scanner::Warn(std::string warning) {
  ++summary_.warning_count;
  if (summary_.warnings.size() < kMaxWarnings) summary_.warnings.push_back(std::move(warning));
}

}  // namespace

Result<TarSummary> ScanTar(TarSource& source, const std::function<Result<void>(TarEntry&&)>& sink,
                           const TarScanOptions& options) {
  return Scanner(source, sink, options).Run();
}

}  // namespace orcio
