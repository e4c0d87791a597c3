#include "fusefs/namespace.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <stop_token>
#include <utility>

#include "fusefs/listing.h"
#include "fusefs/mounted_tree.h"

namespace orcio {
namespace {

using Attributes = Namespace::Attributes;
using Inode = Namespace::Inode;
using Add = std::function<bool(std::string_view, const Attributes&, uint64_t)>;

constexpr std::string_view kLatest = "latest";
// Positions in the upper directories: ".", "..", then by number, so that they do not move when an
// archive comes or goes; "latest" comes behind the highest number.
constexpr uint64_t kFirstPosition = 2;
constexpr uint64_t kLatestPosition = kFirstPosition + (uint64_t{1} << 32);
// A directory's mtime moves in steps of the kernel's clock tick: changes within one show no
// difference.
constexpr std::chrono::milliseconds kMtimeStep{100};

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
        policy{in.files(), cache, std::move(options.log), options.retry_after, stop.get_token()} {}

  Result<void> Refresh();
  std::shared_ptr<const Listing> Known() const;
  std::shared_ptr<const Listing> Fresh();

  Attributes UpperDirectory(Inode inode, int64_t seconds, size_t links) const;
  Attributes OfRoot(const Listing& listing) const;
  Attributes OfService(const ServiceDirectory& service) const;
  Attributes OfLatest(const ServiceDirectory& service) const;
  Attributes OfArchive(const std::shared_ptr<MountedArchive>& archive) const;
  void ListRoot(const Listing& listing, uint64_t from, const Add& add) const;
  void ListService(const ServiceDirectory& service, uint64_t from, const Add& add) const;
  Result<MountedTree> TreeOf(Inode inode) const;

  const Repository repository;
  std::stop_source stop;
  const ArchivePolicy policy;
  const uint32_t uid = ::geteuid();
  const uint32_t gid = ::getegid();

  std::mutex refreshing;  // held by who lists the repository
  mutable std::mutex mutex;
  // All guarded by mutex.
  std::shared_ptr<const Listing> listing;
  int64_t listed_mtime_ns = 0;  // of the repository's directory
  bool may_have_missed = true;  // something can have changed since without another mtime
};

// With `refreshing` held.
Result<void> Namespace::State::Refresh() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const FileStatus directory = ORCIO_TRY(policy.files.Status(repository.directory()));
  auto before = Known();
  auto current =
      std::make_shared<const Listing>(ORCIO_TRY(repository.List()), before.get(), policy);
  std::scoped_lock lock(mutex);
  listing = std::move(current);
  listed_mtime_ns = directory.mtime_ns;
  may_have_missed = now - std::chrono::nanoseconds(directory.mtime_ns) < kMtimeStep;
  return {};
}

std::shared_ptr<const Listing> Namespace::State::Known() const {
  std::scoped_lock lock(mutex);
  return listing;
}

// The repository as it is now. Where it cannot be listed, as it was.
std::shared_ptr<const Listing> Namespace::State::Fresh() {
  const auto directory = policy.files.Status(repository.directory());
  {
    std::scoped_lock lock(mutex);
    if (directory && directory->mtime_ns == listed_mtime_ns && !may_have_missed) return listing;
  }
  // Nobody waits for a listing that another thread is making.
  const std::unique_lock lock(refreshing, std::try_to_lock);
  if (lock.owns_lock()) {
    const auto refreshed = Refresh();
    if (!refreshed && policy.log) policy.log(refreshed.error().message);
  }
  return Known();
}

Attributes Namespace::State::UpperDirectory(Inode inode, int64_t seconds, size_t links) const {
  Attributes attributes;
  attributes.inode = inode;
  attributes.mode = 0755;
  attributes.uid = uid;
  attributes.gid = gid;
  attributes.links = static_cast<uint32_t>(links);
  attributes.mtime = {seconds, 0};
  return attributes;
}

Attributes Namespace::State::OfRoot(const Listing& current) const {
  return UpperDirectory(kRoot, current.newest_seconds(), 2 + current.services().size());
}

Attributes Namespace::State::OfService(const ServiceDirectory& service) const {
  return UpperDirectory(service.number, service.newest->file().name.seconds,
                        2 + service.by_date.size());
}

Attributes Namespace::State::OfLatest(const ServiceDirectory& service) const {
  Attributes attributes =
      UpperDirectory(service.latest_number, service.newest->file().name.seconds, 1);
  attributes.type = EntryType::kSymlink;
  attributes.mode = 0777;
  attributes.size = attributes.data_bytes = service.newest->file().date.size();
  return attributes;
}

// An archive that cannot be opened as it is still is a directory.
Attributes Namespace::State::OfArchive(const std::shared_ptr<MountedArchive>& archive) const {
  const MountedTree tree(archive);
  if (const auto root = tree.Root()) return *root;
  return UpperDirectory(tree.InodeOf(kRootNode), archive->file().name.seconds, 2);
}

void Namespace::State::ListRoot(const Listing& current, uint64_t from, const Add& add) const {
  Attributes entry = UpperDirectory(kRoot, 0, 2);
  if (from < 1 && !add(".", entry, 1)) return;
  if (from < 2 && !add("..", entry, 2)) return;
  for (const ServiceDirectory* service : current.services()) {
    const uint64_t next = kFirstPosition + service->number;
    if (next <= from) continue;
    entry.inode = service->number;
    if (!add(service->name, entry, next)) return;
  }
}

