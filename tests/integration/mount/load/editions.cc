#include "tests/integration/mount/load/editions.h"

#include <unistd.h>

#include <random>
#include <stdexcept>

namespace orcio::test {
namespace {

std::string Words(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string words;
  while (words.size() < size) words += "word" + std::to_string(random() % 5000) + ' ';
  words.resize(size);
  return words;
}

// Data in every third of 64 pieces.
void WriteSparse(const std::filesystem::path& path, unsigned seed) {
  constexpr size_t kPieceBytes = 64 << 10;
  std::ofstream file(path, std::ios::binary);
  for (size_t i = seed % 3; i < 64; i += 3) {
    file.seekp(static_cast<std::streamoff>(i * kPieceBytes));
    file << Noise(kPieceBytes, seed + static_cast<unsigned>(i));
  }
  file.close();
  std::filesystem::resize_file(path, 65 * kPieceBytes);
}

void Fill(const MountedRepository& repository, unsigned edition) {
  const unsigned seed = 1000 * (edition + 1);
  repository.Write("large", Noise(3'000'000 + edition * 100'001, seed));
  repository.Write("words", Words(2'500'000 + edition * 50'003, seed));
  WriteSparse(repository.source() / "sparse", seed);
  for (unsigned i = 0; i < 60; ++i) {
    const size_t size = (i * 7919 + edition * 401) % 20'000;
    repository.Write("small/" + std::to_string(i), Words(size, seed + i));
  }
  for (unsigned i = 0; i < 400; ++i) repository.Write("many/file " + std::to_string(i), "");
}

}  // namespace

Editions::Editions(const MountedRepository& repository) {
  for (size_t edition = 0; edition < kCount; ++edition) {
    Fill(repository, static_cast<unsigned>(edition));
    const auto archive = repository.Archive("edition-2025-11-01T020000Z.tar.gz");
    std::filesystem::rename(archive, Archive(edition));
    std::filesystem::rename(archive.string() + ".idx", Archive(edition).string() + ".idx");
    Extract(edition);
  }
  for (const auto& [name, content] : extracted_[0]) {
    if (!name.starts_with("many/")) names_.push_back(name);
  }
}

std::filesystem::path Editions::Archive(size_t edition) const {
  return scratch_ / (std::to_string(edition) + ".tar.gz");
}

void Editions::Extract(size_t edition) {
  const ScratchDirectory extracted;
  MustRun({"tar", "-xzf", Archive(edition), "-C", extracted.path()});
  for (const auto& entry : std::filesystem::recursive_directory_iterator(extracted.path())) {
    if (entry.is_regular_file())
      extracted_[edition][entry.path().lexically_relative(extracted.path())] =
          ReadAll(entry.path());
  }
  if (extracted_[edition].size() < 400) throw std::runtime_error("tar extracted too little");
}

}  // namespace orcio::test
