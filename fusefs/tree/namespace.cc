#include "fusefs/tree/namespace.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/threads/mutex.h"
#include "fusefs/system/settled_time.h"
#include "fusefs/tree/listing.h"
#include "fusefs/tree/listing_changes.h"
#include "fusefs/tree/mounted_tree.h"
#include "fusefs/tree/upper_directories.h"

namespace orcio::inline fusefs {
namespace {

using Attributes = Namespace::Attributes;
using Inode = Namespace::Inode;
using Add = std::function<bool(std::string_view, const Attributes&, uint64_t)>;

// However wrong the clock of a server may be: a time so long ago is none that a change of now gets.
constexpr std::chrono::hours kLongAgo{24};

uint32_t ArchiveNumber(Inode inode) {
  return static_cast<uint32_t>(inode >> 32);
}
uint32_t NodeNumber(Inode inode) {
  return static_cast<uint32_t>(inode);
}

Failure Stale(Inode inode) {
  return Failure(Error{ErrorKind::kNotFound, ESTALE,
                       fmt::format("inode {:#x} belongs to no archive that is there", inode)});
}

}  // namespace

struct Namespace::State {
  State(const Repository& in, SpanCache& cache, Options options)
      : repository(in),
        policy{in.files(),
               cache,
               indexer,
               open_archives,
               read_ahead,
               std::move(options.log),
               options.retry_after,
               options.symlinks_inside,
               options.most_waiting},
        now(std::move(options.now)),
        latest_pins(std::move(options.latest_pins)),
        open_archives(options.open_archives),
        read_ahead(options.read_ahead_threads) {}

  [[nodiscard]] int64_t NowSeconds() const {
    return std::chrono::floor<std::chrono::seconds>(now().time_since_epoch()).count();
  }
  Result<void> Refresh() REQUIRES(refreshing);
  std::shared_ptr<const Listing> Known() const;
  std::shared_ptr<const Listing> Fresh();
  std::shared_ptr<const Listing> Relisted();
  std::shared_ptr<const Listing> RelistedAfter(const MountedArchive& changed);
  // The archive that the inode belongs to, or, of its root, what has replaced it: whoever stands
  // there sees the new content. Null if there is none.
  std::shared_ptr<MountedArchive> ArchiveOf(Inode inode);
  // The same by name.
  std::shared_ptr<MountedArchive> ArchiveAt(std::string_view service, std::string_view date);

  Changes TakeChanges();
  Attributes OfArchive(const std::shared_ptr<MountedArchive>& archive) const;
  // Where the service's link leads.
  Result<std::string> LatestFor(const ServiceDirectory& service, const Listing& in,
                                const std::optional<Caller>& caller);
  Result<MountedTree> TreeOf(Inode inode);
  // The directory that `inode`, a directory, is in; the root is in itself.
  Result<Inode> Above(Inode inode, const GaveUp& gave_up);

  const Repository repository;
  const ArchivePolicy policy;
  const std::function<std::chrono::system_clock::time_point()> now;
  const UpperDirectories upper{::geteuid(), ::getegid()};

  Mutex refreshing;  // held by who lists the repository
  // What TakeChanges() last saw.
  std::shared_ptr<const Listing> reported GUARDED_BY(refreshing);
  mutable Mutex mutex;
  std::shared_ptr<const Listing> listing GUARDED_BY(mutex);
  int64_t listed_mtime_ns GUARDED_BY(mutex) = 0;  // of the repository's directory
  SettledTime settled GUARDED_BY(mutex);
  // Something can have changed since without another mtime.
  bool may_have_missed GUARDED_BY(mutex) = true;

