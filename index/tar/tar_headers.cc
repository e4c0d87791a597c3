#include "index/tar/tar_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "index/tar/other_compression.h"

namespace orcio::inline index {
namespace {

// pax, pax of Solaris, pax global, GNU's long name and long target, Solaris' ACL, a volume's name.
bool IsExtension(char type) {
  return type != '\0' && std::string_view("xXgLKAV").find(type) != std::string_view::npos;
}

bool StandsForItself(char type) {
  return type == 'g' || type == 'V';
}

bool IsHeader(const TarBlock& block) {
  // Hard links carry any size: it says nothing.
  return block.ChecksumFits() && (block.Size().has_value() || block.type() == '1');
}

// What stands where a tar begins, and is none.
std::string WhatElse(const TarBlock& block) {
  const auto compression = CompressionOf(AsBytes(block.Field(0, kTarBlockSize)));
  return compression.empty()
             ? "no tar begins at offset 0"
             : fmt::format("no tar begins at offset 0, but something {}-compressed", compression);
}

std::string UpToNul(std::string&& text) {
  text.resize(std::min(text.find('\0'), text.size()));
  return std::move(text);
}

}  // namespace

Result<std::optional<TarHeaders>> TarHeaderReader::Next() {
  for (;;) {
    TarBlock block;
    if (ORCIO_TRY(FindHeader(block)) == Found::kEnd) return std::nullopt;
    const uint64_t offset = stream_.position();
    if (!is_pending_) pending_.offset = offset;
    stream_.Pass(kTarBlockSize);
    if (ORCIO_TRY(TakeExtension(block, offset))) continue;
    if (is_lost_) {
      report_.Damage(pending_.offset,
                     fmt::format("the entry at offset {} is left out: what stands before it to "
                                 "describe it could not be read",
                                 offset));
      ForgetExtensions();
      static_cast<void>(ORCIO_TRY(stream_.Skip(PaddedToBlock(block.Size().value_or(0)))));
      continue;
    }
    return Entry(block);
  }
}

Result<TarHeaderReader::Found> TarHeaderReader::FindHeader(TarBlock& block) {
  for (;;) {
    const auto bytes = ORCIO_TRY(stream_.PeekBlock());
    if (bytes.size() < kTarBlockSize) {
      cut_short_ = cut_short_ || !bytes.empty() || is_pending_ || searching_ || !had_header_;
      return Found::kEnd;
    }
    block = TarBlock(bytes);
    // A file's content, in which a header is searched for, may hold zeros.
    if (!searching_ && block.IsZero()) {
      if (is_pending_) {
        report_.Damage(pending_.offset,
                       fmt::format("the headers at offset {} belong to no entry", pending_.offset));
      }
      return Found::kEnd;
    }
    if (IsHeader(block)) {
      had_header_ = true;
      searching_ = false;
      return Found::kHeader;
    }
    ORCIO_TRY(PassDamage(block));
  }
}

// As GNU tar does, goes on with the next block that is a header. But a file may hold a tar itself,
// whose headers are none of this one's: if the damaged header still tells how long the content
// after it is, that is passed first.
Result<void> TarHeaderReader::PassDamage(const TarBlock& block) {
  constexpr uint64_t kMaxTrusted = uint64_t{1} << 30;
  const uint64_t offset = stream_.position();
  if (offset == 0) first_block_ = block;
  if (searching_) {
    if (!had_header_ && offset >= kMaxBytesBeforeTar)
      return Fail(ErrorKind::kDamaged, "{}, nor in what follows", WhatElse(first_block_));
    stream_.Pass(kTarBlockSize);
    return {};
  }
  report_.Damage(offset, had_header_ || offset > 0
                             ? fmt::format("the header at offset {} of the tar is damaged", offset)
                             : WhatElse(block));
  ForgetExtensions();
  stream_.Pass(kTarBlockSize);
  const auto size = block.Size();
  const bool trusted = block.dialect() != TarDialect::kV7 && size && *size <= kMaxTrusted;
  if (!trusted) {
    searching_ = true;
    return {};
  }
  if (IsExtension(block.type()) && !StandsForItself(block.type())) is_lost_ = true;
  static_cast<void>(ORCIO_TRY(stream_.Skip(PaddedToBlock(*size))));
  // If that was wrong, too, no header stands here.
  const auto next = ORCIO_TRY(stream_.PeekBlock());
  if (next.size() == kTarBlockSize) {
    const TarBlock next_block(next);
    searching_ = !next_block.IsZero() && !IsHeader(next_block);
  }
  return {};
}

Result<bool> TarHeaderReader::TakeExtension(const TarBlock& block, uint64_t offset) {
  if (!IsExtension(block.type())) return false;
  const uint64_t size = block.Size().value_or(0);
  const bool alone = StandsForItself(block.type());
  if (!alone) is_pending_ = true;
  std::string body;
  const bool too_long = size > kMaxHeaderBytes || pending_bytes_ + size > kMaxHeaderBytes;
  if (too_long) {
    report_.Damage(offset, fmt::format("the headers at offset {} take more than {} bytes, which is "
                                       "not supported",
                                       offset, kMaxHeaderBytes));
    is_lost_ = is_lost_ || !alone;
  }
  const bool skipped = too_long || block.type() == 'V';
  const uint64_t read = ORCIO_TRY(skipped ? stream_.Skip(size) : stream_.Read(size, body));
  const uint64_t padding = PaddedToBlock(size) - size;
  uint64_t padded = 0;
  if (read == size) padded = ORCIO_TRY(stream_.Skip(padding));
  if (read < size || padded < padding) {
    cut_short_ = true;
    return true;
  }
  if (alone && !is_pending_) end_of_lone_headers_ = stream_.position();
  if (skipped) return true;
  pending_bytes_ += alone ? 0 : kTarBlockSize + size;
  TakeBody(block.type(), std::move(body), offset);
  return true;
}

void TarHeaderReader::TakeBody(char type, std::string&& body, uint64_t offset) {
  switch (type) {
    case 'L':
      pending_.long_name = UpToNul(std::move(body));
      break;
    case 'K':
      pending_.long_target = UpToNul(std::move(body));
      break;
    case 'A':
      pending_.solaris_acl = std::move(body);
      break;
    case 'g': {
      // GNU tar forgets the ones before.
      globals_ = PaxValues();
      had_pax_ = true;
      if (const auto wrong = ApplyPaxRecords(body, globals_); !wrong.empty())
        report_.Damage(offset, fmt::format("the global header at offset {}: {}", offset, wrong));
      global_records_ = std::move(body);
      break;
    }
    default:
      // As GNU tar and bsdtar have it, the last one replaces those before it.
      had_pax_ = true;
      pending_records_ = std::move(body);
  }
}

Result<std::optional<TarHeaders>> TarHeaderReader::Entry(const TarBlock& block) {
  TarHeaders headers = std::move(pending_);
  headers.block = block;
  headers.after_pax = had_pax_;
  headers.pax = globals_;
  const auto wrong = pending_records_ ? ApplyPaxRecords(*pending_records_, headers.pax) : "";
  if (!wrong.empty()) {
    report_.Damage(headers.offset,
                   fmt::format("the extended header at offset {}: {}", headers.offset, wrong));
  }
  ForgetExtensions();
  return headers;
}

TarHeadersSoFar TarHeaderReader::Save() const {
  return {global_records_, had_pax_, end_of_lone_headers_};
}

void TarHeaderReader::GoOn(const TarHeadersSoFar& so_far) {
  had_header_ = true;
  had_pax_ = so_far.had_pax;
  end_of_lone_headers_ = so_far.end_of_lone_headers;
  global_records_ = so_far.global_records;
  // What is wrong with them has been said.
  if (global_records_) static_cast<void>(ApplyPaxRecords(*global_records_, globals_));
}

void TarHeaderReader::ForgetExtensions() {
  pending_ = TarHeaders();
  pending_records_.reset();
  pending_bytes_ = 0;
  is_pending_ = false;
  is_lost_ = false;
}

}  // namespace orcio::inline index
