#include "tests/support/trees/awkward_tree.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "index/entry/posix_acl.h"

namespace orcio::test {
namespace {

using namespace std::string_literals;

constexpr size_t kKiB = 1024;

void Must(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::string Noise(size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string noise(bytes, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  return noise;
}

std::string Prose(size_t bytes) {
  std::string text;
  for (unsigned line = 0; text.size() < bytes; ++line) {
    text += "line " + std::to_string(line) + " says the same thing as the line before it\n";
  }
  text.resize(bytes);
  return text;
}

// Makes things at paths relative to one directory, through descriptors: some paths are too long to
// be reached from "/".
class Maker {
 public:
  explicit Maker(const std::filesystem::path& root)
      : root_(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    Must(root_.valid(), "open " + root.string());
  }

  void Directory(const std::string& path, mode_t mode = 0755) {
    Must(::mkdirat(root_.get(), path.c_str(), 0700) == 0, "mkdir " + path);
    Mode(path, mode);
  }
  void File(const std::string& path, std::string_view content = {}, mode_t mode = 0644) {
    Pieces(path, content.size(), {{0, std::string(content)}});
    Mode(path, mode);
  }
  // A file of `size` bytes with holes where no piece is.
  void Pieces(const std::string& path, uint64_t size,
              const std::vector<std::pair<uint64_t, std::string>>& pieces) {
    const UniqueFd file(
        ::openat(root_.get(), path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
    Must(file.valid(), "create " + path);
    for (const auto& [offset, bytes] : pieces) {
      Must(::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
               static_cast<ssize_t>(bytes.size()),
           "write " + path);
    }
    Must(::ftruncate(file.get(), static_cast<off_t>(size)) == 0, "truncate " + path);
  }
  void Symlink(const std::string& path, const std::string& target) {
    Must(::symlinkat(target.c_str(), root_.get(), path.c_str()) == 0, "symlink " + path);
  }
  void HardLink(const std::string& path, const std::string& existing) {
    Must(::linkat(root_.get(), existing.c_str(), root_.get(), path.c_str(), 0) == 0,
         "link " + path);
  }
  void Node(const std::string& path, mode_t mode, dev_t device = 0) {
    Must(::mknodat(root_.get(), path.c_str(), mode, device) == 0, "mknod " + path);
  }
  void Mode(const std::string& path, mode_t mode) {
    Must(::fchmodat(root_.get(), path.c_str(), mode, 0) == 0, "chmod " + path);
  }
  void Owner(const std::string& path, uid_t uid, gid_t gid) {
    Must(::fchownat(root_.get(), path.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) == 0,
         "chown " + path);
  }
  void Mtime(const std::string& path, int64_t seconds, long nanoseconds) {
    const timespec times[] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
    Must(::utimensat(root_.get(), path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0,
         "utimensat " + path);
  }
  void Attribute(const std::string& path, const std::string& name, const std::string& value) {
    const std::string reach = "/proc/self/fd/" + std::to_string(root_.get()) + "/" + path;
    Must(::lsetxattr(reach.c_str(), name.c_str(), value.data(), value.size(), 0) == 0,
         "setxattr " + name + " " + path);
  }

 private:
  UniqueFd root_;
};

void MakeContent(Maker& make) {
  make.Directory("content");
  make.File("content/prose", Prose(1500 * kKiB + 77));
  make.File("content/noise", Noise(900 * kKiB + 13, 1));
  make.File("content/zeros", std::string(300 * kKiB, '\0'));
  make.File("content/ends in zeros", "data" + std::string(2000, '\0'));
  for (const unsigned size : {0U, 1U, 511U, 512U, 513U, 4096U, 262143U, 262144U, 262145U}) {
    make.File("content/" + std::to_string(size), Noise(size, size));
  }
  make.Directory("content/empty directory");
}

void MakeOwnersAndModes(Maker& make) {
  make.Directory("owners");
  for (const uint32_t id : {1U, 1000U, 65534U, 2097151U, 2097152U, 4294967294U}) {
    const std::string path = "owners/" + std::to_string(id);
    make.File(path, "x");
    make.Owner(path, id, id - 1);
  }
  make.Symlink("owners/symlink", "1000");
  make.Owner("owners/symlink", 1000, 1001);
  make.Directory("modes");
  // Owners first: chown takes setuid and setgid away.
  for (const mode_t mode : {0U, 04755U, 02755U, 06711U, 01644U, 0777U, 0200U}) {
    const std::string path = "modes/file " + std::to_string(mode);
    make.File(path, "mode");
    make.Owner(path, 33, 33);
    make.Mode(path, mode);
  }
  for (const mode_t mode : {0U, 01777U, 02770U, 0500U}) {
    const std::string path = "modes/directory " + std::to_string(mode);
    make.Directory(path, mode);
    make.File(path + "/inside", "seen by root alone");
  }
}

void MakeTimes(Maker& make) {
  make.Directory("times");
  const std::pair<int64_t, long> times[] = {{0, 0},
                                            {0, 1},
                                            {1700000000, 123456789},
                                            {-1, 0},
                                            {-1, 750'000'000},
                                            {-2, 500'000'000},
                                            {-1, 999'999'999},
                                            {-2000000000, 1},
                                            {4294967296, 5},
                                            {13569465600, 999'999'999}};
  int number = 0;
  for (const auto& [seconds, nanoseconds] : times) {
    const std::string path = "times/" + std::to_string(number++);
    make.File(path);
    make.Mtime(path, seconds, nanoseconds);
  }
  make.Symlink("times/symlink", "0");
  make.Mtime("times/symlink", -3, 250'000'000);
  make.Directory("times/directory");
  make.Mtime("times/directory", -86400, 999);
}

void MakeLinks(Maker& make) {
  make.Directory("links");
  make.Directory("links/elsewhere");
  make.File("links/one", "three names, one file");
  make.HardLink("links/two", "links/one");
  make.HardLink("links/elsewhere/three", "links/one");
  make.File("links/empty");
  make.HardLink("links/empty too", "links/empty");
  make.Symlink("links/dangling", "no such file");
  make.Symlink("links/absolute", "/etc/passwd");
  make.Symlink("links/up", "../../../../../etc");
  make.Symlink("links/itself", "itself");
  make.Symlink("links/to a directory", "elsewhere");
  make.Symlink("links/odd", "new\nline \xff $(x)");
  make.Symlink("links/99", std::string(99, 'l'));
  make.Symlink("links/100", std::string(100, 'l'));
  make.Symlink("links/101", std::string(101, 'l'));
  make.Symlink("links/long", std::string(4095, 'l'));
  make.HardLink("links/odd too", "links/odd");
}

void MakeSpecialFiles(Maker& make, const std::filesystem::path& root) {
  make.Directory("special");
  make.Node("special/fifo", S_IFIFO | 0620);
  make.Node("special/null", S_IFCHR | 0666, ::makedev(1, 3));
  make.Node("special/disk", S_IFBLK | 0660, ::makedev(8, 17));
  make.Node("special/large numbers", S_IFCHR | 0600, ::makedev(300, 70000));
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = (root / "special/socket").string();
  Must(path.size() < sizeof(address.sun_path), "a socket's path is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Must(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
       "bind " + path);
}

std::string Acl(uint32_t user, uint32_t group, bool is_default) {
  return EncodePosixAcl({{AclTag::kUserObject, 7, 0},
                         {AclTag::kUser, 5, user},
                         {AclTag::kUser, 0, user + 1},
                         {AclTag::kGroupObject, 4, 0},
                         {AclTag::kGroup, 6, group},
                         {AclTag::kMask, 5, 0},
                         {AclTag::kOther, 0, 0}},
                        is_default);
}

void MakeAttributes(Maker& make) {
  make.Directory("attributes");
  make.File("attributes/file", "x");
  make.Attribute("attributes/file", "user.comment", "plain text");
  make.Attribute("attributes/file", "user.binary", "\0\n=\xff\0"s);
  make.Attribute("attributes/file", "user.empty", "");
  make.Attribute("attributes/file", "user.a=b%c", "odd name");
  make.Attribute("attributes/file", "user.long", Noise(2000, 2));
  make.Attribute("attributes/file", "trusted.overlay", "y");
  make.File("attributes/program", "#!/bin/true\n", 0755);
  // cap_net_raw+ep: VFS_CAP_REVISION_2 with the effective bit, then the two halves.
  make.Attribute("attributes/program", "security.capability",
                 "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s);
  make.Directory("attributes/directory");
  make.Attribute("attributes/directory", "user.of a directory", "z");
  make.Symlink("attributes/symlink", "file");
  make.Attribute("attributes/symlink", "trusted.of a symlink", "s");
  make.Directory("acls");
  make.File("acls/access", "x");
  make.Attribute("acls/access", "system.posix_acl_access", Acl(1000, 33, false));
  make.Directory("acls/default");
  make.Attribute("acls/default", "system.posix_acl_default", Acl(1000, 33, true));
  make.Directory("acls/both");
  make.Attribute("acls/both", "system.posix_acl_access", Acl(123456, 4294967294, false));
  make.Attribute("acls/both", "system.posix_acl_default", Acl(7, 8, true));
  make.File("acls/both/inherits", "x");
}

void MakeSparseFiles(Maker& make, uint64_t huge_bytes) {
  constexpr uint64_t kHole = 128 * kKiB;
  const std::string piece = Noise(64 * kKiB, 3);
  make.Directory("sparse");
  make.Pieces("sparse/hole first", kHole + piece.size(), {{kHole, piece}});
  make.Pieces("sparse/hole last", kHole + piece.size(), {{0, piece}});
  make.Pieces("sparse/hole between", kHole + 2 * piece.size(),
              {{0, piece}, {piece.size() + kHole, piece}});
  make.Pieces("sparse/odd ends", 3 * kHole + 5, {{kHole + 1, "abc"}, {3 * kHole, "12345"}});
  make.Pieces("sparse/nothing", 1000 * kKiB + 1, {});
  std::vector<std::pair<uint64_t, std::string>> pieces;
  for (uint64_t i = 0; i < 200; ++i) pieces.emplace_back(i * kHole, "piece " + std::to_string(i));
  make.Pieces("sparse/many pieces", 200 * kHole, pieces);
  if (huge_bytes > 0) {
    make.Pieces("sparse/huge", huge_bytes,
                {{0, "first"}, {huge_bytes / 2, "middle"}, {huge_bytes - 4, "last"}});
  }
}

void MakeNames(Maker& make) {
  make.Directory("names");
  const std::string names[] = {"new\nline",
                               "tab\tand\rreturn",
                               "'single' \"double\"",
                               "$(touch x)",
                               "`x`",
                               "back\\slash",
                               "\\n",
                               "-rf",
                               "--checkpoint-action=exec=x",
                               " leading",
                               "trailing ",
                               "*",
                               "?",
                               "[a-z]",
                               "{a,b}",
                               "~",
                               "#",
                               "!",
                               "a;b|c&d>e<f",
                               "%s%n%3D%25",
                               "=",
                               ":",
                               "dot.",
                               ".hidden",
                               "...",
                               "._apple",
                               "@LongLink",
                               "\xff\xfe not UTF-8",
                               "\xc3\x28",
                               "\x01\x1b[31m",
                               "caf\xc3\xa9",
                               "cafe\xcc\x81",
                               "\xf0\x9f\x90\xa7",
                               "readme",
                               "README",
                               "ReadMe",
                               "C:\\x",
                               "pax_global_header",
                               std::string(99, '9'),
                               std::string(100, '0'),
                               std::string(101, '1'),
                               std::string(255, 'n')};
  for (const std::string& name : names) make.File("names/" + name, name);
  make.Directory("names/directory\nwith newline");
  make.File("names/directory\nwith newline/file", "x");
  make.Directory("names/Directory");
  make.Directory("names/directory");
}

// A path of 3,900 bytes, counted from the root of the tree.
void MakeDeepPath(Maker& make) {
  std::string path = "deep";
  make.Directory(path);
  while (path.size() + 201 < 3900) {
    path += "/" + std::string(200, static_cast<char>('a' + path.size() % 26));
    make.Directory(path);
  }
  path += "/" + std::string(3900 - path.size() - 1, 'f');
  make.File(path, "at the bottom");
  make.HardLink("link to the bottom", path);
}

}  // namespace

void MakeAwkwardTree(const std::filesystem::path& root, const AwkwardOptions& options) {
  Maker make(root);
  MakeContent(make);
  MakeOwnersAndModes(make);
  MakeTimes(make);
  MakeLinks(make);
  MakeSpecialFiles(make, root);
  MakeAttributes(make);
  MakeSparseFiles(make, options.huge_sparse_bytes);
  MakeNames(make);
  MakeDeepPath(make);
  if (options.many_files > 0) make.Directory("many");
  for (uint32_t i = 0; i < options.many_files; ++i) {
    make.File("many/file " + std::to_string(i), std::to_string(i));
  }
}

}  // namespace orcio::test