  LatestPins latest_pins;
  // These end before what their threads use.
  OpenArchives open_archives;
  Indexer indexer;
  ReadAhead read_ahead;
};

Result<void> Namespace::State::Refresh() {
  const int64_t now_seconds = NowSeconds();
  SettledTime::Look look{.begun = SettledTime::Clock::now(), .ended = {}};
  const FileStatus directory = ORCIO_TRY(policy.files.Status(repository.directory()));
  look.ended = SettledTime::Clock::now();
  auto before = Known();
  auto current = std::make_shared<const Listing>(ORCIO_TRY(repository.List()), before.get(), policy,
                                                 now_seconds);
  const MutexLock lock(mutex);
  listing = std::move(current);
  listed_mtime_ns = directory.mtime_ns;
  may_have_missed =
      !settled.See(directory.mtime_ns, look) &&
      std::chrono::seconds(now_seconds) - std::chrono::nanoseconds(directory.mtime_ns) < kLongAgo;
  return {};
}

std::shared_ptr<const Listing> Namespace::State::Known() const {
  const MutexLock lock(mutex);
  return listing;
}

// The repository as it is now. If it cannot be listed, as it was. Also listed anew once the clock
// has been set: a machine may come up years ago, mount, and hear of the time only then.
std::shared_ptr<const Listing> Namespace::State::Fresh() {
  const auto directory = policy.files.Status(repository.directory());
  const int64_t now_seconds = NowSeconds();
  {
    const MutexLock lock(mutex);
    if (directory && directory->mtime_ns == listed_mtime_ns && !may_have_missed &&
        !listing->IsOutdatedAt(now_seconds))
      return listing;
  }
  return Relisted();
}

std::shared_ptr<const Listing> Namespace::State::Relisted() {
  // Nobody waits for a listing that another thread is making.
  if (refreshing.try_lock()) {
    const MutexLock lock(refreshing, std::adopt_lock);
    const auto refreshed = Refresh();
    if (!refreshed && policy.log) policy.log(refreshed.error().message);
  }
  return Known();
}

// For who has seen `changed` change. Waits for a listing that another thread is making, which may
// have begun before that: with the one before it, the kernel would walk to the changed archive once
// more, and give up.
std::shared_ptr<const Listing> Namespace::State::RelistedAfter(const MountedArchive& changed) {
  const MutexLock lock(refreshing);
  auto known = Known();
  const auto there = known->ArchiveAt(changed.file().name.service, changed.file().date);
  if (there != nullptr && there->Changed()) {
    const auto refreshed = Refresh();
    if (!refreshed && policy.log) policy.log(refreshed.error().message);
    known = Known();
  }
  return known;
}

// Waits for a listing that another thread is making: it may have begun before the change.
Namespace::Changes Namespace::State::TakeChanges() {
  const MutexLock lock(refreshing);
  const auto refreshed = Refresh();
  if (!refreshed && policy.log) policy.log(refreshed.error().message);
  auto current = Known();
  Changes changes = Compare(*reported, *current);
  reported = std::move(current);
  return changes;
}

// An archive that cannot be opened as it is still is a directory. It is the same one later: at
// another generation the kernel fails whoever waits inside.
Attributes Namespace::State::OfArchive(const std::shared_ptr<MountedArchive>& archive) const {
  const MountedTree tree(archive);
  if (const auto root = tree.Root()) return *root;
  auto root = upper.Directory(tree.InodeOf(kRootNode), {archive->file().name.seconds, 0}, 2);
  root.generation = tree.Generation();
  return root;
}

std::shared_ptr<MountedArchive> Namespace::State::ArchiveOf(Inode inode) {
  const auto find = [&](const Listing& in) {
    auto archive = in.ArchiveNumbered(ArchiveNumber(inode));
    const bool replaced = archive == nullptr && NodeNumber(inode) == kRootNode;
    return replaced ? in.ReplacementOf(ArchiveNumber(inode)) : archive;
  };
  auto archive = find(*Known());
  // What grows or is written over in place leaves its directory as it was.
  return archive != nullptr && archive->Changed() ? find(*RelistedAfter(*archive)) : archive;
}

std::shared_ptr<MountedArchive> Namespace::State::ArchiveAt(std::string_view service,
                                                            std::string_view date) {
  auto archive = Known()->ArchiveAt(service, date);
  return archive != nullptr && archive->Changed()
             ? RelistedAfter(*archive)->ArchiveAt(service, date)
             : archive;
}

Result<std::string> Namespace::State::LatestFor(const ServiceDirectory& service, const Listing& in,
                                                const std::optional<Caller>& caller) {
  if (!caller) return service.newest->file().date;
  const auto archive_numbered = [&](uint32_t number) {
    auto archive = in.ArchiveNumbered(number);
    const bool of_service = archive != nullptr && archive->file().name.service == service.name;
    return of_service ? archive : nullptr;
  };
  const auto is_there = [&](uint32_t number) { return archive_numbered(number) != nullptr; };
  const auto found = latest_pins.Find(service.name, *caller, service.newest->number(), is_there);
  if (found) return archive_numbered(*found)->file().date;
  return Failure(
      Error{ErrorKind::kNotFound, ESTALE,
            fmt::format("{}/latest: whoever asks has begun in an archive that is gone, or "
                        "is not the newest any more for long",
                        service.name)});
}

Result<MountedTree> Namespace::State::TreeOf(Inode inode) {
  auto archive = ArchiveOf(inode);
  if (archive == nullptr) return Stale(inode);
  return MountedTree(std::move(archive));
}

Result<Inode> Namespace::State::Above(Inode inode, const GaveUp& gave_up) {
  if (ArchiveNumber(inode) == 0) return kRoot;
  const auto archive = ArchiveOf(inode);
  if (archive == nullptr) return Stale(inode);
  if (NodeNumber(inode) != kRootNode) return MountedTree(archive).Above(NodeNumber(inode), gave_up);
  const auto* service = Known()->Service(archive->file().name.service);
  return service == nullptr ? kRoot : service->number;
}

Namespace::Namespace(std::unique_ptr<State> state) : state_(std::move(state)) {}

Namespace::~Namespace() = default;

void Namespace::Stop() {
  state_->indexer.Stop();
}

size_t Namespace::OpenArchiveCount() const {
  return state_->open_archives.count();
}

Namespace::Changes Namespace::Refresh() const {
  return state_->TakeChanges();
}

Result<std::unique_ptr<Namespace>> Namespace::Open(const Repository& repository, SpanCache& cache,
                                                   Options options) {
  auto state = std::make_unique<State>(repository, cache, std::move(options));
  {
    const MutexLock lock(state->refreshing);
    ORCIO_TRY(state->Refresh());
    state->reported = state->Known();
  }
  return std::unique_ptr<Namespace>(new Namespace(std::move(state)));
}

Result<std::unique_ptr<Namespace>> Namespace::Open(const Repository& repository, SpanCache& cache) {
  return Open(repository, cache, Options());
}

Result<std::optional<Attributes>> Namespace::Lookup(Inode directory, std::string_view name,
                                                    const GaveUp& gave_up) const {
  if (name == ".") return ORCIO_TRY(Stat(directory, gave_up));
  if (name == "..") {
    const Inode above = ORCIO_TRY(state_->Above(directory, gave_up));
    return ORCIO_TRY(Stat(above, gave_up));
  }
  if (ArchiveNumber(directory) != 0)
    return ORCIO_TRY(state_->TreeOf(directory)).Lookup(NodeNumber(directory), name, gave_up);
  const auto listing = state_->Fresh();
  if (directory == kRoot) {
    const ServiceDirectory* service = listing->Service(name);
    if (service == nullptr) return std::nullopt;
    return state_->upper.OfService(*service);
  }
  const ServiceDirectory* service = listing->ServiceNumbered(NodeNumber(directory));
  if (service == nullptr) return Stale(directory);
  if (name == UpperDirectories::kLatest) return state_->upper.OfLatest(*service);
  const auto archive = state_->ArchiveAt(service->name, name);
  if (archive == nullptr) return std::nullopt;
  return state_->OfArchive(archive);
}

Result<Attributes> Namespace::Stat(Inode inode, const GaveUp& gave_up) const {
  if (ArchiveNumber(inode) != 0) {
    if (NodeNumber(inode) != kRootNode)
      return ORCIO_TRY(state_->TreeOf(inode)).Stat(NodeNumber(inode), gave_up);
    state_->Fresh();
    const auto archive = state_->ArchiveOf(inode);
    if (archive == nullptr) return Stale(inode);
    return state_->OfArchive(archive);
  }
  const auto listing = state_->Fresh();
  if (inode == kRoot) return state_->upper.OfRoot(*listing);
  if (const auto* service = listing->ServiceNumbered(NodeNumber(inode)))
    return state_->upper.OfService(*service);
  if (const auto* service = listing->ServiceOfLatest(NodeNumber(inode)))
    return state_->upper.OfLatest(*service);
  return Stale(inode);
}

Result<void> Namespace::List(Inode directory, uint64_t from, bool attributes, const Add& add,
                             const GaveUp& gave_up) const {
  if (ArchiveNumber(directory) != 0) {
    const auto archive = state_->ArchiveOf(directory);
    if (archive == nullptr) return Stale(directory);
    const auto* service = state_->Known()->Service(archive->file().name.service);
    const Inode above = service == nullptr ? kRoot : service->number;
    return MountedTree(archive).List(NodeNumber(directory), above, from, attributes, add, gave_up);
  }
  const auto listing = state_->Fresh();
  if (directory == kRoot) {
    state_->upper.ListRoot(*listing, from, add);
    return {};
  }
  const ServiceDirectory* service = listing->ServiceNumbered(NodeNumber(directory));
  if (service == nullptr) return Stale(directory);
  state_->upper.ListService(*service, from, add);
  return {};
}

Result<std::string> Namespace::ReadLink(Inode inode, const GaveUp& gave_up,
                                        const std::optional<Caller>& caller) const {
  if (ArchiveNumber(inode) != 0)
    return ORCIO_TRY(state_->TreeOf(inode)).ReadLink(NodeNumber(inode), gave_up);
  const auto listing = state_->Fresh();
  const ServiceDirectory* service = listing->ServiceOfLatest(NodeNumber(inode));
  if (service == nullptr) return Stale(inode);
  return state_->LatestFor(*service, *listing, caller);
}

Result<std::vector<ExtendedAttribute>> Namespace::ExtendedAttributes(Inode inode,
                                                                     const GaveUp& gave_up) const {
  if (ArchiveNumber(inode) == 0) return std::vector<ExtendedAttribute>();
  return ORCIO_TRY(state_->TreeOf(inode)).ExtendedAttributes(NodeNumber(inode), gave_up);
}

Result<std::shared_ptr<const Namespace::File>> Namespace::OpenFile(
    Inode inode, const GaveUp& gave_up, const std::optional<Caller>& caller) const {
  const auto archive = state_->ArchiveOf(inode);
  if (archive == nullptr) return Stale(inode);
  auto file = ORCIO_TRY(MountedTree(archive).OpenFile(NodeNumber(inode), gave_up));
  if (!caller) return file;
  auto use = state_->latest_pins.Use(archive->file().name.service, *caller, archive->number());
  if (use == nullptr) return file;
  // Both, handed out as the file.
  const auto both =
      std::make_shared<std::pair<std::shared_ptr<const File>, std::shared_ptr<const void>>>(
          file, std::move(use));
  return std::shared_ptr<const File>(both, file.get());
}

}  // namespace orcio::inline fusefs
