#include "tests/support/archives/made_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/unique_fd.h"
#include "index/files/file_system.h"
#include "index/sidecar/write/sidecar_builder.h"
#include "index/tar/tar_scanner.h"
#include "index/tar/tar_source.h"
#include "tests/support/command.h"

namespace orcio::test {
namespace {

template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class WholeTar : public TarSource {
 public:
  explicit WholeTar(std::span<const std::byte> tar) : left_(tar) {}
  Result<std::span<const std::byte>> Next() override { return std::exchange(left_, {}); }

 private:
  std::span<const std::byte> left_;
};

std::vector<std::byte> Compress(MadeArchive& archive, size_t member_bytes) {
  MemberEncoder encoder;
  std::vector<std::byte> packed;
  std::vector<std::byte> member;
  const std::span<const std::byte> tar(archive.tar);
  for (size_t at = 0; at < tar.size(); at += member_bytes) {
    const auto piece = tar.subspan(at, std::min(member_bytes, tar.size() - at));
    const auto encoded = encoder.Encode(piece, member);
    archive.spans.push_back({at, static_cast<uint32_t>(piece.size()), packed.size(),
                             static_cast<uint32_t>(member.size()), encoded.crc32});
    packed.insert(packed.end(), member.begin(), member.end());
  }
  member = EncodeEndMember(tar.size());
  packed.insert(packed.end(), member.begin(), member.end());
  return packed;
}

void WriteSidecarOf(const MadeArchive& archive, std::span<const std::byte> packed) {
  SidecarBuilder builder;
  WholeTar source(archive.tar);
  const TarSummary summary =
      Must(ScanTar(source, [&](TarEntry&& entry) { return builder.Add(std::move(entry)); }, {}));
  const auto& files = LocalFileSystem();
  ArchiveIdentity identity;
  identity.bytes = packed.size();
  identity.sha256 = Sha256::Of(packed);
  identity.edges_sha256 = Must(DigestEdges(*Must(files.OpenRead(archive.path))));
  const auto file = Must(files.Create(archive.sidecar));
  Must(builder.Write(*file, identity, archive.spans, summary, {}));
}

}  // namespace

std::vector<std::byte> TarOf(const std::filesystem::path& directory,
                             const std::vector<std::string>& tar_options) {
  std::vector<std::string> words{"tar",      "-c",     "--format=pax", "--sparse",
                                 "--xattrs", "--acls", "--sort=name",  "--numeric-owner"};
  words.insert(words.end(), tar_options.begin(), tar_options.end());
  words.insert(words.end(), {"-C", directory.string(), "."});
  const std::string tar = MustRun(words);
  const auto bytes = AsBytes(tar);
  return {bytes.begin(), bytes.end()};
}

MadeArchive MakeArchive(const std::filesystem::path& path, std::vector<std::byte> tar,
                        const MadeArchiveOptions& options) {
  MadeArchive archive;
  archive.path = path;
  archive.sidecar = path.string() + ".idx";
  archive.tar = std::move(tar);
  archive.tar.resize(std::min(archive.tar.size(), options.tar_bytes));
  const std::vector<std::byte> packed = Compress(archive, options.member_bytes);
  Must(Must(LocalFileSystem().Create(path))->Append(packed));
  WriteSidecarOf(archive, packed);
  return archive;
}

void FlipByte(const std::filesystem::path& path, uint64_t offset) {
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  char byte = 0;
  if (::pread(file.get(), &byte, 1, static_cast<off_t>(offset)) != 1)
    throw std::runtime_error("cannot read " + path.string());
  byte = static_cast<char>(byte ^ 0x55);
  if (::pwrite(file.get(), &byte, 1, static_cast<off_t>(offset)) != 1)
    throw std::runtime_error("cannot write " + path.string());
}

}  // namespace orcio::test
