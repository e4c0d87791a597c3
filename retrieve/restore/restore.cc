#include "retrieve/restore/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "retrieve/dump/recorded_owner.h"
#include "retrieve/plan/tree_order.h"
#include "retrieve/restore/file_attributes.h"
#include "retrieve/restore/target_tree.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kRestoreReadBytes = size_t{1} << 20;
constexpr size_t kMostNamed = 5;  // in one message

// Whether what failed for one entry will fail for all others too.
bool EndsAll(const Error& error) {
  switch (error.errnum) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EMFILE:
    case ENFILE:
      return true;
    default:
      return error.kind == ErrorKind::kCancelled;
  }
}

// Finds out whether a place is taken before anything is made.
class TakenPlaces {
 public:
  TakenPlaces(const Sidecar& sidecar, const RestorePlan& plan, TargetTree& tree)
      : sidecar_(sidecar), plan_(plan), tree_(tree) {}

  Result<void> Check(const std::filesystem::path& target) {
    ORCIO_TRY(Below(kRootNode));
    if (count_ == 0) return {};
    if (count_ > kMostNamed) named_ += ", ...";
    return Failure(Error{ErrorKind::kIo, EEXIST,
                         fmt::format("nothing was restored, for {} of the entries are in {} "
                                     "already: {}; restore into a new directory",
                                     count_, target.string(), named_)});
  }

