#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/sha256.h"
#include "index/entry/entry.h"
#include "index/gzip/gzip_stream.h"
#include "index/rebuild/record_coder.h"
#include "index/spans/checkpoint.h"
#include "index/spans/span_maker.h"
#include "index/spans/span_table.h"
#include "index/tar/tar_scan_state.h"

namespace orcio::inline index {

// The records of FORMAT.md, "Interrupted indexing".
enum class LogRecord : uint8_t {
  kBegin = 1,  // LogBegin
  kSpan = 2,   // LogSpan
  kEntry = 3,  // TarEntry
  kPoint = 4,  // IndexPoint
};

// Whose the log is.
struct LogBegin {
  std::array<char, 8> magic{'O', 'R', 'C', 'I', 'O', 'L', 'O', 'G'};
  std::string version;  // of orcio: another one may find something else
  uint64_t archive_bytes = 0;
  int64_t archive_mtime_ns = 0;
  Sha256Digest edges_sha256{};
};

struct LogSpan {
  Span span;
  SpanStart start;  // but for window_offset
  std::vector<std::byte> packed_window;
};

// Where indexing stands, and can be taken up: the spans and the entries before are known.
struct IndexPoint {
  SpanMakerState spans;           // before the span that the scan stands in
  std::vector<std::byte> window;  // the tar's last 32 KiB there; none if it is not compressed
  Sha256State digest;  // of the archive, up to the piece that decoding goes on in: see DigestTrail
  TarScanState scan;
};

// Bytes of what may be long in their records, which take no less.
[[nodiscard]] inline uint64_t LeastBytes(const TarEntry& entry) {
  uint64_t bytes = entry.path.size() + entry.link_target.size();
  for (const auto& [name, value] : entry.attributes) bytes += name.size() + value.size();
  return bytes + entry.extents.size() * sizeof(Extent);
}
[[nodiscard]] inline uint64_t LeastBytes(const IndexPoint& point) {
  const auto& work = point.scan.in_work;
  if (!work) return point.window.size();
  return point.window.size() + LeastBytes(work->entry) +
         work->content.pieces.size() * sizeof(work->content.pieces[0]);
}
static_assert(sizeof(Extent) == 24);

// What each of these consists of, for RecordWriter and RecordReader.

template <class T, class Record>
concept Is = std::same_as<std::remove_const_t<T>, Record>;

// For what makes sense only up to `most`.
template <class Coder, class Enum>
void CodeEnum(Coder& coder, Enum& value, std::type_identity_t<Enum> most) {
  coder(value);
  if constexpr (std::same_as<Coder, RecordReader>) {
    if (value > most) coder.Spoil();
  }
}

template <class Coder, Is<LogBegin> T>
void Fields(Coder& coder, T& begin) {
  coder(begin.magic, begin.version, begin.archive_bytes, begin.archive_mtime_ns,
        begin.edges_sha256);
}

template <class Coder, Is<Span> T>
void Fields(Coder& coder, T& span) {
  coder(span.tar_offset, span.tar_bytes, span.archive_offset, span.archive_bytes, span.crc32);
}

template <class Coder, Is<SpanStart> T>
void Fields(Coder& coder, T& start) {
  CodeEnum(coder, start.kind, SpanStart::Kind::kLost);
  coder(start.skip_bits, start.block_bits, start.window_bytes);
}

template <class Coder, Is<LogSpan> T>
void Fields(Coder& coder, T& span) {
  coder(span.span, span.start, span.packed_window);
}

template <class Coder, Is<Timestamp> T>
void Fields(Coder& coder, T& time) {
  coder(time.seconds, time.nanoseconds);
}

template <class Coder, Is<ExtendedAttribute> T>
void Fields(Coder& coder, T& attribute) {
  coder(attribute.name, attribute.value);
}

template <class Coder, Is<Extent> T>
void Fields(Coder& coder, T& extent) {
  coder(extent.file_offset, extent.tar_offset, extent.length);
}

template <class Coder, Is<TarEntry> T>
void Fields(Coder& coder, T& entry) {
  coder(entry.path);
  CodeEnum(coder, entry.type, EntryType::kSocket);
  coder(entry.mode, entry.uid, entry.gid, entry.mtime, entry.size, entry.link_target,
        entry.device_major, entry.device_minor, entry.attributes, entry.extents,
        entry.header_offset, entry.data_offset, entry.digest, entry.complete);
}

template <class Coder, Is<TarDamage> T>
void Fields(Coder& coder, T& damage) {
  coder(damage.offset, damage.message, damage.content_before);
}

// The others are found out at the end.
template <class Coder, Is<TarSummary> T>
void Fields(Coder& coder, T& summary) {
  coder(summary.entries, summary.end_of_entries, summary.damage, summary.warnings,
        summary.warning_count);
}

template <class Coder, Is<Sha256State> T>
void Fields(Coder& coder, T& state) {
  coder(state.hash, state.bytes, state.rest);
}

template <class Coder, Is<TarContent> T>
void Fields(Coder& coder, T& content) {
  coder(content.pieces, content.size, content.stored_bytes, content.sound);
}

template <class Coder, Is<TarEntryInWork> T>
void Fields(Coder& coder, T& work) {
  coder(work.entry, work.content, work.content_begin, work.piece, work.piece_read, work.digesting,
        work.digest);
}

template <class Coder, Is<TarHeadersSoFar> T>
void Fields(Coder& coder, T& headers) {
  coder(headers.global_records, headers.had_pax, headers.end_of_lone_headers);
}

template <class Coder, Is<TarScanState> T>
void Fields(Coder& coder, T& scan) {
  coder(scan.position, scan.summary, scan.headers, scan.holes_digested, scan.content_before,
        scan.in_work);
}

template <class Coder, Is<GzipStream::Position> T>
void Fields(Coder& coder, T& position) {
  coder(position.bit, position.block_bit);
}

template <class Coder, Is<GzipStream::BadMember> T>
void Fields(Coder& coder, T& bad) {
  coder(bad.begin, bad.end, bad.message);
}

template <class Coder, Is<GzipStream::State> T>
void Fields(Coder& coder, T& state) {
  CodeEnum(coder, state.at, GzipStream::State::At::kTrailer);
  coder(state.position, state.buffered, state.data_end, state.any_member, state.member_offset,
        state.member_begin, state.member_bytes, state.member_crc32, state.bad_members);
}

template <class Coder, Is<SpanMakerState> T>
void Fields(Coder& coder, T& state) {
  coder(state.tar_offset, state.stream);
}

template <class Coder, Is<IndexPoint> T>
void Fields(Coder& coder, T& point) {
  coder(point.spans, point.window, point.digest, point.scan);
}

}  // namespace orcio::inline index
