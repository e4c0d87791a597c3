// bench_inflate_alone THREADS ARCHIVE: decodes the members of an archive that orcio wrote, and
// nothing else: no scan, no digest. The yardstick for what rebuilding a sidecar costs. Prints the
// bytes in and out as JSON.

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/free_with.h"
#include "index/files/file_system.h"
#include "index/gzip/gzip_member.h"
#include "tests/bench/driver.h"

namespace orcio::bench {
namespace {

struct Member {
  uint64_t offset = 0;
  MemberHeader header;
};

// Hops from member to member, for any thread.
class Members {
 public:
  explicit Members(const RandomAccess& archive) : archive_(archive) {}

  // The next member, whole, in `bytes`; its header says `is_end` after the last one.
  Result<Member> Next(std::vector<std::byte>& bytes) {
    const Member member = ORCIO_TRY(Hop());
    bytes.resize(member.header.member_bytes);
    ORCIO_TRY(ReadExactly(archive_, member.offset, bytes, "archive"));
    return member;
  }

 private:
  Result<Member> Hop() {
    const std::lock_guard lock(mutex_);
    std::vector<std::byte> head(kMaxMemberHeaderBytes);
    head.resize(ORCIO_TRY(archive_.ReadAt(offset_, head)));
    const auto header = ORCIO_TRY(ParseMemberHeader(head));
    const Member member{offset_, header};
    if (!member.header.is_end) offset_ += member.header.member_bytes;
    return member;
  }

  const RandomAccess& archive_;
  std::mutex mutex_;
  uint64_t offset_ = 0;  // of the next member; guarded by mutex_
};

Result<void> Decode(Members& members, std::atomic<uint64_t>& decoded) {
  const std::unique_ptr<libdeflate_decompressor, FreeWith<libdeflate_free_decompressor>>
      decompressor(libdeflate_alloc_decompressor());
  std::vector<std::byte> packed;
  std::vector<std::byte> tar;
  for (;;) {
    const Member member = ORCIO_TRY(members.Next(packed));
    if (member.header.is_end) return {};
    tar.resize(member.header.tar_bytes);
    if (libdeflate_gzip_decompress(decompressor.get(), packed.data(), packed.size(), tar.data(),
                                   tar.size(), nullptr) != LIBDEFLATE_SUCCESS)
      return Fail(ErrorKind::kDamaged, "archive: damaged member at byte {}", member.offset);
    decoded += tar.size();
  }
}

Result<void> Run(unsigned threads, const char* path) {
  const auto archive = ORCIO_TRY(LocalFileSystem().OpenRead(path));
  Members members(*archive);
  std::atomic<uint64_t> decoded = 0;
  std::vector<Result<void>> results(threads);
  {
    std::vector<std::jthread> workers;
    for (Result<void>& result : results)
      workers.emplace_back([&] { result = Decode(members, decoded); });
  }
  for (Result<void>& result : results) ORCIO_TRY(std::move(result));
  fmt::print("{{\"tar_bytes\": {}, \"archive_bytes\": {}}}\n", decoded.load(), archive->size());
  return {};
}

}  // namespace
}  // namespace orcio::bench

int main(int argc, char** argv) {
  const unsigned threads = argc == 3 ? orcio::bench::ParseCount(argv[1]) : 0;
  if (threads == 0) {
    std::fprintf(stderr, "usage: bench_inflate_alone THREADS ARCHIVE\n");
    return 2;
  }
  return orcio::bench::ExitStatus(argv[0], orcio::bench::Run(threads, argv[2]));
}
