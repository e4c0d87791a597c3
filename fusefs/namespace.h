#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/archive_reader.h"
#include "index/repository.h"
#include "index/span_cache.h"

namespace orcio {

// The mounted tree, /<service>/<date>/..., without a word of FUSE. Thread-safe.
//
// An inode number has the archive in its upper 32 bits and the node within it in the lower. Both
// follow from the archive's name and content alone, so numbers are the same at every mount. 1 is
// the mount's root (FUSE_ROOT_ID).
class Namespace {
 public:
  using Inode = uint64_t;
  static constexpr Inode kRoot = 1;

  struct Attributes {
    Inode inode = 0;
    EntryType type = EntryType::kDirectory;
    uint32_t mode = 0;  // permission bits
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint32_t links = 1;
    Timestamp mtime;
    uint64_t size = 0;
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
  };

  // `cache` and `files` outlive it. Lists the repository; opens no archive.
  [[nodiscard]] static Result<std::unique_ptr<Namespace>> Open(const Repository& repository,
                                                               SpanCache& cache);
  ~Namespace();

  [[nodiscard]] Result<std::optional<Attributes>> Lookup(Inode directory,
                                                         std::string_view name) const;
  [[nodiscard]] Result<Attributes> Stat(Inode inode) const;
  // Hands entries from position `from` on (0: the first) to `add`, until it returns false. "." and
  // ".." are entries 0 and 1. Positions are stable: an entry's own is the one to go on from after
  // it. With `attributes` false, only inode and type are filled.
  [[nodiscard]] Result<void> List(Inode directory, uint64_t from, bool attributes,
                                  const std::function<bool(std::string_view name, const Attributes&,
                                                           uint64_t next)>& add) const;
  [[nodiscard]] Result<std::string> ReadLink(Inode inode) const;
  [[nodiscard]] Result<std::vector<Slice>> Read(Inode inode, uint64_t offset, size_t size) const;
  // Nothing stands for ENXIO.
  [[nodiscard]] Result<std::optional<uint64_t>> SeekData(Inode inode, uint64_t offset) const;
  [[nodiscard]] Result<std::optional<uint64_t>> SeekHole(Inode inode, uint64_t offset) const;
  [[nodiscard]] Result<std::vector<ExtendedAttribute>> ExtendedAttributes(Inode inode) const;

 private:
  struct State;
  explicit Namespace(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace orcio
