#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "tests/support/archives/sidecar_bytes.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

using test::FileBytes;

constexpr size_t kLineBytes = 16;

// As `hexdump -C` prints it: lines equal to the one before are one asterisk.
std::string HexDump(const FileBytes& bytes) {
  std::string text;
  std::span<const std::byte> before;
  bool skipped = false;
  for (size_t at = 0; at < bytes.size(); at += kLineBytes) {
    auto line = std::span(bytes).subspan(at, std::min(kLineBytes, bytes.size() - at));
    bool same = std::equal(line.begin(), line.end(), before.begin(), before.end());
    before = line;
    if (same && !skipped) text += "*\n";
    skipped = same;
    if (same) continue;
    text += fmt::format("{:08x} ", at);
    for (size_t i = 0; i < line.size(); ++i)
      text += fmt::format("{}{:02x}", i == 8 ? "  " : " ", static_cast<unsigned>(line[i]));
    text += "  |";
    for (std::byte byte : line) {
      char c = static_cast<char>(byte);
      text += c >= ' ' && c <= '~' ? c : '.';
    }
    text += "|\n";
  }
  return text + fmt::format("{:08x}\n", bytes.size());
}

// The hexdump in FORMAT.md's worked example.
std::string DumpInFormat() {
  std::ifstream file(std::string(test::SourceDirectory()) + "/index/FORMAT.md");
  std::stringstream text;
  text << file.rdbuf();
  constexpr std::string_view kBegin = "```hexdump\n";
  size_t begin = text.str().find(kBegin, text.str().find("\n## Sidecar\n"));
  REQUIRE(begin != std::string::npos);
  begin += kBegin.size();
  return text.str().substr(begin, text.str().find("```", begin) - begin);
}

FileBytes ParseDump(const std::string& text) {
  FileBytes bytes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line == "*") continue;
    // What an asterisk left out is the line before it again.
    for (size_t offset = std::stoul(line.substr(0, 8), nullptr, 16); bytes.size() < offset;)
      bytes.insert(bytes.end(), bytes.end() - kLineBytes, bytes.end());
    std::istringstream numbers(line.substr(8, line.find('|') - 8));
    for (std::string number; numbers >> number;)
      bytes.push_back(static_cast<std::byte>(std::stoul(number, nullptr, 16)));
  }
  return bytes;
}

// What the worked example says it is of.
FileBytes Example() {
  TarEntry directory;
  directory.path = "srv/";
  directory.type = EntryType::kDirectory;
  directory.mode = 0755;
  directory.uid = 1000;
  directory.gid = 100;
  directory.mtime = {1'700'000'000, 0};
  directory.header_offset = 0;
  directory.data_offset = 512;

  TarEntry file = directory;
  file.path = "srv/motd";
  file.type = EntryType::kFile;
  file.mode = 0644;
  file.mtime.nanoseconds = 500'000'000;
  file.size = 6;
  file.header_offset = 512;
  file.data_offset = 1024;
  file.extents = {{0, 1024, 6}};
  file.digest = Sha256::Of(AsBytes("hello\n"));

  TarEntry symlink = directory;
  symlink.path = "srv/now";
  symlink.type = EntryType::kSymlink;
  symlink.mode = 0777;
  symlink.link_target = "motd";
  symlink.header_offset = 1536;
  symlink.data_offset = 2048;

  test::SidecarParts parts;
  parts.archive.bytes = 231;
  parts.archive.sha256.fill(std::byte{0xAA});
  parts.archive.edges_sha256.fill(std::byte{0xBB});
  parts.spans = {{0, 10'240, 0, 211, 0x12345678}};
  parts.tar.tar_bytes = 10'240;
  parts.tar.end_of_entries = 2048;
  parts.tar.end_marker = true;
  return test::BuildSidecar({directory, file, symlink}, parts);
}

}  // namespace

TEST_CASE("The worked example in FORMAT.md is what the builder makes") {
  INFO("It should be:\n" << HexDump(Example()));
  CHECK((ParseDump(DumpInFormat()) == Example()));
  CHECK(DumpInFormat() == HexDump(Example()));
}

TEST_CASE("The worked example in FORMAT.md reads as the page says") {
  auto sidecar = ValueOf(test::OpenSidecar(ParseDump(DumpInFormat())));
  REQUIRE_OK(sidecar->CheckAll());
  CHECK(sidecar->complete());
  NodeId motd = *ValueOf(sidecar->Find("srv/motd"));
  CHECK(motd == 2);
  CHECK(ValueOf(sidecar->Node(motd)).mtime == Timestamp{1'700'000'000, 500'000'000});
  CHECK(ValueOf(sidecar->Extents(motd)) == std::vector<Extent>{{0, 1024, 6}});
  CHECK(ValueOf(sidecar->SymlinkTarget(3)) == "motd");
}

}  // namespace orcio
