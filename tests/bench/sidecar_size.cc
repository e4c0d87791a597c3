// Makes a sidecar of a directory's files as if they had been archived, or of a number of made-up
// ones, and says what that took: bench_sidecar_size DIRECTORY | --made-up COUNT

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "index/sidecar/read/sidecar.h"
#include "index/sidecar/sidecar_format.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "tests/bench/made_up.h"

namespace {

using namespace orcio;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

uint64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

template <class T>
T Must(Result<T> result) {
  if (result) return internal::Unwrap(std::move(result));
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}

// Feeds the builder, and counts what the tar would be.
class Feeder {
 public:
  void Add(TarEntry&& entry) {
    tar_bytes_ = bench::PlaceInTar(entry, tar_bytes_);
    if (entry.type == EntryType::kFile) ++files_;
    ++entries_;
    Clock::time_point start = Clock::now();
    Must(builder_.Add(std::move(entry)));
    add_seconds_ += SecondsSince(start);
  }

  void AddFile(const std::filesystem::path& path, std::string inside);
  void Report(const std::filesystem::path& sidecar);

 private:
  SidecarBuilder builder_{std::filesystem::temp_directory_path()};
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  uint64_t tar_bytes_ = 0;
  uint64_t entries_ = 0;
  uint64_t files_ = 0;
  double add_seconds_ = 0;
};

void Feeder::AddFile(const std::filesystem::path& path, std::string inside) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return;
  TarEntry entry;
  entry.path = std::move(inside);
  entry.mode = status.st_mode & 07777;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.mtime = {status.st_mtim.tv_sec, static_cast<uint32_t>(status.st_mtim.tv_nsec)};
  if (S_ISDIR(status.st_mode)) {
    entry.type = EntryType::kDirectory;
  } else if (S_ISLNK(status.st_mode)) {
    entry.type = EntryType::kSymlink;
    entry.link_target = std::filesystem::read_symlink(path);
  } else {
    entry.size = static_cast<uint64_t>(status.st_size);
    auto [first, added] = links_.try_emplace({status.st_dev, status.st_ino}, entry.path);
    if (status.st_nlink > 1 && !added) {
      entry.type = EntryType::kHardLink;
      entry.link_target = first->second;
      entry.size = 0;
    }
  }
  Add(std::move(entry));
}

void ReportSections(const std::filesystem::path& sidecar, double entries) {
  auto file = Must(LocalFileSystem().OpenRead(sidecar));
  std::array<std::byte, sidecar_format::kBlockBytes> block;
  Must(ReadExactly(*file, 0, block, "the sidecar"));
  sidecar_format::Header header;
  std::memcpy(&header, block.data(), sizeof(header));
  for (uint32_t i = 0; i < header.section_count; ++i) {
    sidecar_format::Section section;
    std::memcpy(&section, block.data() + sizeof(header) + i * sizeof(section), sizeof(section));
    fmt::print("{} {:.2f}  ", std::string_view(section.id, sizeof(section.id)),
               static_cast<double>(section.bytes) / entries);
  }
  fmt::print("bytes an entry\n");
}

void Feeder::Report(const std::filesystem::path& sidecar) {
  uint64_t before = PeakBytes();
  TarSummary tar;
  tar.tar_bytes = tar.end_of_entries = tar_bytes_;
  tar.end_marker = true;
  std::vector<Span> spans = bench::MadeUpSpans(tar_bytes_);
  Clock::time_point start = Clock::now();
  Must(LocalFileSystem().Remove(sidecar));
  auto file = Must(LocalFileSystem().Create(sidecar));
  Must(builder_.Write(*file, {tar_bytes_, {}, {}}, spans, tar, {}));
  double write_seconds = SecondsSince(start);
  start = Clock::now();
  auto opened = Must(Sidecar::Open(LocalFileSystem(), sidecar));
  double open_seconds = SecondsSince(start);
  uint64_t digest_bytes = files_ * sizeof(Sha256Digest);
  double entries = static_cast<double>(entries_);
  fmt::print(
      "{} entries, {} nodes, {} of them files with a digest; tar of {} bytes\n"
      "add {:.2f} s, write {:.2f} s, open {:.6f} s; peak memory {} MiB after add, {} MiB after "
      "write\n"
      "sidecar {} bytes: {:.1f} an entry, {:.1f} with digests\n",
      entries_, opened->node_count(), files_, tar_bytes_, add_seconds_, write_seconds, open_seconds,
      before >> 20, PeakBytes() >> 20, opened->bytes(),
      static_cast<double>(opened->bytes() - digest_bytes) / entries,
      static_cast<double>(opened->bytes()) / entries);
  ReportSections(sidecar, entries);
}

void WalkDirectory(const std::filesystem::path& root, Feeder& feeder) {
  using Options = std::filesystem::directory_options;
  for (const auto& item :
       std::filesystem::recursive_directory_iterator(root, Options::skip_permission_denied)) {
    feeder.AddFile(item.path(), item.path().lexically_relative("/").string());
  }
}

void MakeUp(uint64_t count, Feeder& feeder) {
  for (uint64_t i = 0; i < count; ++i) feeder.Add(bench::MadeUpEntry(i));
}

}  // namespace

int main(int argc, char** argv) {
  Feeder feeder;
  if (argc == 3 && std::string_view(argv[1]) == "--made-up") {
    MakeUp(std::strtoull(argv[2], nullptr, 10), feeder);
  } else if (argc == 2) {
    WalkDirectory(argv[1], feeder);
  } else {
    fmt::print(stderr, "usage: {} DIRECTORY | --made-up COUNT\n", argv[0]);
    return 2;
  }
  auto sidecar = std::filesystem::temp_directory_path() / fmt::format("sidecar_size.{}", getpid());
  feeder.Report(sidecar);
  std::filesystem::remove(sidecar);
  return 0;
}