 private:
  Result<void> Below(NodeId directory) {
    const auto children = ORCIO_TRY(sidecar_.ListChildren(directory));
    for (NodeId child = children.first; child < children.first + children.count; ++child) {
      if (!plan_.wanted[child]) continue;
      const std::string name(ORCIO_TRY(sidecar_.Name(child)));
      struct stat status {};
      if (::fstatat(tree_.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      bool directories = S_ISDIR(status.st_mode);
      if (directories) directories = ORCIO_TRY(sidecar_.Node(child)).type == EntryType::kDirectory;
      if (!directories) {
        ORCIO_TRY(Count(child));
      } else if (ORCIO_TRY(tree_.EnterExisting(name))) {
        ORCIO_TRY(Below(child));
        ORCIO_TRY(tree_.Leave());
      }
    }
    return {};
  }

  Result<void> Count(NodeId entry) {
    if (count_++ >= kMostNamed) return {};
    if (!named_.empty()) named_ += ", ";
    named_ += ORCIO_TRY(sidecar_.Path(entry));
    return {};
  }

  const Sidecar& sidecar_;
  const RestorePlan& plan_;
  TargetTree& tree_;
  uint64_t count_ = 0;
  std::string named_;
};

class Restorer {
 public:
  Restorer(const ArchiveReader& reader, const RestorePlan& plan, const RestoreOptions& options,
           const std::stop_token& stop, TargetTree& tree)
      : reader_(reader),
        sidecar_(reader.sidecar()),
        plan_(plan),
        options_(options),
        stop_(stop),
        tree_(tree),
        owners_(reader) {}

  Result<Restored> Restore() {
    ORCIO_TRY(Below(kRootNode));
    const NodeInfo root = ORCIO_TRY(sidecar_.Node(kRootNode));
    if (tree_.made() && !root.implied) ORCIO_TRY(Finish(root));
    return restored_;
  }

 private:
  Result<void> Below(NodeId directory) {
    const size_t above = path_.size();
    for (const NodeId child : ORCIO_TRY(ChildrenByPlace(sidecar_, directory))) {
      if (!plan_.wanted[child]) continue;
      const std::string name(ORCIO_TRY(sidecar_.Name(child)));
      if (above > 0) path_ += '/';
      path_ += name;
      auto done = stop_.stop_requested() ? Stopped() : Entry(child, name);
      if (done) {
        ++restored_.entries;
      } else if (ended_ || EndsAll(done.error())) {
        // Said of the entry at hand, not again of each directory above it.
        Error error = std::move(done).error();
        if (!std::exchange(ended_, true)) error.message = path_ + ": " + error.message;
        return Failure(std::move(error));
      } else {
        options_.problem({path_, std::move(done).error(), true});
      }
      path_.resize(above);
    }
    return {};
  }

  Result<void> Stopped() const {
    return Fail(ErrorKind::kCancelled, "interrupted before it was restored");
  }

  Result<void> Entry(NodeId id, const std::string& name) {
    const NodeInfo node = ORCIO_TRY(sidecar_.Node(id));
    if (node.type == EntryType::kDirectory) return Directory(node, name);
    const auto first = node.links > 1 ? links_.find(node.inode) : links_.end();
    if (first != links_.end()) {
      ORCIO_TRY(tree_.Link(first->second, name));
      restored_.bytes += node.type == EntryType::kFile ? node.size : 0;
      return {};
    }
    ORCIO_TRY(node.type == EntryType::kFile ? File(node, name) : Special(node, name));
    if (node.links > 1) links_.emplace(node.inode, path_);
    return {};
  }

  Result<void> Directory(const NodeInfo& node, const std::string& name) {
    const bool made = ORCIO_TRY(tree_.Enter(name));
    // What fails in here is reported in here, unless it ends all.
    ORCIO_TRY(Below(node.id));
    if (made) ORCIO_TRY(Finish(node));
    return tree_.Leave();
  }

  // Gives the current directory its own attributes, now that all is in it.
  Result<void> Finish(const NodeInfo& directory) {
    const auto refused = SetAttributes(tree_.fd(), ORCIO_TRY(AttributesOf(directory)));
    if (!refused && EndsAll(refused.error())) return Failure(refused.error());
    if (!refused) options_.problem({path_, refused.error(), false});
    if (refused) TellRefused(*refused);
    return {};
  }

  Result<void> File(const NodeInfo& node, const std::string& name) {
    const auto file = ORCIO_TRY(tree_.CreateFile());
    const uint64_t before = restored_.bytes;
    auto done = Fill(file.fd.get(), node);
    if (done) {
      const auto refused = SetAttributes(file.fd.get(), ORCIO_TRY(AttributesOf(node)));
      if (refused) TellRefused(*refused);
      done = refused ? tree_.Publish(file, name) : Failure(refused.error());
    }
    if (!done) {
      tree_.Discard(file);
      discarded_bytes_ += restored_.bytes - before;
      restored_.bytes = before;
    }
    return done;
  }

  Result<void> Fill(int fd, const NodeInfo& node) {
    const auto extents = ORCIO_TRY(sidecar_.Extents(node.id));
    uint64_t reached = 0;
    uint64_t holes = node.size;
    for (const Extent& extent : extents) {
      ORCIO_TRY(Copy(fd, node.id, extent.file_offset, extent.length));
      reached = extent.file_offset + extent.length;
      holes -= std::min(holes, extent.length);
    }
    // An incomplete file would end in a hole that is none.
    if (!node.complete) return Fail(ErrorKind::kDamaged, "the archive is incomplete in it");
    if (reached < node.size && ::ftruncate(fd, static_cast<off_t>(node.size)) != 0)
      return FailErrno(errno, "cannot make it as large as it was");
    restored_.bytes += holes;
    return {};
  }

  Result<void> Copy(int fd, NodeId file, uint64_t offset, uint64_t length) {
    for (const uint64_t end = offset + length; offset < end;) {
      if (stop_.stop_requested()) return Stopped();
      const auto here = static_cast<size_t>(std::min<uint64_t>(end - offset, kRestoreReadBytes));
      const auto slices = ORCIO_TRY(reader_.ReadFile(file, offset, here));
      if (slices.empty()) return Fail(ErrorKind::kDamaged, "it ends at {} bytes", offset);
      for (const Slice& slice : slices) {
        ORCIO_TRY(Write(fd, slice.bytes, offset));
        offset += slice.bytes.size();
        restored_.bytes += slice.bytes.size();
      }
      options_.progress(restored_.bytes + discarded_bytes_);
    }
    return {};
  }

  static Result<void> Write(int fd, std::span<const std::byte> bytes, uint64_t offset) {
    while (!bytes.empty()) {
      const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return FailErrno(errno, "cannot write it");
      bytes = bytes.subspan(static_cast<size_t>(put));
      offset += static_cast<uint64_t>(put);
    }
    return {};
  }

  Result<void> Special(const NodeInfo& node, const std::string& name) {
    const bool symlink = node.type == EntryType::kSymlink;
    if (symlink) {
      const std::string to(ORCIO_TRY(sidecar_.SymlinkTarget(node.id)));
      if (::symlinkat(to.c_str(), tree_.fd(), name.c_str()) != 0)
        return FailErrno(errno, "cannot make the symlink");
    } else {
      const dev_t device = ::makedev(node.device_major, node.device_minor);
      if (::mknodat(tree_.fd(), name.c_str(), TypeBits(node.type) | 0600, device) != 0)
        return FailErrno(errno, "cannot make the special file");
    }
    const auto refused = SetAttributesAt(tree_.fd(), name, symlink, ORCIO_TRY(AttributesOf(node)));
    if (refused) {
      TellRefused(*refused);
    } else {
      options_.problem({path_, refused.error(), false});
    }
    return {};
  }

  Result<FileAttributes> AttributesOf(const NodeInfo& node) {
    FileAttributes wanted{node.mode, node.uid, node.gid, node.mtime, {}};
    if (node.has_attributes) wanted.attributes = ORCIO_TRY(sidecar_.Attributes(node.id));
    if (options_.owners == OwnersBy::kName && !node.implied) {
      const auto owner = ORCIO_TRY(owners_.Of(node));
      wanted.uid = owner.first;
      wanted.gid = owner.second;
    }
    return wanted;
  }

  void TellRefused(const std::vector<std::string>& refused) const {
    for (const std::string& what : refused)
      options_.problem({path_, Error{ErrorKind::kIo, 0, what}, false});
  }

  const ArchiveReader& reader_;
  const Sidecar& sidecar_;
  const RestorePlan& plan_;
  const RestoreOptions& options_;
  const std::stop_token& stop_;
  TargetTree& tree_;
  RecordedOwners owners_;
  std::string path_;    // of the entry at hand
  bool ended_ = false;  // by what would fail for all others too
  Restored restored_;
  uint64_t discarded_bytes_ = 0;                   // were written, and are not there
  std::unordered_map<NodeId, std::string> links_;  // where a file of several names is
};

}  // namespace

Result<Restored> RestoreTree(const ArchiveReader& reader, const RestorePlan& plan,
                             const std::filesystem::path& target, const RestoreOptions& options,
                             const std::stop_token& stop) {
  TargetTree tree = ORCIO_TRY(TargetTree::Open(target));
  if (!tree.was_empty()) ORCIO_TRY(TakenPlaces(reader.sidecar(), plan, tree).Check(target));
  return Restorer(reader, plan, options, stop, tree).Restore();
}

}  // namespace orcio::inline retrieve
