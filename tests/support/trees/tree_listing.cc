#include "tests/support/trees/tree_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>

#include "base/free_with.h"
#include "base/sha256.h"
#include "base/unique_fd.h"

namespace orcio::test {
namespace {

using Stretches = std::vector<std::pair<uint64_t, uint64_t>>;

void Must(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what + ": " + std::strerror(errno));
}

char TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 'f';
    case S_IFDIR:
      return 'd';
    case S_IFLNK:
      return 'l';
    case S_IFIFO:
      return 'p';
    case S_IFCHR:
      return 'c';
    case S_IFBLK:
      return 'b';
    case S_IFSOCK:
      return 's';
    default:
      return '?';
  }
}

Stretches DataOf(int file, uint64_t size, const std::string& path) {
  Stretches data;
  off_t offset = 0;
  while (static_cast<uint64_t>(offset) < size) {
    const off_t start = ::lseek(file, offset, SEEK_DATA);
    if (start < 0 && errno == ENXIO) break;
    Must(start >= 0, "seek to data in " + path);
    const off_t end = ::lseek(file, start, SEEK_HOLE);
    Must(end > start, "seek to hole in " + path);
    data.emplace_back(
        start, std::min<uint64_t>(static_cast<uint64_t>(end), size) - static_cast<uint64_t>(start));
    offset = end;
  }
  return data;
}

