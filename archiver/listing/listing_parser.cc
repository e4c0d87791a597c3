#include "archiver/listing/listing_parser.h"

#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {
namespace {

// A path of PATH_MAX, thrice over for mounts below mounts, and the numbers.
constexpr size_t kMostRecord = size_t{16} << 10;
constexpr uint32_t kMostFiles = uint32_t{1} << 28;

constexpr std::string_view kRecordBegin = "orcio-begin ";
constexpr std::string_view kEnd = "orcio-end ";
constexpr int64_t kMostSeconds = INT64_MAX / kNanosecondsASecond;

template <class T>
std::optional<T> ParseNumber(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Nanoseconds since the epoch of "-1700000000.123456789" and as many more digits; what 64 bits do
// not hold is as far away as they go.
std::optional<int64_t> ParseTime(std::string_view text) {
  const size_t dot = text.find('.');
  const bool negative = text.starts_with('-');
  auto seconds = ParseNumber<int64_t>(text.substr(0, dot));
  if (!seconds) return std::nullopt;
  std::string fraction(dot == std::string_view::npos ? "" : text.substr(dot + 1));
  fraction.resize(9, '0');
  const auto nanoseconds = ParseNumber<uint32_t>(fraction);
  if (!nanoseconds) return std::nullopt;
  if (*seconds >= kMostSeconds) return INT64_MAX;
  if (*seconds <= -kMostSeconds) return INT64_MIN;
  const int64_t whole = *seconds * kNanosecondsASecond;
  return negative ? whole - *nanoseconds : whole + *nanoseconds;
}

// The word up to the next `end`, which goes too.
std::string_view TakeWord(std::string_view& text, char end = ' ') {
  const size_t at = text.find(end);
  const auto word = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return word;
}

// Nothing for what no tar keeps.
std::optional<EntryType> TypeOf(char letter) {
  switch (letter) {
    case 'f':
      return EntryType::kFile;
    case 'd':
      return EntryType::kDirectory;
    case 'l':
      return EntryType::kSymlink;
    case 'c':
      return EntryType::kCharacterDevice;
    case 'b':
      return EntryType::kBlockDevice;
    case 'p':
      return EntryType::kFifo;
    default:
      return std::nullopt;
  }
}

// As find's letters: what S_IFMT leaves of st_mode.
char LetterOf(uint32_t mode) {
  switch (mode & 0170000) {
    case 0100000:
      return 'f';
    case 0040000:
      return 'd';
    case 0120000:
      return 'l';
    case 0020000:
      return 'c';
    case 0060000:
      return 'b';
    case 0010000:
      return 'p';
    default:
      return 's';
  }
}

}  // namespace

Failure ListingParser::Senseless(std::string_view record) const {
  return Fail(ErrorKind::kRemote, "{}: its list of files makes no sense: {}", host_,
              SafeText(std::string(record.substr(0, 200))));
}

Result<void> ListingParser::Commit(size_t bytes) {
  std::string_view text = AsText(std::span(buffer_).first(bytes));
  for (size_t end = text.find('\0'); end != std::string_view::npos; end = text.find('\0')) {
    if (partial_.empty()) {
      ORCIO_TRY(TakeRecord(text.substr(0, end)));
    } else {
      partial_.append(text.substr(0, end));
      ORCIO_TRY(TakeRecord(partial_));
      partial_.clear();
    }
    text.remove_prefix(end + 1);
  }
  partial_.append(text);
  // Files that stat prints come without a NUL: all but the last are taken as they come.
  if (kind_ == ListingTool::Kind::kStat && begun_ && !ended_) {
    const size_t last = partial_.rfind("\n//");
    if (last != std::string::npos) {
      ORCIO_TRY(TakeStated(std::string_view(partial_).substr(0, last + 1)));
      partial_.erase(0, last + 1);
    }
  }
  if (partial_.size() > kMostRecord) return Senseless(partial_);
  return {};
}

Result<void> ListingParser::TakeRecord(std::string_view record) {
  if (ended_) return Senseless(record);
  if (!begun_) {
    if (!record.starts_with(kRecordBegin)) return Senseless(record);
    begun_ = true;
    return TakeClock(record.substr(kRecordBegin.size()));
  }
  if (kind_ == ListingTool::Kind::kStat) {
    // What stat printed last, and right after it the clock.
    const size_t at = record.rfind(kEnd);
    if (at == std::string_view::npos || (at > 0 && record[at - 1] != '\n'))
      return Senseless(record);
    ORCIO_TRY(TakeStated(record.substr(0, at)));
    record.remove_prefix(at);
  }
  if (!record.starts_with(kEnd)) return TakeFound(record);
  record.remove_prefix(kEnd.size());
  const auto status = ParseNumber<int>(TakeWord(record));
  if (!status) return Senseless(record);
  result_.find_status = *status;
  ended_ = true;
  return TakeClock(record);
}

Result<void> ListingParser::TakeClock(std::string_view record) {
  const auto whole = record;
  const auto seconds = ParseNumber<int64_t>(TakeWord(record));
  const auto uptime = ParseTime(record);
  if (!seconds || !uptime || *seconds < 0 || *seconds >= kMostSeconds || *uptime < 0)
    return Senseless(whole);
  HostClock& clock = ended_ ? result_.ended : result_.begun;
  clock.seconds = *seconds;
  clock.uptime_ms = *uptime / 1'000'000;
  return {};
}

// "TYPE MODE UID GID LINKS SIZE DEVICE INODE MTIME CTIME PATH" of GNU find.
Result<void> ListingParser::TakeFound(std::string_view record) {
  auto rest = record;
  const auto letter = TakeWord(rest);
  const auto mode = ParseNumber<uint32_t>(TakeWord(rest), 8);
  const auto uid = ParseNumber<uint32_t>(TakeWord(rest));
  const auto gid = ParseNumber<uint32_t>(TakeWord(rest));
  const auto links = ParseNumber<uint32_t>(TakeWord(rest));
  const auto size = ParseNumber<uint64_t>(TakeWord(rest));
  const auto device = ParseNumber<uint64_t>(TakeWord(rest));
  const auto inode = ParseNumber<uint64_t>(TakeWord(rest));
  const auto mtime = ParseTime(TakeWord(rest));
  const auto ctime = ParseTime(TakeWord(rest));
  if (letter.size() != 1 || !mode || !uid || !gid || !links || !size || !device || !inode ||
      !mtime || !ctime) {
    return Senseless(record);
  }
  const auto type = TypeOf(letter[0]);
  if (!type) return {};
  return TakeFile(
      rest, {*type, *mode & 07777, *uid, *gid, *links, *size, *device, *inode, *mtime, *ctime});
}

// Lines of stat: "//MODE UID GID LINKS SIZE DEVICE INODE SECONDS MTIME|SECONDS CTIME//PATH". A path
// may hold newlines, but no "//".
Result<void> ListingParser::TakeStated(std::string_view block) {
  while (!block.empty()) {
    if (!block.starts_with("//")) return Senseless(block);
    const size_t middle = block.find("//", 2);
    if (middle == std::string_view::npos) return Senseless(block);
    const size_t next = block.find("\n//", middle + 2);
    auto rest = block.substr(2, middle - 2);
    auto path = block.substr(middle + 2, next == std::string_view::npos ? next : next - middle - 2);
    if (next == std::string_view::npos && path.ends_with('\n')) path.remove_suffix(1);
    block.remove_prefix(next == std::string_view::npos ? block.size() : next + 1);

    const auto mode = ParseNumber<uint32_t>(TakeWord(rest), 16);
    const auto uid = ParseNumber<uint32_t>(TakeWord(rest));
    const auto gid = ParseNumber<uint32_t>(TakeWord(rest));
    const auto links = ParseNumber<uint32_t>(TakeWord(rest));
    const auto size = ParseNumber<uint64_t>(TakeWord(rest));
    const auto device = ParseNumber<uint64_t>(TakeWord(rest), 16);
    const auto inode = ParseNumber<uint64_t>(TakeWord(rest));
    // "1700000000 2023-11-14 22:13:20.123456789 +0000": the fraction is all there is in the date.
    const auto time = [&](std::string_view words) {
      const auto seconds = TakeWord(words);
      const size_t dot = words.find('.');
      const auto fraction = dot == std::string_view::npos ? "" : words.substr(dot + 1, 9);
      return ParseTime(std::string(seconds) + "." +
                       std::string(fraction.substr(0, fraction.find(' '))));
    };
    const auto mtime = time(TakeWord(rest, '|'));
    const auto ctime = time(rest);
    if (!mode || !uid || !gid || !links || !size || !device || !inode || !mtime || !ctime)
      return Senseless(path);
    if (const auto type = TypeOf(LetterOf(*mode))) {
      ORCIO_TRY(TakeFile(path, {*type, *mode & 07777, *uid, *gid, *links, *size, *device, *inode,
                                *mtime, *ctime}));
    }
  }
  return {};
}

Result<void> ListingParser::TakeFile(std::string_view path, const HostFile& file) {
  if (!path.starts_with("./") || path.size() == 2) return Senseless(path);
  if (into_.size() == kMostFiles)
    return Fail(ErrorKind::kLimit, "{}: it lists more than {} files", host_, kMostFiles);
  into_.Add(path.substr(2), file);
  return {};
}

Result<ListingParser::Ended> ListingParser::Finish() const {
  if (ended_) return result_;
  return Fail(ErrorKind::kRemote, "{}: its list of files has no end", host_);
}

}  // namespace orcio::inline archiver
