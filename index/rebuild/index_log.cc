#include "index/rebuild/index_log.h"

#include <libdeflate.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "index/sidecar/archive_identity.h"
#include "index/sidecar/index_log_path.h"

namespace orcio::inline index {
namespace {

// So much is held before it is written: archives that are indexed in a moment leave no trace.
constexpr size_t kMostUnwritten = size_t{4} << 20;

std::filesystem::path DirectoryOf(const std::filesystem::path& path) {
  const auto directory = path.parent_path();
  return directory.empty() ? "." : directory;
}

// Knows whether it was the log that could not be read, and not the archive, or one of them was read
// and makes no sense.
class OldLog : public RandomAccess {
 public:
  explicit OldLog(const RandomAccess& log) : log_(log) {}
  [[nodiscard]] Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) const override {
    auto got = log_.ReadAt(offset, into);
    if (!got) unreadable_ = true;
    return got;
  }
  [[nodiscard]] uint64_t size() const override { return log_.size(); }
  [[nodiscard]] bool unreadable() const { return unreadable_; }

 private:
  const RandomAccess& log_;
  mutable std::atomic<bool> unreadable_ = false;
};

}  // namespace

bool IsDiskFull(const Error& error) {
  return error.errnum == ENOSPC || error.errnum == EDQUOT;
}

IndexLog::IndexLog(const FileSystem& files, std::filesystem::path archive,
                   std::filesystem::path sidecar, const RebuildOptions& options)
    : files_(files),
      archive_(std::move(archive)),
      sidecar_(std::move(sidecar)),
      path_(IndexLogPath(sidecar_)),
      options_(options),
      due_(options.keep_every) {}

Result<std::optional<ResumedIndex>> IndexLog::TakeUp(const RandomAccess& archive, bool is_gzip,
                                                     const std::stop_token& stop,
                                                     IndexedArchive& indexed) {
  auto begin = BeginRecord(archive);
  if (!begin) {
    GiveUp(begin.error());
    return std::nullopt;
  }
  keeps_ = true;
  const auto opened = files_.OpenRead(path_);
  if (!opened) {
    BeginAnew(*begin, opened.error(), opened.error().kind == ErrorKind::kIo);
    return std::nullopt;
  }
  const OldLog old(**opened);
  auto read = ReadOld(old, *begin, archive, is_gzip, stop, indexed);
  if (!read) {
    const ErrorKind kind = read.error().kind;
    if (!old.unreadable() && kind != ErrorKind::kDamaged && kind != ErrorKind::kInvalid)
      return Failure(std::move(read).error());
    BeginAnew(*begin, read.error(), old.unreadable());
    return std::nullopt;
  }
  old_bytes_ = old.size();
  if (auto copied = CopyOld(old, read->log_bytes, stop); !copied) {
    if (copied.error().kind == ErrorKind::kCancelled) return Failure(std::move(copied).error());
    GiveUp(copied.error());
  }
  crc32_ = read->crc32;
  due_ = read->resumed.point.scan.position + options_.keep_every;
  return std::move(read->resumed);
}

void IndexLog::BeginAnew(std::span<const std::byte> begin, const Error& error, bool unreadable) {
  const bool there = error.kind != ErrorKind::kNotFound;
  refused_ = there && !unreadable;
  if (unreadable) {
    Tell(
        fmt::format("{} cannot be read: {}; indexing begins anew, and leaves it there until as "
                    "much has been found again",
                    path_.string(), error.message));
  } else if (there) {
    Tell(fmt::format("{} cannot be used: {}; indexing begins anew", path_.string(), error.message));
  }
  Append(begin);
}

Result<std::vector<std::byte>> IndexLog::BeginRecord(const RandomAccess& archive) const {
  LogBegin begin;
  begin.version = ORCIO_VERSION;
  begin.archive_bytes = archive.size();
  begin.archive_mtime_ns = ORCIO_TRY(files_.Status(archive_)).mtime_ns;
  begin.edges_sha256 = ORCIO_TRY(DigestEdges(archive));
  std::vector<std::byte> record{static_cast<std::byte>(LogRecord::kBegin)};
  RecordWriter{record}(begin);
  return record;
}

Result<ReadLog> IndexLog::ReadOld(const RandomAccess& old, std::span<const std::byte> begin,
                                  const RandomAccess& archive, bool is_gzip,
                                  const std::stop_token& stop, IndexedArchive& indexed) {
  auto read = ReadIndexLog(old, begin, archive, is_gzip, stop, indexed);
  if (!read) {
    Error error = std::move(read).error();
    if (error.kind == ErrorKind::kCancelled)
      error.message = fmt::format("{}: {}", archive_.string(), error.message);
    return Failure(std::move(error));
  }
  if (options_.resumed)
    options_.resumed(read->resumed.point.spans.stream.position.bit / 8, archive.size());
  return read;
}

