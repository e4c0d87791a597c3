#include "tests/support/archives/tar_fixtures.h"

#include "tests/support/archives/scanned_tar.h"

namespace orcio::test {
namespace {

const std::string kGnuMagic("ustar  \0", 8);

std::string File(const std::string& path, const std::string& content) {
  return HandMadeHeader{.path = path, .size = SizeField(content.size())}.Block() + Padded(content);
}

std::string Symlink(const std::string& path, const std::string& target) {
  return HandMadeHeader{.path = path, .type = '2', .link_target = target}.Block();
}

std::string WithBody(char type, const std::string& body) {
  return HandMadeHeader{.path = "././@LongLink",
                        .type = type,
                        .size = SizeField(body.size()),
                        .magic = kGnuMagic}
             .Block() +
         Padded(body);
}

// A header of GNU's old sparse format with four pieces, and one more block of them.
std::string OldSparse() {
  std::string rest(247, '\0');
  const auto piece = [](std::string& block, size_t at, uint64_t offset, uint64_t length) {
    block.replace(at, 11, SizeField(offset));
    block.replace(at + 12, 11, SizeField(length));
  };
  for (size_t i = 0; i < 4; ++i) piece(rest, 386 - 265 + i * 24, i * 1000, 3);
  rest[482 - 265] = 1;
  rest.replace(483 - 265, 11, SizeField(9000));
  std::string more(512, '\0');
  piece(more, 0, 5000, 3);
  return HandMadeHeader{
             .path = "sparse", .type = 'S', .size = SizeField(15), .magic = kGnuMagic, .rest = rest}
             .Block() +
         more + Padded("aaabbbcccdddeee");
}

std::string PaxSparse(std::vector<std::string> records, const std::string& stored) {
  records.push_back("GNU.sparse.name=sparse");
  return PaxHeader(records) +
         HandMadeHeader{.path = "GNUSparseFile.1/sparse", .size = SizeField(stored.size())}
             .Block() +
         Padded(stored);
}

std::string Xstar() {
  std::string rest(247, '\0');
  rest.replace(345 - 265, 6, "prefix");
  rest.replace(476 - 265, 24, "00000001750 00000001750 ");
  rest.replace(508 - 265, 3, "tar");
  return HandMadeHeader{.path = "name", .rest = rest}.Block();
}

std::vector<TarFixture> Dialects() {
  const std::string long_name = std::string(120, 'd') + "/" + std::string(255, 'n');
  const std::string end = EndMarker();
  return {
      {"v7", "no magic, type NUL, numbers with blanks, a directory by its slash",
       HandMadeHeader{.path = "d/", .type = '\0', .mode = "  755 ", .magic = {}}.Block() +
           HandMadeHeader{.path = "d/f", .type = '\0', .size = "          2 ", .magic = {}}
               .Block() +
           Padded("hi") + end},
      {"ustar", "a prefix, every type",
       File("a", "x") + HandMadeHeader{.path = "h", .type = '1', .link_target = "a"}.Block() +
           HandMadeHeader{.path = "s", .type = '2', .link_target = "a"}.Block() +
           HandMadeHeader{.path = "c", .type = '3'}.Block() +
           HandMadeHeader{.path = "b", .type = '4'}.Block() +
           HandMadeHeader{.path = "d", .type = '5'}.Block() +
           HandMadeHeader{.path = "p", .type = '6'}.Block() + end},
      {"xstar", "star's short prefix, with times behind it", Xstar() + end},
      {"gnu_long", "GNU's headers for a long name and a long target",
       WithBody('K', long_name) + WithBody('L', long_name) +
           HandMadeHeader{.path = "cut", .type = '2', .link_target = "cut", .magic = kGnuMagic}
               .Block() +
           end},
      {"gnu_sparse", "GNU's old sparse format, with a second block of pieces",
       OldSparse() + File("next", "x") + end},
      {"gnu_incremental", "a directory with the list of what was in it",
       HandMadeHeader{.path = "d/", .type = 'D', .size = SizeField(6), .magic = kGnuMagic}.Block() +
           Padded(std::string("Yfile\0", 6)) + end},
      {"gnu_volume", "a volume's name, and the rest of a file of another",
       HandMadeHeader{.path = "label", .type = 'V', .magic = kGnuMagic}.Block() +
           HandMadeHeader{.path = "f", .type = 'M', .size = SizeField(3), .magic = kGnuMagic}
               .Block() +
           Padded("abc") + File("next", "x") + end},
      {"gnu_numbers", "base-256 sizes, owners and times, below zero too",
       HandMadeHeader{.path = "f",
                      .uid = std::string("\x80\0\0\0\xff\xff\xff\xfe", 8),
                      .mtime = std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xae\x80", 12),
                      .magic = kGnuMagic}
               .Block() +
           end},
      {"pax", "names, times, owners, attributes and ACLs in records; a global header before",
       PaxHeader({"mtime=7.5", "comment=x"}, 'g') +
           PaxHeader({"path=" + long_name, "uid=4000000", "mtime=-1.25", "SCHILY.xattr.user.a=b",
                      "LIBARCHIVE.xattr.user.c=ZA", "RHT.security.selinux=l",
                      "SCHILY.acl.access=user::rw-,user:lisa:r--:1000,group::r--,mask::r--,"
                      "other::---",
                      "SCHILY.acl.default=user::rwx\ngroup::r-x\nother::---"}) +
           File("short", "x") + end},
      {"pax_sparse_00", "a pair of records a piece",
       PaxSparse({"GNU.sparse.size=5000", "GNU.sparse.numblocks=2", "GNU.sparse.offset=0",
                  "GNU.sparse.numbytes=3", "GNU.sparse.offset=1000", "GNU.sparse.numbytes=4"},
                 "abcdefg") +
           end},
      {"pax_sparse_01", "a list of pieces in one record",
       PaxSparse({"GNU.sparse.size=5000", "GNU.sparse.map=0,3,1000,4"}, "abcdefg") + end},
      {"pax_sparse_10", "the pieces before the content",
       PaxSparse({"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=5000"},
                 Padded("2\n0\n3\n1000\n4\n") + "abcdefg") +
           end},
      {"solaris", "pax of type X, an ACL in a header of its own, holes that are stored",
       HandMadeHeader{.path = "a", .type = 'A', .size = SizeField(60)}.Block() +
           Padded("1000004" + std::string(1, '\0') +
                  "user::rwx,user:lp:r-x:71,group::r-x,mask:r-x,other:r-x") +
           PaxHeader({"mtime=5.25", "SUN.holesdata= 0 2 4"}, 'X') +
           File("a", std::string("x\0\0y", 4)) + end},
  };
}

std::vector<TarFixture> Oddities() {
  const std::string end = EndMarker();
  std::string bad = File("bad", "lost");
  bad[0] = '?';
  return {
      {"paths", "every way out of the tree, and names that get in each other's way",
       File("../a", "1") + File("/b", "2") + File("c/../../d", "3") + File(".//e//f", "4") +
           File("e", "5") + File("e/g/h", "6") + File("b/i", "7") + File("E", "8") + end},
      {"links", "hard links to nothing, to itself, forward, and with a size",
       HandMadeHeader{.path = "a", .type = '1', .link_target = "b"}.Block() +
           HandMadeHeader{.path = "b", .type = '1', .link_target = "b"}.Block() + File("b", "x") +
           HandMadeHeader{.path = "c", .type = '1', .size = SizeField(1), .link_target = "b"}
               .Block() +
           end},
      {"pax_links", "a hard link behind pax headers that has a size and no content",
       PaxHeader({"comment=x"}) + File("a", "x") +
           HandMadeHeader{.path = "b", .type = '1', .size = SizeField(1), .link_target = "a"}
               .Block() +
           File("c", "y") + end},
      {"two_extended", "two extended headers before an entry, of which the last counts",
       PaxHeader({"path=b"}) + PaxHeader({"mtime=1"}) + File("a", "x") + end},
      {"symlinks", "entries below symlinks that lead to a directory, round, and out of the tree",
       HandMadeHeader{.path = "d", .type = '5'}.Block() + Symlink("s", "d") + File("s/a", "1") +
           Symlink("t", "t") + File("t/b", "2") + Symlink("u", "../d") + File("u/c", "3") +
           HandMadeHeader{.path = "l", .type = '1', .link_target = "s/a"}.Block() + end},
      {"no_numbers", "words in the place of mode and time",
       HandMadeHeader{.path = "a", .mode = "rw-r--r--", .size = SizeField(1), .mtime = "yesterday"}
               .Block() +
           Padded("x") + end},
      {"damaged_header", "one character of a header is another",
       File("a", "x") + bad + File("b", "y") + end},
      {"damaged_extension", "so of an extended header",
       File("a", "x") + "?" + PaxHeader({"path=z"}).substr(1) + File("b", "y") + File("c", "z") +
           end},
      {"bad_records", "records with a wrong length, no '=', no newline, a negative size",
       PaxHeader({"size=-1"}) + File("a", "x") +
           HandMadeHeader{.path = "x", .type = 'x', .size = SizeField(9)}.Block() +
           Padded("99 a=b\n\0\0") + File("b", "y") + end},
      {"huge_sizes", "more content, and longer headers, than there is",
       HandMadeHeader{.path = "x", .type = 'x', .size = SizeField(uint64_t{1} << 40)}.Block()},
      {"lying_maps", "sparse maps that overlap, go back, and hold more than is stored",
       PaxSparse({"GNU.sparse.size=10", "GNU.sparse.map=0,9,3,4"}, "abcdefg") +
           PaxSparse({"GNU.sparse.major=1", "GNU.sparse.realsize=99999999999"}, "x\n1\n") +
           File("next", "x") + end},
      {"garbage", "between two entries",
       File("a", "x") + std::string(1024, '\x7f') + File("b", "y") + end},
      {"concatenated", "one tar behind the other", File("a", "x") + end + File("b", "y") + end},
      {"no_end", "cut between two entries", File("a", "x")},
      {"cut", "cut inside an entry", File("a", std::string(3000, 'x')).substr(0, 1234)},
  };
}

}  // namespace

std::vector<TarFixture> TarFixtures() {
  std::vector<TarFixture> fixtures = Dialects();
  for (TarFixture& fixture : Oddities()) fixtures.push_back(std::move(fixture));
  return fixtures;
}

}  // namespace orcio::test