void Namespace::State::ListService(const ServiceDirectory& service, uint64_t from,
                                   const Add& add) const {
  Attributes entry = UpperDirectory(service.number, 0, 2);
  if (from < 1 && !add(".", entry, 1)) return;
  entry.inode = kRoot;
  if (from < 2 && !add("..", entry, 2)) return;
  for (const auto& archive : service.by_number) {
    const uint64_t next = kFirstPosition + archive->number();
    if (next <= from) continue;
    entry.inode = MountedTree(archive).InodeOf(kRootNode);
    if (!add(archive->file().date, entry, next)) return;
  }
  if (from < kLatestPosition) add(kLatest, OfLatest(service), kLatestPosition);
}

Result<MountedTree> Namespace::State::TreeOf(Inode inode) const {
  auto archive = Known()->ArchiveNumbered(ArchiveNumber(inode));
  if (archive == nullptr) return Stale(inode);
  return MountedTree(std::move(archive));
}

Namespace::Namespace(std::unique_ptr<State> state) : state_(std::move(state)) {}

Namespace::~Namespace() = default;

void Namespace::Stop() {
  state_->stop.request_stop();
}

Result<std::unique_ptr<Namespace>> Namespace::Open(const Repository& repository, SpanCache& cache,
                                                   Options options) {
  auto state = std::make_unique<State>(repository, cache, std::move(options));
  {
    const std::scoped_lock lock(state->refreshing);
    ORCIO_TRY(state->Refresh());
  }
  return std::unique_ptr<Namespace>(new Namespace(std::move(state)));
}

Result<std::unique_ptr<Namespace>> Namespace::Open(const Repository& repository, SpanCache& cache) {
  return Open(repository, cache, Options());
}

Result<std::optional<Attributes>> Namespace::Lookup(Inode directory, std::string_view name) const {
  if (ArchiveNumber(directory) != 0)
    return ORCIO_TRY(state_->TreeOf(directory)).Lookup(NodeNumber(directory), name);
  const auto listing = state_->Fresh();
  if (directory == kRoot) {
    const ServiceDirectory* service = listing->Service(name);
    if (service == nullptr) return std::nullopt;
    return state_->OfService(*service);
  }
  const ServiceDirectory* service = listing->ServiceNumbered(NodeNumber(directory));
  if (service == nullptr) return Stale(directory);
  if (name == kLatest) return state_->OfLatest(*service);
  const auto archive = service->by_date.find(name);
  if (archive == service->by_date.end()) return std::nullopt;
  return state_->OfArchive(archive->second);
}

Result<Attributes> Namespace::Stat(Inode inode) const {
  if (ArchiveNumber(inode) != 0) {
    if (NodeNumber(inode) != kRootNode)
      return ORCIO_TRY(state_->TreeOf(inode)).Stat(NodeNumber(inode));
    const auto archive = state_->Fresh()->ArchiveNumbered(ArchiveNumber(inode));
    if (archive == nullptr) return Stale(inode);
    return state_->OfArchive(archive);
  }
  const auto listing = state_->Fresh();
  if (inode == kRoot) return state_->OfRoot(*listing);
  if (const auto* service = listing->ServiceNumbered(NodeNumber(inode)))
    return state_->OfService(*service);
  if (const auto* service = listing->ServiceOfLatest(NodeNumber(inode)))
    return state_->OfLatest(*service);
  return Stale(inode);
}

Result<void> Namespace::List(Inode directory, uint64_t from, bool attributes,
                             const Add& add) const {
  if (ArchiveNumber(directory) != 0) {
    const auto archive = state_->Known()->ArchiveNumbered(ArchiveNumber(directory));
    if (archive == nullptr) return Stale(directory);
    const auto* service = state_->Known()->Service(archive->file().name.service);
    const Inode above = service == nullptr ? kRoot : service->number;
    return MountedTree(archive).List(NodeNumber(directory), above, from, attributes, add);
  }
  const auto listing = state_->Fresh();
  if (directory == kRoot) {
    state_->ListRoot(*listing, from, add);
    return {};
  }
  const ServiceDirectory* service = listing->ServiceNumbered(NodeNumber(directory));
  if (service == nullptr) return Stale(directory);
  state_->ListService(*service, from, add);
  return {};
}

Result<std::string> Namespace::ReadLink(Inode inode) const {
  if (ArchiveNumber(inode) != 0)
    return ORCIO_TRY(state_->TreeOf(inode)).ReadLink(NodeNumber(inode));
  const auto listing = state_->Fresh();
  const ServiceDirectory* service = listing->ServiceOfLatest(NodeNumber(inode));
  if (service == nullptr) return Stale(inode);
  return service->newest->file().date;
}

Result<std::vector<ExtendedAttribute>> Namespace::ExtendedAttributes(Inode inode) const {
  if (ArchiveNumber(inode) == 0) return std::vector<ExtendedAttribute>();
  return ORCIO_TRY(state_->TreeOf(inode)).ExtendedAttributes(NodeNumber(inode));
}

Result<std::shared_ptr<const Namespace::File>> Namespace::OpenFile(Inode inode) const {
  return ORCIO_TRY(state_->TreeOf(inode)).OpenFile(NodeNumber(inode));
}

}  // namespace orcio
