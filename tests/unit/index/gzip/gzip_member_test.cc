#include "index/gzip/gzip_member.h"

#include <zlib.h>

#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>

#include "base/bytes.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

using Bytes = std::vector<std::byte>;

Bytes Random(size_t count, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// Words in no order: shrinks to about a third, as text does.
Bytes Text(size_t count, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < count) text += "word" + std::to_string(random() % 5000) + " ";
  text.resize(count);
  const auto bytes = AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

Bytes Encode(std::span<const std::byte> tar) {
  MemberEncoder encoder;
  Bytes member;
  encoder.Encode(tar, member);
  return member;
}

void Append(Bytes& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

Result<Bytes> Decode(std::span<const std::byte> member, size_t size) {
  Bytes into(size);
  MemberDecoder decoder;
  const auto crc = decoder.Decode(member, into, "test.tar.gz at 0");
  if (!crc) return Failure(crc.error());
  return into;
}

// A member of any kind RFC 1952 allows, made by zlib.
Bytes ForeignMember(std::string_view content, const std::function<void(gz_header&)>& fill) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  gz_header header{};
  header.os = 3;
  fill(header);
  REQUIRE(deflateSetHeader(&stream, &header) == Z_OK);
  Bytes member(content.size() + 4096);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(member.data());
  stream.avail_out = static_cast<uInt>(member.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  member.resize(stream.total_out);
  deflateEnd(&stream);
  return member;
}

Bytes PlainForeignMember(std::string_view content) {
  return ForeignMember(content, [](gz_header&) {});
}

// Requires that ParseMemberHeader refuses `member` in that way.
void RequireHeader(ErrorKind kind, const Bytes& member) {
  const auto header = ParseMemberHeader(member);
  REQUIRE_FALSE(header);
  INFO(header.error().message);
  CHECK(header.error().kind == kind);
  CHECK_FALSE(header.error().message.empty());
}

void RequireDamaged(const Bytes& member, size_t size) {
  const auto decoded = Decode(member, size);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().kind == ErrorKind::kDamaged);
  CHECK(decoded.error().message.find("test.tar.gz at 0") == 0);
}

// The bytes of the first hexdump under `heading` in FORMAT.md.
Bytes WorkedExample(const std::string& heading) {
  std::ifstream document(std::string(test::SourceDirectory()) + "/index/FORMAT.md");
  std::string line;
  while (std::getline(document, line) && line != heading) {
  }
  while (std::getline(document, line) && line != "```hexdump") {
  }
  Bytes bytes;
  while (std::getline(document, line) && line != "```") {
    std::istringstream fields(line.substr(0, line.find('|')));
    std::string field;
    fields >> field;  // the offset
    REQUIRE(std::stoul(field, nullptr, 16) == bytes.size());
    while (fields >> field) bytes.push_back(static_cast<std::byte>(std::stoul(field, nullptr, 16)));
  }
  return bytes;
}

constexpr size_t kExtraLengthAt = 10;
constexpr size_t kSubfieldIdAt = 12;
constexpr size_t kPayloadLengthAt = 14;
constexpr size_t kVersionAt = 16;
constexpr size_t kMemberFlagsAt = 17;
constexpr size_t kMemberBytesAt = 20;
constexpr size_t kTarBytesAt = 24;

}  // namespace

TEST_CASE("A member decodes to what it was made of, whatever its size") {
  for (const size_t size : {size_t{1}, size_t{2}, size_t{511}, size_t{65535}, size_t{65536},
                            kMemberTarBytes, size_t{kMaxMemberTarBytes}}) {
    for (const auto& tar : {Text(size), Random(size), Bytes(size)}) {
      CAPTURE(size);
      MemberEncoder encoder;
      Bytes member;
      const auto encoded = encoder.Encode(tar, member);
      CHECK(member.size() <= kMaxMemberBytes);
      CHECK(encoded.crc32 == crc32_z(0, reinterpret_cast<const Bytef*>(tar.data()), tar.size()));
      CHECK(ValueOf(Decode(member, size)) == tar);
    }
  }
}

