#include "archiver/listing/listing_file.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/free_with.h"
#include "index/files/part_file.h"
#include "index/repository/listing_path.h"

namespace orcio::inline archiver {
namespace {

// "ORCIOLST", the version, then one zstd frame with its checksum. In it: the archive's digest, the
// tar's description, numbers as LEB128, and for each entry what differs from the one before.
constexpr std::string_view kMagic = "ORCIOLST";
constexpr uint32_t kListingVersion = 1;
constexpr int kLevel = 3;
constexpr int kMostWindowLog = 23;  // 8 MiB: no more memory for a file than for our own
constexpr size_t kBufferBytes = size_t{128} << 10;
constexpr size_t kMostTextBytes = size_t{64} << 10;
constexpr uint64_t kTarBlock = 512;

using ZstdWriter = std::unique_ptr<ZSTD_CStream, FreeWith<ZSTD_freeCStream>>;
using ZstdReader = std::unique_ptr<ZSTD_DStream, FreeWith<ZSTD_freeDStream>>;

// Small numbers of either sign as small numbers.
uint64_t Zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t Unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// The difference wraps around, and back again.
int64_t Difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t Sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

class Packer {
 public:
  explicit Packer(WritableFile& file)
      : file_(file), zstd_(ZSTD_createCStream()), out_(kBufferBytes) {
    ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_checksumFlag, 1);
  }

  void Number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) plain_.push_back(static_cast<char>(value | 0x80));
    plain_.push_back(static_cast<char>(value));
  }
  void Text(std::string_view text) {
    Number(text.size());
    plain_.append(text);
  }
  Result<void> Flush(bool end) {
    if (!end && plain_.size() < kBufferBytes) return {};
    ZSTD_inBuffer in{plain_.data(), plain_.size(), 0};
    for (size_t left = 1; left != 0;) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      left = ZSTD_compressStream2(zstd_.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) return Fail(ErrorKind::kIo, "{}", ZSTD_getErrorName(left));
      ORCIO_TRY(file_.Append(std::span(out_).first(out.pos)));
      if (!end && in.pos == in.size) break;
    }
    plain_.clear();
    return {};
  }

 private:
  WritableFile& file_;
  const ZstdWriter zstd_;
  std::string plain_;
  std::vector<std::byte> out_;
};

class Unpacker {
 public:
  Unpacker(const RandomAccess& file, uint64_t offset)
      : file_(file),
        offset_(offset),
        zstd_(ZSTD_createDStream()),
        packed_(kBufferBytes),
        plain_(kBufferBytes) {
    ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax, kMostWindowLog);
  }

  Result<uint64_t> Number() {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(ORCIO_TRY(Byte()));
      if (shift == 63 && byte > 1) return Damaged();
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
      if (shift == 63) return Damaged();
    }
  }
  Result<uint32_t> Small() {
    const uint64_t value = ORCIO_TRY(Number());
    if (value > UINT32_MAX) return Damaged();
    return static_cast<uint32_t>(value);
  }
  Result<void> Text(std::string& text, size_t kept) {
    const uint64_t bytes = ORCIO_TRY(Number());
    if (kept > text.size() || bytes > kMostTextBytes) return Damaged();
    text.resize(kept);
    for (uint64_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(ORCIO_TRY(Byte())));
    return {};
  }
  // The frame has ended, and nothing follows: its checksum was right.
  Result<void> End() {
    while (!ended_) {
      if (at_ != filled_) return Damaged();
      ORCIO_TRY(Fill());
    }
    if (at_ != filled_ || in_.pos != in_.size || offset_ != file_.size()) return Damaged();
    return {};
  }
  static Failure Damaged() { return Fail(ErrorKind::kDamaged, "it makes no sense"); }

 private:
  Result<std::byte> Byte() {
    while (at_ == filled_) {
      if (ended_) return Damaged();
      ORCIO_TRY(Fill());
    }
    return plain_[at_++];
  }
  Result<void> Fill() {
    if (in_.pos == in_.size) {
      const size_t got = ORCIO_TRY(file_.ReadAt(offset_, packed_));
      if (got == 0) return Damaged();
      offset_ += got;
      in_ = {packed_.data(), got, 0};
    }
    ZSTD_outBuffer out{plain_.data(), plain_.size(), 0};
    const size_t left = ZSTD_decompressStream(zstd_.get(), &out, &in_);
    if (ZSTD_isError(left) != 0) return Damaged();
    ended_ = left == 0;
    at_ = 0;
    filled_ = out.pos;
    return {};
  }

  const RandomAccess& file_;
  uint64_t offset_;
  const ZstdReader zstd_;
  std::vector<std::byte> packed_, plain_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  size_t at_ = 0;
  size_t filled_ = 0;
  bool ended_ = false;
};

// What an entry is told apart from.
struct Previous {
  std::string path;
  HostFile file;
};

void PackEntry(Packer& out, const ListedEntry& entry, Previous& previous) {
  const HostFile& file = entry.file;
  const auto shared = std::mismatch(entry.path.begin(), entry.path.end(), previous.path.begin(),
                                    previous.path.end())
                          .first -
                      entry.path.begin();
  out.Number(static_cast<uint64_t>(shared));
  out.Text(entry.path.substr(static_cast<size_t>(shared)));
  out.Number(static_cast<uint64_t>(file.type) << 1 | (entry.steady ? 1 : 0));
  for (const uint64_t number : {uint64_t{file.mode}, uint64_t{file.uid}, uint64_t{file.gid},
                                uint64_t{file.links}, file.size, file.device}) {
    out.Number(number);
  }
  out.Number(Zigzag(
      Difference(static_cast<int64_t>(file.inode), static_cast<int64_t>(previous.file.inode))));
  out.Number(Zigzag(Difference(file.mtime_ns, previous.file.mtime_ns)));
  out.Number(Zigzag(Difference(file.ctime_ns, file.mtime_ns)));
  out.Number(entry.tar_bytes / kTarBlock);
  previous.path.assign(entry.path);
  previous.file = file;
}