// Into a file of its own: another process may be at work on the old one.
Result<void> IndexLog::CopyOld(const RandomAccess& old, uint64_t bytes,
                               const std::stop_token& stop) {
  ORCIO_TRY(CheckRoom(bytes));
  std::vector<std::byte> buffer(size_t{1} << 20);
  for (uint64_t offset = 0; offset < bytes; offset += buffer.size()) {
    if (stop.stop_requested())
      return Fail(ErrorKind::kCancelled, "{}: indexing was cancelled", archive_.string());
    buffer.resize(static_cast<size_t>(std::min<uint64_t>(buffer.size(), bytes - offset)));
    ORCIO_TRY(ReadExactly(old, offset, buffer, path_.string()));
    ORCIO_TRY(WriteBytes(buffer));
  }
  return {};
}

template <class Record>
void IndexLog::Add(LogRecord type, const Record& record) {
  if (LeastBytes(record) > kMostLogRecordBytes) return GiveUpOnSize();
  record_.assign(1, static_cast<std::byte>(type));
  RecordWriter{record_}(record);
  Append(record_);
}

void IndexLog::AddSpan(const LogSpan& span) {
  if (keeps_ && !last_span_.empty()) Append(last_span_);
  if (!keeps_) return;
  last_span_.assign(1, static_cast<std::byte>(LogRecord::kSpan));
  RecordWriter{last_span_}(span);
}

void IndexLog::AddEntry(const TarEntry& entry) {
  if (keeps_) Add(LogRecord::kEntry, entry);
}

void IndexLog::Keep(const IndexPoint& point) {
  if (!keeps_) return;
  due_ = point.scan.position + options_.keep_every;
  Add(LogRecord::kPoint, point);
  if (!keeps_) return;
  auto kept = Write();
  if (kept && !named_ && !IsOvertaken()) kept = GiveName();
  if (!kept) GiveUp(kept.error());
}

void IndexLog::Append(std::span<const std::byte> record) {
  if (record.size() > kMostLogRecordBytes) return GiveUpOnSize();
  crc32_ = libdeflate_crc32(crc32_, record.data(), record.size());
  AppendLittleEndian(static_cast<uint32_t>(record.size()), unwritten_);
  AppendLittleEndian(crc32_, unwritten_);
  unwritten_.insert(unwritten_.end(), record.begin(), record.end());
  if (unwritten_.size() < kMostUnwritten) return;
  if (auto written = Write(); !written) GiveUp(written.error());
}

Result<void> IndexLog::Write() {
  ORCIO_TRY(CheckRoom(unwritten_.size()));
  ORCIO_TRY(WriteBytes(unwritten_));
  unwritten_.clear();
  return {};
}

// The sidecar will take about as much as the log.
Result<void> IndexLog::CheckRoom(uint64_t more) const {
  const auto free_bytes = files_.FreeBytes(DirectoryOf(sidecar_));
  // If nobody can tell, writing does.
  if (!free_bytes || *free_bytes >= file_bytes_ + 2 * more) return {};
  return Failure(Error{ErrorKind::kIo, ENOSPC,
                       fmt::format("only {} bytes are free beside {}, and its index needs them",
                                   *free_bytes, sidecar_.string())});
}

Result<void> IndexLog::WriteBytes(std::span<const std::byte> bytes) {
  if (!file_) file_.emplace(ORCIO_TRY(PartFile::CreateBeside(files_, sidecar_, "resume")));
  ORCIO_TRY(file_->file().Append(bytes));
  file_bytes_ += bytes.size();
  return {};
}

// One that nobody has gone on with since it was read is no more than what was taken from it.
bool IndexLog::IsOvertaken() const {
  if (refused_) return false;
  const auto other = files_.Status(path_);
  return other && other->size > file_bytes_ && other->size != old_bytes_;
}

// It is on disk before it takes the place of an older one. What is appended later need not be: its
// checksums tell how much of it is there, and the system writes it within half a minute.
Result<void> IndexLog::GiveName() {
  ORCIO_TRY(file_->file().Sync());
  ORCIO_TRY(file_->MoveOnto(path_));
  file_->Keep();
  named_ = true;
  // If that fails, it is there all the same.
  (void)files_.SyncDirectory(DirectoryOf(path_));
  return {};
}

// An older log stays if there is room: it is as good as it was.
void IndexLog::GiveUp(const Error& error) {
  keeps_ = false;
  file_.reset();
  unwritten_ = {};
  last_span_ = {};
  if (IsDiskFull(error)) Remove();
  Tell(fmt::format("{}: if indexing is interrupted it will begin anew: {}", archive_.string(),
                   error.message));
}

void IndexLog::GiveUpOnSize() {
  GiveUp({ErrorKind::kLimit, 0, path_.string() + ": one entry takes too much of it"});
}

void IndexLog::Remove() {
  keeps_ = false;
  file_.reset();
  // RemoveLeftovers does it if this fails. Another process may have left one meanwhile.
  (void)files_.Remove(path_);
}

void IndexLog::Tell(const std::string& line) const {
  if (options_.note) options_.note(line);
}

}  // namespace orcio::inline index
