#include "index/rebuild/index_log_reader.h"

#include <libdeflate.h>

#include <algorithm>
#include <utility>

#include "index/rebuild/digest_trail.h"
#include "index/spans/inflater_at.h"
#include "index/spans/span_decoder.h"

namespace orcio::inline index {
namespace {

constexpr size_t kMostTexts = 1000;  // warnings, and damaged members

// The records of a log, front to back, up to the first that its checksum contradicts.
class LogRecords {
 public:
  LogRecords(const RandomAccess& log, const std::stop_token& stop) : log_(log), stop_(stop) {}

  // The next one, valid until the next call. Nothing if no whole one follows.
  Result<std::optional<std::span<const std::byte>>> Next() {
    if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "indexing was cancelled");
    const bool framed = ORCIO_TRY(Fill(kLogFrameBytes));
    if (!framed) return std::nullopt;
    ByteReader frame{std::span<const std::byte>(buffer_).subspan(begin_)};
    const uint32_t bytes = *frame.Get<uint32_t>();
    const uint32_t crc32 = *frame.Get<uint32_t>();
    if (bytes == 0 || bytes > kMostLogRecordBytes) return std::nullopt;
    const bool whole = ORCIO_TRY(Fill(kLogFrameBytes + bytes));
    if (!whole) return std::nullopt;
    const auto record = std::span<const std::byte>(buffer_).subspan(begin_ + kLogFrameBytes, bytes);
    const uint32_t chained = libdeflate_crc32(crc32_, record.data(), record.size());
    if (chained != crc32) return std::nullopt;
    crc32_ = crc32;
    begin_ += kLogFrameBytes + bytes;
    end_ += kLogFrameBytes + bytes;
    return record;
  }
  // Of all records handed out.
  [[nodiscard]] uint64_t end() const { return end_; }
  [[nodiscard]] uint32_t crc32() const { return crc32_; }

 private:
  // Whether there are `bytes` more.
  Result<bool> Fill(uint64_t bytes) {
    constexpr size_t kReadBytes = size_t{1} << 20;
    const uint64_t have = buffer_.size() - begin_;
    if (have >= bytes) return true;
    if (bytes > log_.size() || end_ > log_.size() - bytes) return false;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(begin_));
    begin_ = 0;
    buffer_.resize(static_cast<size_t>(std::max<uint64_t>(bytes, kReadBytes)));
    const auto rest = std::span(buffer_).subspan(static_cast<size_t>(have));
    const size_t got = ORCIO_TRY(log_.ReadAt(end_ + have, rest));
    buffer_.resize(static_cast<size_t>(have) + got);
    return buffer_.size() >= bytes;
  }

  const RandomAccess& log_;
  const std::stop_token& stop_;
  std::vector<std::byte> buffer_;
  size_t begin_ = 0;  // of the next record in it
  uint64_t end_ = 0;  // of the last record in the log
  uint32_t crc32_ = 0;
};

Failure Damaged(std::string_view what) {
  return Fail(ErrorKind::kDamaged, "{}", what);
}

LogRecord RecordOf(std::span<const std::byte> record) {
  return static_cast<LogRecord>(record[0]);
}

template <class Record>
Result<Record> ParsedRecord(std::span<const std::byte> record) {
  RecordReader reader(record.subspan(1));
  Record decoded;
  reader(decoded);
  if (!reader.whole()) return Damaged("a record of it makes no sense");
  return decoded;
}

// After all of the tar that an entry refers to.
uint64_t EndInTar(const TarEntry& entry) {
  uint64_t end = std::max(entry.header_offset, entry.data_offset);
  for (const Extent& extent : entry.extents)
    end = std::max(end, CheckedAdd(extent.tar_offset, extent.length).value_or(UINT64_MAX));
  return end;
}

// From a log to an IndexedArchive.
class LogReader {
 public:
  LogReader(const RandomAccess& log, const RandomAccess& archive, bool is_gzip,
            const std::stop_token& stop, IndexedArchive& indexed)
      : log_(log), archive_(archive), is_gzip_(is_gzip), stop_(stop), indexed_(indexed) {}

  Result<ReadLog> Run(std::span<const std::byte> begin) {
    ORCIO_TRY(FindLastPoint(begin));
    LogRecords records(log_, stop_);
    while (records.end() < read_.log_bytes) {
      const auto record = ORCIO_TRY(records.Next());
      if (!record) return Damaged("it changes while it is read");
      ORCIO_TRY(Take(*record, records.end() == read_.log_bytes));
    }
    ORCIO_TRY(CheckPoint());
    read_.resumed.inflater = ORCIO_TRY(StandingInflater());
    return std::move(read_);
  }

 private:
  Result<void> FindLastPoint(std::span<const std::byte> begin) {
    LogRecords records(log_, stop_);
    const auto first = ORCIO_TRY(records.Next());
    if (!first) return Damaged("it is damaged");
    if (!std::ranges::equal(*first, begin))
      return Damaged("it is of another state of the archive, or of another version of orcio");
    while (const auto record = ORCIO_TRY(records.Next())) {
      if (RecordOf(*record) != LogRecord::kPoint) continue;
      read_.log_bytes = records.end();
      read_.crc32 = records.crc32();
    }
    if (read_.log_bytes == 0) return Damaged("it is damaged");
    return {};
  }