Result<ListedEntry> UnpackEntry(Unpacker& in, Previous& previous) {
  ListedEntry entry;
  const uint64_t shared = ORCIO_TRY(in.Number());
  ORCIO_TRY(in.Text(previous.path, static_cast<size_t>(shared)));
  if (previous.path.size() > kMostTextBytes) return Unpacker::Damaged();
  entry.path = previous.path;
  HostFile& file = entry.file;
  const uint64_t type = ORCIO_TRY(in.Number());
  if (type >> 1 > static_cast<uint64_t>(EntryType::kSocket)) return Unpacker::Damaged();
  file.type = static_cast<EntryType>(type >> 1);
  entry.steady = (type & 1) != 0;
  for (uint32_t* number : {&file.mode, &file.uid, &file.gid, &file.links})
    *number = ORCIO_TRY(in.Small());
  file.size = ORCIO_TRY(in.Number());
  file.device = ORCIO_TRY(in.Number());
  file.inode = static_cast<uint64_t>(
      Sum(Unzigzag(ORCIO_TRY(in.Number())), static_cast<int64_t>(previous.file.inode)));
  file.mtime_ns = Sum(Unzigzag(ORCIO_TRY(in.Number())), previous.file.mtime_ns);
  file.ctime_ns = Sum(Unzigzag(ORCIO_TRY(in.Number())), file.mtime_ns);
  const uint64_t blocks = ORCIO_TRY(in.Number());
  if (blocks > UINT64_MAX / kTarBlock) return Unpacker::Damaged();
  entry.tar_bytes = blocks * kTarBlock;
  previous.file = file;
  return entry;
}

Result<ListingFacts> UnpackAll(Unpacker& in, const TakeListedEntry& take) {
  ListingFacts facts;
  std::string digest;
  ORCIO_TRY(in.Text(digest, 0));
  if (digest.size() != facts.archive_sha256.size()) return Unpacker::Damaged();
  std::memcpy(facts.archive_sha256.data(), digest.data(), digest.size());
  ORCIO_TRY(in.Text(facts.tar, 0));
  facts.runs_since_full = ORCIO_TRY(in.Small());
  facts.entries = ORCIO_TRY(in.Number());
  Previous previous;
  for (uint64_t i = 0; i < facts.entries; ++i) {
    const ListedEntry entry = ORCIO_TRY(UnpackEntry(in, previous));
    ORCIO_TRY(take(entry));
  }
  ORCIO_TRY(in.End());
  return facts;
}

}  // namespace

Result<void> WriteListing(const FileSystem& files, const std::filesystem::path& archive,
                          const ListingFacts& facts,
                          const std::function<Result<void>(const TakeListedEntry&)>& entries) {
  auto part = ORCIO_TRY(PartFile::CreateBeside(files, archive, "listing"));
  std::vector<std::byte> head(AsBytes(kMagic).begin(), AsBytes(kMagic).end());
  AppendLittleEndian(kListingVersion, head);
  ORCIO_TRY(part.file().Append(head));
  Packer out(part.file());
  out.Text(AsText(facts.archive_sha256));
  out.Text(facts.tar);
  out.Number(facts.runs_since_full);
  out.Number(facts.entries);
  Previous previous;
  uint64_t written = 0;
  const auto take = [&](const ListedEntry& entry) -> Result<void> {
    PackEntry(out, entry, previous);
    ++written;
    return out.Flush(false);
  };
  ORCIO_TRY(entries(take));
  if (written != facts.entries)
    return Fail(ErrorKind::kInvalid, "{}: {} entries listed instead of {}", archive.string(),
                written, facts.entries);
  ORCIO_TRY(out.Flush(true));
  ORCIO_TRY(part.file().Sync());
  ORCIO_TRY(part.MoveOnto(ListingPath(archive)));
  part.Keep();
  return files.SyncDirectory(archive.parent_path());
}

Result<ListingFacts> ReadListing(const FileSystem& files, const std::filesystem::path& archive,
                                 const TakeListedEntry& entry) {
  const auto path = ListingPath(archive);
  const auto file = ORCIO_TRY(files.OpenRead(path));
  std::vector<std::byte> head(kMagic.size() + sizeof(kListingVersion));
  ORCIO_TRY(ReadExactly(*file, 0, head, path.string()));
  if (AsText(head).substr(0, kMagic.size()) != kMagic ||
      LoadLittleEndian<uint32_t>(head.data() + kMagic.size()) != kListingVersion) {
    return Fail(ErrorKind::kDamaged, "{}: no listing of this version of orcio", path.string());
  }
  Unpacker in(*file, head.size());
  auto facts = UnpackAll(in, entry);
  if (!facts && facts.error().message == Unpacker::Damaged().value().message)
    return Fail(ErrorKind::kDamaged, "{}: {}", path.string(), facts.error().message);
  return facts;
}

}  // namespace orcio::inline archiver
