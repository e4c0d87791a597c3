#include "tests/support/archives/written_archive.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>

#include "base/bytes.h"
#include "index/rebuild/rebuild.h"

namespace orcio::test {
namespace {

constexpr size_t kBlock = 512;

// A ustar header (POSIX.1-1988) of a file or directory.
void AppendHeader(std::vector<std::byte>& tar, const std::string& path, size_t size, char type) {
  std::string header(kBlock, '\0');
  const auto put = [&](size_t at, const std::string& text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<ptrdiff_t>(at));
  };
  put(0, path);
  put(100, type == '5' ? "0000755" : "0000644");
  put(108, "0001000");
  put(116, "0001000");
  put(124, fmt::format("{:011o}", size));
  put(136, fmt::format("{:011o}", 1'700'000'000));
  put(148, "        ");
  header[156] = type;
  put(257, "ustar");
  put(263, "00");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  const auto bytes = AsBytes(header);
  tar.insert(tar.end(), bytes.begin(), bytes.end());
}

void AppendContent(std::vector<std::byte>& tar, size_t size, bool text, std::mt19937_64& random) {
  const size_t end = tar.size() + size;
  while (tar.size() < end) {
    const uint64_t value = random();
    if (text) {
      const std::string word = fmt::format("word{} ", value % 5000);
      const auto bytes = AsBytes(word);
      tar.insert(tar.end(), bytes.begin(), bytes.end());
    } else {
      AppendLittleEndian(value, tar);
    }
  }
  tar.resize(end);
  tar.resize((end + kBlock - 1) / kBlock * kBlock);
}

}  // namespace

std::vector<std::byte> MakeTar(size_t bytes) {
  std::mt19937_64 random(bytes);
  std::vector<std::byte> tar;
  AppendHeader(tar, "srv/wiki/", 0, '5');
  for (int i = 0; tar.size() < bytes; ++i) {
    const size_t size = random() % 400'000;
    AppendHeader(tar, fmt::format("srv/wiki/file{}", i), size, '0');
    AppendContent(tar, size, i % 2 == 0, random);
  }
  tar.resize((tar.size() + 2 * kBlock + 10239) / 10240 * 10240);
  return tar;
}

Result<void> Push(ArchiveWriter& writer, std::span<const std::byte> tar, size_t piece) {
  while (!tar.empty()) {
    const auto buffer = ORCIO_TRY(writer.Buffer());
    const size_t count = std::min({buffer.size(), tar.size(), piece});
    std::copy_n(tar.begin(), count, buffer.begin());
    ORCIO_TRY(writer.Commit(count));
    tar = tar.subspan(count);
  }
  return {};
}

Result<void> WriteArchive(const FileSystem& files, const std::filesystem::path& directory,
                          const std::string& name, std::span<const std::byte> tar,
                          const ArchiveWriterOptions& options) {
  const auto writer = ORCIO_TRY(ArchiveWriter::Create(files, directory, name, options));
  ORCIO_TRY(Push(*writer, tar));
  ORCIO_TRY(writer->Finish());
  ORCIO_TRY(writer->Describe(RebuiltFacts()));
  return writer->Publish();
}

}  // namespace orcio::test