  Result<void> Take(std::span<const std::byte> record, bool last) {
    switch (RecordOf(record)) {
      case LogRecord::kBegin:
        return {};
      case LogRecord::kSpan:
        return TakeSpan(ORCIO_TRY(ParsedRecord<LogSpan>(record)));
      case LogRecord::kEntry: {
        auto& kept_back = read_.resumed.last_entry;
        if (kept_back) ORCIO_TRY(indexed_.builder.Add(std::move(*kept_back)));
        kept_back = ORCIO_TRY(ParsedRecord<TarEntry>(record));
        ++entries_;
        entries_end_ = std::max(entries_end_, EndInTar(*kept_back));
        return {};
      }
      case LogRecord::kPoint:
        if (last) read_.resumed.point = ORCIO_TRY(ParsedRecord<IndexPoint>(record));
        return {};
    }
    return Damaged("it has a record of an unknown kind");
  }

  Result<void> TakeSpan(LogSpan&& log) {
    const Span& span = log.span;
    SpanStart& start = log.start;
    const uint64_t bit = span.archive_offset * 8 + start.skip_bits;
    const bool placed = span.tar_offset == tar_bytes_ && span.tar_bytes > 0 &&
                        span.tar_bytes <= kMaxSpanTarBytes && span.archive_bytes > 0 &&
                        span.archive_offset >= archive_offset_ &&
                        span.archive_offset <= archive_.size() &&
                        span.archive_bytes <= archive_.size() - span.archive_offset;
    const auto kind = is_gzip_ ? SpanStart::Kind::kDeflate : SpanStart::Kind::kStored;
    if (!placed || start.kind != kind || start.skip_bits > 7 || start.block_bits > bit ||
        log.packed_window.size() != start.window_bytes ||
        start.window_bytes > kMaxPackedWindowBytes)
      return Damaged("it has an impossible span");
    tar_bytes_ += span.tar_bytes;
    archive_offset_ = span.archive_offset;
    start.window_offset = ORCIO_TRY(indexed_.windows.Append(log.packed_window));
    indexed_.spans.push_back(span);
    indexed_.starts.push_back(start);
    return {};
  }

  [[nodiscard]] bool StreamIsPossible(const GzipStream::State& stream) const {
    const auto [bit, block_bit] = stream.position;
    if (bit / 8 >= archive_.size() || block_bit > bit) return false;
    if (!is_gzip_) return bit == tar_bytes_ * 8;
    if (stream.at != GzipStream::State::At::kBlocks && bit % 8 != 0) return false;
    if (stream.bad_members.size() > kMostTexts || stream.member_begin > tar_bytes_ ||
        stream.member_bytes != tar_bytes_ - stream.member_begin)
      return false;
    return std::ranges::all_of(stream.bad_members, [this](const auto& bad) {
      return bad.begin <= bad.end && bad.end <= tar_bytes_;
    });
  }

  Result<void> CheckPoint() const {
    const IndexPoint& point = read_.resumed.point;
    const uint64_t byte = point.spans.stream.position.bit / 8;
    const auto& in_work = point.scan.in_work;
    const bool sound =
        (!in_work || EndInTar(in_work->entry) <= point.scan.position) &&
        point.spans.tar_offset == tar_bytes_ && StreamIsPossible(point.spans.stream) &&
        point.window.size() == (is_gzip_ ? WindowUse::kWindowBytes : 0) &&
        point.digest.bytes == byte / DigestTrail::kPieceBytes * DigestTrail::kPieceBytes &&
        point.scan.position >= tar_bytes_ && point.scan.position - tar_bytes_ <= kMaxSpanTarBytes &&
        entries_end_ <= point.scan.position && point.scan.summary.entries == entries_ &&
        point.scan.summary.warnings.size() <= kMostTexts && IsPossible(point.scan);
    return sound ? Result<void>() : Damaged("what it says of where to go on makes no sense");
  }

  // Bits that a member's data leaves of its last byte are passed with the byte.
  [[nodiscard]] Result<Inflater> StandingInflater() const {
    const auto& stream = read_.resumed.point.spans.stream;
    if (!is_gzip_ || stream.at != GzipStream::State::At::kBlocks) return Inflater();
    return InflaterAt(archive_, stream.position, "where it goes on");
  }

  const RandomAccess& log_;
  const RandomAccess& archive_;
  const bool is_gzip_;
  const std::stop_token& stop_;
  IndexedArchive& indexed_;
  ReadLog read_;
  uint64_t tar_bytes_ = 0;       // of the spans taken
  uint64_t archive_offset_ = 0;  // of the last of them
  uint64_t entries_ = 0;
  uint64_t entries_end_ = 0;  // in the tar
};

}  // namespace

Result<ReadLog> ReadIndexLog(const RandomAccess& log, std::span<const std::byte> begin,
                             const RandomAccess& archive, bool is_gzip, const std::stop_token& stop,
                             IndexedArchive& indexed) {
  return LogReader(log, archive, is_gzip, stop, indexed).Run(begin);
}

}  // namespace orcio::inline index
