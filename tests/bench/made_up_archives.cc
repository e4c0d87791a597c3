// Makes archives to mount, with sidecars of made-up entries and holes for bytes: they can be looked
// into, but not read. bench_made_up_archives DIRECTORY SERVICE COUNT ENTRIES

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "index/files/file_system.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "tests/bench/driver.h"
#include "tests/bench/made_up.h"

namespace {

using namespace orcio;

// An hour after the other, from 2020 on.
std::string DateOf(unsigned number) {
  const unsigned day = number / 24;
  return fmt::format("{}-{:02}-{:02}T{:02}0000Z", 2020 + day / 336, day % 336 / 28 + 1,
                     day % 28 + 1, number % 24);
}

// Of `bytes` bytes, that begins with its own name.
Result<ArchiveIdentity> MakeArchive(const std::filesystem::path& path, uint64_t bytes) {
  const FileSystem& files = LocalFileSystem();
  {
    const auto file = ORCIO_TRY(files.Create(path));
    ORCIO_TRY(file->Append(AsBytes(path.filename().string())));
  }
  if (::truncate(path.c_str(), static_cast<off_t>(bytes)) != 0)
    return FailErrno(errno, path.string());
  const auto file = ORCIO_TRY(files.OpenRead(path));
  const auto edges = ORCIO_TRY(DigestEdges(*file));
  return ArchiveIdentity{.bytes = bytes, .sha256 = {}, .edges_sha256 = edges};
}

Result<void> Make(const std::filesystem::path& archive, unsigned entries) {
  SidecarBuilder builder(archive.parent_path());
  TarSummary tar;
  for (unsigned i = 0; i < entries; ++i) {
    TarEntry entry = bench::MadeUpEntry(i);
    tar.tar_bytes = bench::PlaceInTar(entry, tar.tar_bytes);
    ORCIO_TRY(builder.Add(std::move(entry)));
  }
  tar.end_of_entries = tar.tar_bytes;
  tar.end_marker = true;
  const auto identity = ORCIO_TRY(MakeArchive(archive, tar.tar_bytes / 2 + 4096));
  const auto sidecar = ORCIO_TRY(LocalFileSystem().Create(archive.string() + ".idx"));
  return builder.Write(*sidecar, identity, bench::MadeUpSpans(tar.tar_bytes), tar, {});
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned count = argc == 5 ? bench::ParseCount(argv[3]) : 0;
  const unsigned entries = argc == 5 ? bench::ParseCount(argv[4]) : 0;
  if (count == 0 || entries == 0) {
    std::fprintf(stderr, "usage: %s DIRECTORY SERVICE COUNT ENTRIES\n", argv[0]);
    return 2;
  }
  for (unsigned i = 0; i < count; ++i) {
    const auto name = fmt::format("{}-{}.tar.gz", argv[2], DateOf(i));
    const auto made = Make(std::filesystem::path(argv[1]) / name, entries);
    if (!made) return bench::ExitStatus(argv[0], made);
  }
  return 0;
}