// Fills `buffer` from `offset` on.
void ReadFully(int file, uint64_t offset, std::span<std::byte> buffer, const std::string& path) {
  while (!buffer.empty()) {
    const ssize_t got = ::pread(file, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    Must(got >= 0, fmt::format("read {} at {}", path, offset));
    if (got == 0) throw std::runtime_error(fmt::format("{} ends at {}", path, offset));
    buffer = buffer.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
}

// Reads the data and takes holes for the zeros they are.
std::string DigestOf(int file, uint64_t size, const Stretches& data, const std::string& path) {
  Sha256 sha256;
  // No larger than the file: a megabyte of new memory for each of 100,000 small ones takes longer
  // than all else.
  std::vector<std::byte> buffer(std::min<uint64_t>(size, uint64_t{1} << 20));
  uint64_t offset = 0;
  for (const auto& [start, length] : data) {
    sha256.UpdateZeros(start - offset);
    for (offset = start; offset < start + length;) {
      const auto piece =
          std::span(buffer).first(std::min<uint64_t>(buffer.size(), start + length - offset));
      ReadFully(file, offset, piece, path);
      sha256.Update(piece);
      offset += piece.size();
    }
  }
  sha256.UpdateZeros(size - offset);
  return ToHex(sha256.Finish());
}

bool IsZeros(std::span<const std::byte> bytes) {
  return bytes[0] == std::byte{0} &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// The same for two files if and only if their bytes are, wherever either has its holes.
std::string DigestOfBlocks(int file, uint64_t size, const Stretches& data,
                           const std::string& path) {
  Sha256 sha256;
  std::vector<std::byte> buffer(size_t{64} << 10);
  uint64_t offset = 0;
  for (const auto& [start, length] : data) {
    offset = std::max(offset, start / buffer.size() * buffer.size());
    for (; offset < start + length; offset += buffer.size()) {
      const auto block = std::span(buffer).first(std::min<uint64_t>(buffer.size(), size - offset));
      ReadFully(file, offset, block, path);
      if (IsZeros(block)) continue;
      sha256.Update(std::as_bytes(std::span(&offset, 1)));
      sha256.Update(block);
    }
  }
  return "blocks " + ToHex(sha256.Finish());
}

class Walk {
 public:
  explicit Walk(const TreeOptions& options) : options_(options) {}

  // Takes `name` in the open directory `parent`, and all below it.
  void Take(int parent, const std::string& name, const std::string& path) {
    struct stat status {};
    Must(::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0, "stat " + path);
    const char type = TypeOf(status.st_mode);
    if (type == 's' && !options_.sockets) return;
    if (path != "." || options_.root_line) AddLine(parent, name, path, status);
    if (type == 'd') Enter(parent, name, path);
  }

  std::vector<TreeLine> Finish() {
    std::sort(lines_.begin(), lines_.end(),
              [](const auto& a, const auto& b) { return a.first.path < b.first.path; });
    std::map<Inode, std::string> first;
    std::vector<TreeLine> lines;
    for (auto& [line, inode] : lines_) {
      const auto [known, is_new] = first.emplace(inode, line.path);
      if (!is_new && line.type != 'd') line.same_as = known->second;
      lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  using Inode = std::pair<dev_t, ino_t>;

  void Enter(int parent, const std::string& name, const std::string& path) {
    UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    Must(fd.valid(), "open " + path);
    std::vector<std::string> names;
    {
      const std::unique_ptr<DIR, FreeWith<::closedir>> directory(::fdopendir(::dup(fd.get())));
      Must(directory != nullptr, "open " + path);
      errno = 0;
      while (const dirent* entry = ::readdir(directory.get())) names.emplace_back(entry->d_name);
      Must(errno == 0, "list " + path);
    }
    for (const std::string& child : names) {
      if (child == "." || child == "..") continue;
      Take(fd.get(), child, path == "." ? child : path + "/" + child);
    }
  }

  void AddLine(int parent, const std::string& name, const std::string& path,
               const struct stat& status) {
    TreeLine line;
    line.path = path;
    line.type = TypeOf(status.st_mode);
    line.mode = status.st_mode & 07777;
    line.uid = status.st_uid;
    line.gid = status.st_gid;
    if (line.type != 'd' || options_.directory_mtimes) {
      line.mtime_seconds = status.st_mtim.tv_sec;
      line.mtime_nanoseconds = status.st_mtim.tv_nsec;
    }
    if (line.type != 'd') line.links = status.st_nlink;
    if (line.type == 'f' || line.type == 'l') line.size = static_cast<uint64_t>(status.st_size);
    if (line.type == 'c' || line.type == 'b') {
      line.device_major = ::major(status.st_rdev);
      line.device_minor = ::minor(status.st_rdev);
    }
    if (line.type == 'l') line.target = TargetOf(parent, name, path);
    if (options_.attributes) line.attributes = AttributesOf(parent, name, path);
    if (line.type == 'f') AddContent(parent, name, line);
    lines_.emplace_back(std::move(line), Inode(status.st_dev, status.st_ino));
  }

  void AddContent(int parent, const std::string& name, TreeLine& line) const {
    if (!options_.content && !options_.data_maps) return;
    const UniqueFd file(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    Must(file.valid(), "open " + line.path);
    const Stretches data = DataOf(file.get(), line.size, line.path);
    if (options_.data_maps) line.data = data;
    if (!options_.content) return;
    line.sha256 = line.size > kPlainDigest ? DigestOfBlocks(file.get(), line.size, data, line.path)
                                           : DigestOf(file.get(), line.size, data, line.path);
  }

  static std::string TargetOf(int parent, const std::string& name, const std::string& path) {
    std::string target(8192, '\0');
    const ssize_t length = ::readlinkat(parent, name.c_str(), target.data(), target.size());
    Must(length >= 0, "readlink " + path);
    target.resize(static_cast<size_t>(length));
    return target;
  }

  std::map<std::string, std::string> AttributesOf(int parent, const std::string& name,
                                                  const std::string& path) const {
    std::map<std::string, std::string> attributes;
    // Not by its whole path, which may be too long.
    const std::string reach = fmt::format("/proc/self/fd/{}/{}", parent, name);
    ssize_t length = ::llistxattr(reach.c_str(), nullptr, 0);
    if (length == 0 || (length < 0 && errno == ENOTSUP)) return attributes;
    std::string names(65536, '\0');
    length = ::llistxattr(reach.c_str(), names.data(), names.size());
    Must(length >= 0, "list attributes of " + path);
    names.resize(static_cast<size_t>(length));
    for (size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
      const std::string attribute(names.c_str() + at);
      if (attribute.starts_with("trusted.") && !options_.trusted_attributes) continue;
      std::string value(65536, '\0');
      const ssize_t size =
          ::lgetxattr(reach.c_str(), attribute.c_str(), value.data(), value.size());
      Must(size >= 0, "read attribute " + attribute + " of " + path);
      value.resize(static_cast<size_t>(size));
      attributes.emplace(attribute, std::move(value));
    }
    return attributes;
  }

  const TreeOptions& options_;
  std::vector<std::pair<TreeLine, Inode>> lines_;
};

std::string Shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 200)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < ' ' || byte > '~' ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  if (bytes.size() > 200) text += fmt::format("... ({} bytes)", bytes.size());
  return text;
}

std::string Shown(const std::map<std::string, std::string>& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes) text += Shown(name) + "=" + Shown(value) + " ";
  return text;
}

std::string Shown(const Stretches& data) {
  std::string text;
  for (const auto& [offset, length] : data) text += fmt::format("{}+{} ", offset, length);
  return Shown(std::string_view(text));
}

std::string DiffLines(const TreeLine& left, const TreeLine& right) {
  std::string text;
  const auto compare = [&](std::string_view what, const auto& a, const auto& b) {
    if (a != b) text += fmt::format("{}: {} {} | {}\n", Shown(left.path), what, a, b);
  };
  compare("type", left.type, right.type);
  compare("mode", fmt::format("{:o}", left.mode), fmt::format("{:o}", right.mode));
  compare("uid", left.uid, right.uid);
  compare("gid", left.gid, right.gid);
  compare("size", left.size, right.size);
  compare("mtime", fmt::format("{}+{}ns", left.mtime_seconds, left.mtime_nanoseconds),
          fmt::format("{}+{}ns", right.mtime_seconds, right.mtime_nanoseconds));
  compare("links", left.links, right.links);
  compare("same as", Shown(left.same_as), Shown(right.same_as));
  compare("target", Shown(left.target), Shown(right.target));
  compare("device", fmt::format("{},{}", left.device_major, left.device_minor),
          fmt::format("{},{}", right.device_major, right.device_minor));
  compare("sha256", left.sha256, right.sha256);
  if (left.attributes != right.attributes) {
    compare("attributes", Shown(left.attributes), Shown(right.attributes));
  }
  if (left.data != right.data) compare("data", Shown(left.data), Shown(right.data));
  if (text.empty() && left != right) text = Shown(left.path) + ": differs\n";
  return text;
}

}  // namespace

std::vector<TreeLine> ListTree(const std::filesystem::path& root, const TreeOptions& options) {
  const UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Must(fd.valid(), "open " + root.string());
  Walk walk(options);
  walk.Take(fd.get(), ".", ".");
  return walk.Finish();
}

std::string DiffTrees(const std::vector<TreeLine>& left, const std::vector<TreeLine>& right) {
  std::string text;
  auto a = left.begin();
  auto b = right.begin();
  while (a != left.end() || b != right.end()) {
    if (b == right.end() || (a != left.end() && a->path < b->path)) {
      text += Shown((a++)->path) + ": only on the left\n";
    } else if (a == left.end() || b->path < a->path) {
      text += Shown((b++)->path) + ": only on the right\n";
    } else {
      text += DiffLines(*a++, *b++);
    }
  }
  return text;
}

}  // namespace orcio::test
