#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "retrieve/restore/restore.h"
#include "retrieve/restore/target_tree.h"

namespace orcio::inline retrieve {
namespace {

constexpr size_t kVerifyReadBytes = size_t{256} << 10;

class RestoredFiles {
 public:
  RestoredFiles(const Sidecar& sidecar, const RestorePlan& plan, TargetTree& tree,
                const std::function<void(const RestoreProblem&)>& problem,
                const std::function<void(uint64_t)>& progress, const std::stop_token& stop)
      : sidecar_(sidecar),
        plan_(plan),
        tree_(tree),
        problem_(problem),
        progress_(progress),
        stop_(stop) {}

  Result<void> Below(NodeId directory) {
    const size_t above = path_.size();
    const auto children = ORCIO_TRY(sidecar_.ListChildren(directory));
    for (NodeId child = children.first; child < children.first + children.count; ++child) {
      if (!plan_.wanted[child]) continue;
      if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "interrupted");
      const std::string name(ORCIO_TRY(sidecar_.Name(child)));
      if (above > 0) path_ += '/';
      path_ += name;
      const EntryType type = ORCIO_TRY(sidecar_.Node(child)).type;
      if (type == EntryType::kDirectory) {
        ORCIO_TRY(Directory(child, name));
      } else if (type == EntryType::kFile) {
        auto same = File(child, name);
        if (!same) problem_({path_, std::move(same).error(), false});
      }
      path_.resize(above);
    }
    return {};
  }
  [[nodiscard]] const VerifiedFiles& verified() const { return verified_; }

 private:
  Result<void> Directory(NodeId id, const std::string& name) {
    const auto entered = tree_.EnterExisting(name);
    if (!entered || !*entered) {
      const Error missing{ErrorKind::kDamaged, 0, "the directory is not there"};
      problem_({path_, entered ? missing : entered.error(), false});
      return {};
    }
    ORCIO_TRY(Below(id));
    return tree_.Leave();
  }

  Result<void> File(NodeId id, const std::string& name) {
    const auto digest = ORCIO_TRY(sidecar_.Digest(id));
    if (!digest) {
      ++verified_.skipped;
      return {};
    }
    const UniqueFd fd(
        ::openat(tree_.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) return Fail(ErrorKind::kDamaged, "it is not there");
    if (!fd.valid()) return FailErrno(errno, "cannot read it back");
    // Written pages are in memory: what counts is what the disk has.
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    for (;;) {
      const ssize_t got = ::read(fd.get(), buffer_.data(), buffer_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FailErrno(errno, "cannot read it back");
      if (got == 0) break;
      sha256_.Update(std::span(buffer_).first(static_cast<size_t>(got)));
      progress_(read_bytes_ += static_cast<size_t>(got));
    }
    if (sha256_.Finish() != *digest)
      return Fail(ErrorKind::kDamaged, "its content is not what was archived");
    ++verified_.files;
    return {};
  }

  const Sidecar& sidecar_;
  const RestorePlan& plan_;
  TargetTree& tree_;
  const std::function<void(const RestoreProblem&)>& problem_;
  const std::function<void(uint64_t)>& progress_;
  const std::stop_token& stop_;
  uint64_t read_bytes_ = 0;
  std::string path_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kVerifyReadBytes);
  Sha256 sha256_;
  VerifiedFiles verified_;
};

}  // namespace

Result<VerifiedFiles> VerifyRestored(const Sidecar& sidecar, const RestorePlan& plan,
                                     const std::filesystem::path& target,
                                     const std::function<void(const RestoreProblem&)>& problem,
                                     const std::function<void(uint64_t)>& progress,
                                     const std::stop_token& stop) {
  TargetTree tree = ORCIO_TRY(TargetTree::Open(target));
  if (::syncfs(tree.fd()) != 0)
    return FailErrno(errno, fmt::format("cannot write {} to the disk", target.string()));
  RestoredFiles files(sidecar, plan, tree, problem, progress, stop);
  ORCIO_TRY(files.Below(kRootNode));
  return files.verified();
}

}  // namespace orcio::inline retrieve