TEST_CASE("A member's header says its own sizes") {
  const auto member = Encode(Text(100'000));
  Bytes longer = member;
  Append(longer, Random(100));
  const auto header = ValueOf(ParseMemberHeader(longer));
  CHECK(header.header_bytes == 28);
  CHECK(header.member_bytes == member.size());
  CHECK(header.tar_bytes == 100'000);
  CHECK_FALSE(header.is_end);
}

TEST_CASE("The end member holds nothing and says how long the tar is") {
  const auto member = EncodeEndMember(uint64_t{5} << 40);
  const auto header = ValueOf(ParseMemberHeader(member));
  CHECK(header.is_end);
  CHECK(header.total_tar_bytes == uint64_t{5} << 40);
  CHECK(header.tar_bytes == 0);
  CHECK(header.member_bytes == member.size());
  CHECK(ValueOf(Decode(member, 0)).empty());
}

TEST_CASE("The example in FORMAT.md is what the encoder writes") {
  const std::string_view tar = "orcio orcio orcio\n";
  auto archive = Encode(AsBytes(tar));
  Append(archive, EncodeEndMember(tar.size()));
  CHECK(WorkedExample("## Members") == archive);
}

TEST_CASE("Encoding the same bytes again gives the same member") {
  MemberEncoder used;
  Bytes first, second;
  used.Encode(Random(kMemberTarBytes), first);
  used.Encode(Text(kMemberTarBytes), first);
  MemberEncoder().Encode(Text(kMemberTarBytes), second);
  CHECK(first == second);
}

TEST_CASE("What does not compress is stored, at 61 bytes a member") {
  const auto tar = Random(kMemberTarBytes);
  MemberEncoder encoder;
  Bytes member;
  CHECK(encoder.Encode(tar, member).stored);
  CHECK(member.size() == tar.size() + 28 + 5 * 5 + 8);
  CHECK_FALSE(encoder.Encode(Text(kMemberTarBytes), member).stored);
  CHECK(member.size() < kMemberTarBytes / 2);
}

TEST_CASE("A compressible part of a random member is compressed") {
  auto tar = Random(kMemberTarBytes);
  const auto text = Text(16 * 1024);
  for (const size_t at : {size_t{0}, kMemberTarBytes / 3, kMemberTarBytes - text.size()}) {
    auto mixed = tar;
    std::copy(text.begin(), text.end(), mixed.begin() + static_cast<ptrdiff_t>(at));
    MemberEncoder encoder;
    Bytes member;
    CHECK_FALSE(encoder.Encode(mixed, member).stored);
    CHECK(member.size() < tar.size() - text.size() / 2);
  }
}

TEST_CASE("Evenly distributed bytes that repeat are compressed") {
  Bytes tar(kMemberTarBytes);
  for (size_t i = 0; i < tar.size(); ++i) tar[i] = static_cast<std::byte>(i);
  CHECK(Encode(tar).size() < tar.size() / 50);
}

TEST_CASE("A header cut at any byte is damage, never a crash or a guess") {
  for (const auto& member : {Encode(Text(1000)), EncodeEndMember(1000)}) {
    const auto header = ValueOf(ParseMemberHeader(member));
    for (size_t size = 0; size < header.header_bytes; ++size)
      RequireHeader(ErrorKind::kDamaged,
                    Bytes(member.begin(), member.begin() + static_cast<ptrdiff_t>(size)));
    CHECK(ParseMemberHeader(std::span(member).first(header.header_bytes)));
  }
}

TEST_CASE("A member cut at any byte does not decode") {
  const auto tar = Text(2000);
  const auto member = Encode(tar);
  for (size_t size = 0; size < member.size(); ++size)
    RequireDamaged(Bytes(member.begin(), member.begin() + static_cast<ptrdiff_t>(size)),
                   tar.size());
}

TEST_CASE("A flipped bit anywhere behind the header is noticed") {
  const auto tar = Random(3000);
  const auto member = Encode(tar);
  for (size_t at = 28; at < member.size(); ++at) {
    auto flipped = member;
    flipped[at] ^= std::byte{4};
    RequireDamaged(flipped, tar.size());
  }
}

TEST_CASE("A byte too many between deflate stream and trailer is damage") {
  const auto tar = Text(2000);
  auto member = Encode(tar);
  member.insert(member.end() - 8, std::byte{0});
  RequireDamaged(member, tar.size());
}

TEST_CASE("A member that decodes to another size than expected is damage") {
  const auto tar = Text(2000);
  const auto member = Encode(tar);
  RequireDamaged(member, tar.size() - 1);
  RequireDamaged(member, tar.size() + 1);
  auto lying = member;
  StoreLittleEndian(uint32_t{2001}, lying.data() + lying.size() - 4);
  RequireDamaged(lying, 2001);
}

TEST_CASE("Bytes that are no gzip member are damage") {
  RequireHeader(ErrorKind::kDamaged, Random(100));
  RequireHeader(ErrorKind::kDamaged, Bytes(100));
}

TEST_CASE("A compression method other than deflate is damage") {
  auto member = Encode(Text(100));
  member[2] = std::byte{7};
  RequireHeader(ErrorKind::kDamaged, member);
  RequireDamaged(member, 100);
}

TEST_CASE("Reserved gzip flags are damage") {
  auto member = Encode(Text(100));
  member[3] |= std::byte{0x20};
  RequireHeader(ErrorKind::kDamaged, member);
  RequireDamaged(member, 100);
}

TEST_CASE("Other people's gzip members are unsupported, not damaged") {
  RequireHeader(ErrorKind::kUnsupported, PlainForeignMember("hello"));
  Bytes extra = Random(40);
  extra[0] = std::byte{'B'};
  extra[1] = std::byte{'C'};
  RequireHeader(ErrorKind::kUnsupported, ForeignMember("hello", [&](gz_header& header) {
                  header.extra = reinterpret_cast<Bytef*>(extra.data());
                  header.extra_len = static_cast<uInt>(extra.size());
                }));
}

TEST_CASE("A subfield with another id is not ours") {
  auto member = Encode(Text(100));
  member[kSubfieldIdAt] = std::byte{'X'};
  RequireHeader(ErrorKind::kUnsupported, member);
}

TEST_CASE("An extra field too short for a subfield is not ours") {
  auto member = Encode(Text(100));
  StoreLittleEndian(uint16_t{3}, member.data() + kExtraLengthAt);
  RequireHeader(ErrorKind::kUnsupported, member);
}

TEST_CASE("A member of a newer version is unsupported") {
  auto member = Encode(Text(100));
  member[kVersionAt] = std::byte{2};
  RequireHeader(ErrorKind::kUnsupported, member);
}

TEST_CASE("A member flag this version does not know is unsupported") {
  auto member = Encode(Text(100));
  member[kMemberFlagsAt] = std::byte{2};
  RequireHeader(ErrorKind::kUnsupported, member);
}

TEST_CASE("An extra field longer than its subfield is damage") {
  auto member = Encode(Text(100));
  StoreLittleEndian(uint16_t{17}, member.data() + kExtraLengthAt);
  RequireHeader(ErrorKind::kDamaged, member);
  StoreLittleEndian(uint16_t{65535}, member.data() + kExtraLengthAt);
  RequireHeader(ErrorKind::kDamaged, member);
}

TEST_CASE("A subfield of another length than the version's is damage") {
  auto member = Encode(Text(100));
  StoreLittleEndian(uint16_t{13}, member.data() + kPayloadLengthAt);
  StoreLittleEndian(uint16_t{17}, member.data() + kExtraLengthAt);
  RequireHeader(ErrorKind::kDamaged, member);
}

TEST_CASE("A member larger than any can be is damage") {
  auto member = Encode(Text(100));
  for (const uint32_t bytes : {kMaxMemberBytes + 1, uint32_t{0xFFFFFFFF}}) {
    StoreLittleEndian(bytes, member.data() + kMemberBytesAt);
    RequireHeader(ErrorKind::kDamaged, member);
  }
}

TEST_CASE("A member too short for its own header and trailer is damage") {
  auto member = Encode(Text(100));
  for (const uint32_t bytes : {0U, 1U, 28U, 37U}) {
    StoreLittleEndian(bytes, member.data() + kMemberBytesAt);
    RequireHeader(ErrorKind::kDamaged, member);
  }
}

TEST_CASE("A member that claims more tar than any holds is damage") {
  auto member = Encode(Text(100));
  StoreLittleEndian(kMaxMemberTarBytes + 1, member.data() + kTarBytesAt);
  RequireHeader(ErrorKind::kDamaged, member);
}

TEST_CASE("A member that holds no tar and is not the end member is damage") {
  auto member = Encode(Text(100));
  StoreLittleEndian(uint32_t{0}, member.data() + kTarBytesAt);
  RequireHeader(ErrorKind::kDamaged, member);
}

TEST_CASE("An end member that claims to hold tar is damage") {
  auto member = EncodeEndMember(100);
  StoreLittleEndian(uint32_t{1}, member.data() + kTarBytesAt);
  RequireHeader(ErrorKind::kDamaged, member);
}

TEST_CASE("An end member of another length is damage") {
  auto member = EncodeEndMember(100);
  StoreLittleEndian(static_cast<uint32_t>(member.size() + 1), member.data() + kMemberBytesAt);
  RequireHeader(ErrorKind::kDamaged, member);
}

TEST_CASE("Other people's members decode, with extra field, name, comment and header CRC") {
  const std::string content(10'000, 'x');
  std::string extra = "RA\4\0abcd";
  std::string name = "file.tar", comment = "hello";
  for (int bits = 0; bits < 16; ++bits) {
    const auto member = ForeignMember(content, [&](gz_header& header) {
      if ((bits & 1) != 0) {
        header.extra = reinterpret_cast<Bytef*>(extra.data());
        header.extra_len = 8;
      }
      if ((bits & 2) != 0) header.name = reinterpret_cast<Bytef*>(name.data());
      if ((bits & 4) != 0) header.comment = reinterpret_cast<Bytef*>(comment.data());
      header.hcrc = (bits & 8) != 0 ? 1 : 0;
    });
    CAPTURE(bits);
    CHECK(AsText(ValueOf(Decode(member, content.size()))) == content);
    for (size_t size = 0; size < member.size(); ++size)
      CHECK_FALSE(Decode(std::span(member).first(size), content.size()));
  }
}

TEST_CASE("A wrong header CRC is damage") {
  auto member = ForeignMember("hello", [](gz_header& header) { header.hcrc = 1; });
  member[10] ^= std::byte{1};
  RequireDamaged(member, 5);
}

TEST_CASE("A name that never ends is damage") {
  Bytes member = PlainForeignMember("hello");
  member[3] = std::byte{8};
  for (size_t at = 10; at < member.size(); ++at) member[at] = std::byte{'n'};
  RequireDamaged(member, 5);
}

TEST_CASE("Members in sequence read as one file in whatever gzip readers are installed") {
  const test::ScratchDirectory scratch;
  Bytes tar, archive;
  for (const auto& piece : {Text(kMemberTarBytes), Random(kMemberTarBytes), Text(1000)}) {
    Append(tar, piece);
    Append(archive, Encode(piece));
  }
  Append(archive, EncodeEndMember(tar.size()));
  const auto path = (scratch / "archive.gz").string();
  std::ofstream(path, std::ios::binary) << AsText(archive);

  const std::string python =
      "import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())";
  const std::string perl =
      "use IO::Uncompress::Gunzip qw(gunzip); gunzip($ARGV[0] => '-', MultiStream => 1)";
  const std::string node =
      "process.stdout.write(require('zlib').gunzipSync(require('fs').readFileSync("
      "process.argv[1])))";
  const std::vector<std::vector<std::string>> readers = {{"gzip", "-dc", path},
                                                         {"pigz", "-dc", path},
                                                         {"busybox", "gzip", "-dc", path},
                                                         {"python3", "-c", python, path},
                                                         {"perl", "-e", perl, path},
                                                         {"node", "-e", node, path},
                                                         {"bsdcat", path}};
  int tried = 0;
  for (const auto& reader : readers) {
    if (test::RunCommand({"which", reader.front()}).status != 0) continue;
    CAPTURE(reader.front());
    const auto ended = test::RunCommand(reader);
    INFO(ended.err);
    CHECK(ended.status == 0);
    CHECK(ended.out == AsText(tar));
    ++tried;
  }
  CHECK(tried >= 2);  // gzip and Perl are in every Debian
  CHECK(test::RunCommand({"gzip", "-t", path}).status == 0);
}

}  // namespace orcio
