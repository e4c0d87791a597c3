#include "tests/support/archives/interrupted_log.h"

#include <zlib.h>

#include <stop_token>

#include "base/bytes.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/written_archive.h"

namespace orcio::test {

InterruptedLog::InterruptedLog(bool is_gzip) {
  static const FileBytes tar = MakeTar(1'300'000);
  static const FileBytes gzip = Gzip(MakeTar(3'000'000), {.level = 6, .flush_every = 200'000});
  files.Put(kArchive, is_gzip ? gzip : tar);
}

FileBytes InterruptedLog::Make(size_t spans) {
  std::stop_source stop;
  RebuildOptions options;
  options.keep_every = 1;
  options.progress = [&](uint64_t, uint64_t) {
    if (spans == 0) stop.request_stop();
    if (spans > 0) --spans;
  };
  (void)RebuildSidecar(files, kArchive, kSidecar, options, stop.get_token());
  const auto log = ReadWholeFile(files, kLog, uint64_t{1} << 30);
  return log ? *log : FileBytes();
}

FileBytes WithChecksums(FileBytes log) {
  constexpr size_t kFrameBytes = 8;
  uLong crc32 = 0;
  for (size_t at = 0; log.size() - at > kFrameBytes;) {
    const size_t bytes = LoadLittleEndian<uint32_t>(log.data() + at);
    if (bytes > log.size() - at - kFrameBytes) break;
    const auto* record = reinterpret_cast<const Bytef*>(log.data() + at + kFrameBytes);
    crc32 = ::crc32(crc32, record, static_cast<uInt>(bytes));
    StoreLittleEndian(static_cast<uint32_t>(crc32), log.data() + at + sizeof(uint32_t));
    at += kFrameBytes + bytes;
  }
  return log;
}

}  // namespace orcio::test
