// bench_archive_stream DIRECTORY NAME <TAR: what `orcio archive` does to the tar that it receives,
// without a host: compresses, scans, digests, writes the sidecar, fsyncs and publishes. Prints the
// bytes in and out as JSON.

#include <fmt/format.h>

#include "index/archive/write/archive_writer.h"
#include "tests/bench/driver.h"

namespace orcio::bench {
namespace {

Result<void> Receive(ArchiveWriter& writer) {
  for (;;) {
    const std::span<std::byte> buffer = ORCIO_TRY(writer.Buffer());
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "standard input");
    if (got == 0) return {};
    ORCIO_TRY(writer.Commit(static_cast<size_t>(got)));
  }
}

Result<void> Run(const char* directory, const char* name) {
  const auto writer = ORCIO_TRY(ArchiveWriter::Create(LocalFileSystem(), directory, name));
  ORCIO_TRY(Receive(*writer));
  const TarSummary* summary = ORCIO_TRY(writer->Finish());
  RunFacts facts;
  facts.service = "bench";
  ORCIO_TRY(writer->Describe(facts));
  ORCIO_TRY(writer->Publish());
  fmt::print("{{\"tar_bytes\": {}, \"archive_bytes\": {}, \"entries\": {}}}\n", summary->tar_bytes,
             writer->archive_bytes(), summary->entries);
  return {};
}

}  // namespace
}  // namespace orcio::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_archive_stream DIRECTORY NAME <TAR\n");
    return 2;
  }
  return orcio::bench::ExitStatus(argv[0], orcio::bench::Run(argv[1], argv[2]));
}
