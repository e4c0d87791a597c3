#include "archiver/capture/precopy_capture.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archiver/capture/last_path.h"
#include "archiver/layers/base_layer.h"
#include "archiver/layers/fetch_list.h"
#include "archiver/layers/kept_layer.h"
#include "archiver/layers/layer.h"
#include "archiver/layers/layer_assembly.h"
#include "archiver/layers/listing_order.h"
#include "archiver/listing/remote_listing.h"
#include "archiver/tar/remote_tar.h"
#include "archiver/tar/trailer_sink.h"
#include "base/memory/interned_bytes.h"
#include "base/text/figures.h"
#include "base/text/safe_text.h"
#include "index/repository/listing_path.h"

namespace orcio::inline archiver {
namespace {

using Clock = std::chrono::steady_clock;

// What a file's times may be behind the clock that `date` shows: some file systems keep whole
// seconds, or two.
constexpr int64_t kClockSlack = 2;

// A pass that took longer than this is followed by another one, for what has changed meanwhile, as
// is one that came to nothing; so often at most.
constexpr std::chrono::seconds kLongPass{20};
constexpr int kMostPasses = 3;

// While the service runs, a host may take its time: writing all to disk before a list is made takes
// many minutes if much is to be written.
constexpr std::chrono::seconds kLongestQuiet{1800};

// Of fewer bytes, a transfer's pace is mostly the time that it takes to begin.
constexpr uint64_t kLeastToTime = uint64_t{1} << 20;

// Entries that another tar, or another orcio, made may lack something: they are not mixed.
std::string TarText(const RemoteTar& tar) {
  return fmt::format("{}; xattrs {}, ACLs {}; orcio {}", tar.description, tar.xattrs, tar.acls,
                     ORCIO_VERSION);
}

void AddAll(std::vector<std::string>& to, std::vector<std::string> some) {
  to.insert(to.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
}

// The first of some files, and how many there are.
class SomeFiles {
 public:
  void Add(std::string_view path) {
    if (++count_ == 1) first_ = SafeText(std::string(path));
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const std::string& first() const { return first_; }
  [[nodiscard]] std::string more() const {
    return count_ > 1 ? fmt::format(", and {} more", count_ - 1) : "";
  }

 private:
  uint64_t count_ = 0;
  std::string first_;
};

class PrecopyCapture : public Capture {
 public:
  explicit PrecopyCapture(const CaptureContext& context)
      : context_(context),
        tool_(context.plan.listing),
        tar_(TarText(context.plan.tar)),
        memory_(context.repository),
        paths_(memory_) {}

  Result<void> Prepare(RemoteHost& host, const std::stop_token& stop) override;
  [[nodiscard]] Result<void> CheckRoom() const override;
  Result<void> Collect(RemoteHost& host, std::optional<Clock::time_point> deadline,
                       const std::stop_token& stop) override;
  Result<const TarSummary*> Finish() override;
  void Report(RunFacts& facts) const override;
  Result<void> Describe(const RunFacts& facts) override {
    return assembly_->archive().Describe(facts);
  }
  Result<void> Publish() override;
  void Explain(Error& error) override;
  Result<bool> Keep(RemoteHost& host, const std::stop_token& stop) override;

  [[nodiscard]] uint64_t tar_bytes() const override {
    return assembly_ ? assembly_->archive().tar_bytes() : arrived_;
  }
  [[nodiscard]] uint64_t archive_bytes() const override {
    return assembly_ ? assembly_->archive().archive_bytes() : 0;
  }
  [[nodiscard]] double scan_seconds() const override { return scan_seconds_; }

 private:
  using Warnings = std::vector<std::string>;

  void TakeBase(BaseLayer base);
  Result<TarWords> FetchInto(ArchiveWriter& writer, RemoteHost& host, const TarBatches& tars,
                             const std::stop_token& stop);
  Result<bool> Pass(RemoteHost& host, const std::stop_token& stop);
  [[nodiscard]] bool MayDoWithout(const Error& error) const;
  Result<Layer*> List(RemoteHost& host, bool sync, const std::stop_token& stop);
  [[nodiscard]] std::chrono::seconds LongestQuiet() const;
  [[nodiscard]] std::vector<const Layer*> Layers() const;
  // Of layers_, made by earlier runs.
  [[nodiscard]] size_t EarlierLayers() const { return (has_base_ ? 1 : 0) + (has_kept_ ? 1 : 0); }
  [[nodiscard]] std::vector<std::optional<int64_t>> SteadyBefore(const HostClock& now) const;
  Result<TarWords> Fetch(RemoteHost& host, Layer& layer, const TarBatches& tars,
                         const std::stop_token& stop);
  [[nodiscard]] Result<void> CheckTime(uint64_t bytes, Clock::time_point deadline) const;
  [[nodiscard]] Result<Warnings> TakeCold(const Layer& cold,
                                          const std::vector<std::string>& vanished,
                                          ScratchArray<uint8_t>& where) const;
  [[nodiscard]] Failure PassedOver(const SomeFiles& files) const;

  const CaptureContext context_;
  const ListingTool tool_;
  const std::string tar_;  // as ListingFacts has it
  ScratchMemory memory_;
  InternedBytes paths_;
  // In the order in which they were made. The first one is the last archive's, if that is used;
  // then comes what a run that gave up has kept, if that is used.
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<ArchiveFiles> layer_files_;  // removed with this
  bool has_base_ = false;
  bool has_kept_ = false;
  // The last archive's in a run that reads everything: to be compared with.
  std::unique_ptr<Layer> compared_;
  uint32_t runs_since_full_ = 0;

  bool down_ = false;           // since Collect
  double slowest_listing_ = 0;  // seconds, while the service ran
  LastPath last_;               // the writers' threads set it
  // What Collect was at. Not let go of before the service runs: its disk may hang.
  struct GaveUp {
    std::unique_ptr<ArchiveWriter> writer;
    bool at_limit = false;
  } gave_up_;

  uint64_t arrived_ = 0;       // bytes of tar
  double bytes_a_second_ = 0;  // of the last pass that tells; 0 if none does
  double scan_seconds_ = 0;
  TransferFacts transfer_;
  std::optional<LayeredFiles> content_;
  std::unique_ptr<LayerAssembly> assembly_;
  Warnings warnings_;  // of Finish
};

void PrecopyCapture::TakeBase(BaseLayer base) {
  const bool full = base.runs_since_full + 1 >= context_.service.full_every;
  runs_since_full_ = full ? 0 : base.runs_since_full + 1;
  has_base_ = !full;
  if (full) {
    compared_ = std::move(base.layer);
  } else {
    layers_.push_back(std::move(base.layer));
  }
}

Result<void> PrecopyCapture::Prepare(RemoteHost& host, const std::stop_token& stop) {
  if (context_.observer.phase) context_.observer.phase(RunPhase::kCopying);
  auto base = OpenBaseLayer(context_.files, context_.repository, context_.service.name, tar_,
                            memory_, paths_);
  // Without one, everything is read.
  if (base) TakeBase(std::move(*base));
  // A run that is to read everything takes over only what another one has read to that end.
  auto kept =
      OpenKeptLayer(context_.files, context_.repository, context_.service.name,
                    KeptText(tar_, has_base_ ? layers_[0].get() : nullptr), memory_, paths_);
  if (kept) {
    has_kept_ = true;
    layers_.push_back(std::move(kept->layer));
  }
  for (int pass = 0; pass < kMostPasses; ++pass) {
    const auto begun = Clock::now();
    const bool counts = ORCIO_TRY(Pass(host, stop));
    if (counts && Clock::now() - begun < kLongPass) break;
  }
  transfer_.warm_bytes = arrived_;
  return {};
}

// What the new archive is put together from is about as large as it gets.
Result<void> PrecopyCapture::CheckRoom() const {
  uint64_t needed = 0;
  for (const auto& layer : layers_)
    needed += layer->sidecar() == nullptr ? 0 : layer->sidecar()->archive().bytes;
  const uint64_t free_bytes = ORCIO_TRY(context_.files.FreeBytes(context_.repository));
  if (free_bytes >= needed) return {};
  return Failure(
      Error{ErrorKind::kIo, ENOSPC,
            fmt::format("{}: {} are free, and putting the archive of {} together takes up to "
                        "{}: make room there",
                        context_.repository.string(), FormatBytes(free_bytes),
                        context_.service.name, FormatBytes(needed))});
}

// Fetches what no layer holds; false if that came to nothing. Whatever tar complains of is
// looked at again once the service is stopped.
Result<bool> PrecopyCapture::Pass(RemoteHost& host, const std::stop_token& stop) {
  const auto layers = Layers();
  Layer* layer = ORCIO_TRY(List(host, true, stop));
  TarBatches tars;
  if (layers.empty()) {
    tars.commands.push_back({context_.plan.command});
  } else {
    const auto where = WhereHeld(layer->files(), layers, SteadyBefore(layer->synced), memory_);
    const auto order = ListingOrder(layer->files(), layers, memory_);
    layer->SetOrder(order);
    const auto missing =
        MissingFiles(layer->files(), order, where, layer->synced.seconds - kClockSlack);
    tars = MakeTarBatches(context_.plan.tar, missing.names);
  }
  const auto fetched = Fetch(host, *layer, tars, stop);
  if (fetched) return true;
  if (!MayDoWithout(fetched.error())) return Failure(fetched.error());
  layer->LetGo();
  return false;
}

// GNU tar gives a file with holes that shrinks at the wrong moment a size near 2^64, which swallows
// the rest (1.34: where it looks for the end of a piece of data, ENXIO counts as -1). busybox tar
// breaks off at a file that shrinks while it is read, and of names with newlines nobody can tell
// what it says. A pass that went wrong so is made up for by the next one, or while the service is
// stopped.
bool PrecopyCapture::MayDoWithout(const Error& error) const {
  return error.kind == ErrorKind::kDamaged ||
         (context_.plan.tar.kind == RemoteTar::Kind::kBusybox && error.kind == ErrorKind::kRemote);
}

Result<Layer*> PrecopyCapture::List(RemoteHost& host, bool sync, const std::stop_token& stop) {
  auto layer = std::make_unique<Layer>(memory_, paths_);
  const auto begun = Clock::now();
  layer->synced = ORCIO_TRY(
      ListFiles(host, context_.service, tool_, sync, layer->files(), LongestQuiet(), stop));
  if (!down_) slowest_listing_ = std::max(slowest_listing_, SecondsSince(begun));
  layers_.push_back(std::move(layer));
  return layers_.back().get();
}

// A find that walks a large tree on a slow disk, or one of which most is excluded, may be silent
// for longer than a tar: how long the same tree took just now is known.
std::chrono::seconds PrecopyCapture::LongestQuiet() const {
  if (!down_) return kLongestQuiet;
  return std::max(context_.service.stall_timeout,
                  std::chrono::seconds(static_cast<int64_t>(2 * slowest_listing_)));
}

std::vector<const Layer*> PrecopyCapture::Layers() const {
  std::vector<const Layer*> layers;
  for (const auto& layer : layers_) layers.push_back(layer.get());
  return layers;
}

// One for each layer. A clock that was set back meanwhile must not make a change look old.
std::vector<std::optional<int64_t>> PrecopyCapture::SteadyBefore(const HostClock& now) const {
  std::vector<std::optional<int64_t>> steady;
  for (const auto& layer : layers_)
    steady.emplace_back(EarliestSeconds(layer->synced, now) - kClockSlack);
  for (size_t i = 0; i < EarlierLayers(); ++i) steady[i].reset();
  return steady;
}

Result<TarWords> PrecopyCapture::Fetch(RemoteHost& host, Layer& layer, const TarBatches& tars,
                                       const std::stop_token& stop) {
  TarWords said;
  if (tars.commands.empty()) return said;
  ArchiveWriterOptions options = context_.options.writer;
  options.entry = [&](const TarEntry& entry) -> Result<void> {
    last_.Set(entry.path);
    layer.AddEntry(entry);
    return {};
  };
  auto writer = ORCIO_TRY(
      ArchiveWriter::Create(context_.files, context_.repository,
                            fmt::format("{}.layer.{}", context_.name, layers_.size()), options));
  const auto begun = Clock::now();
  last_.Set({});
  auto fetched = FetchInto(*writer, host, tars, stop);
  if (!fetched) {
    const bool at_limit = fetched.error().kind == ErrorKind::kLimit;
    if (down_) gave_up_ = {std::move(writer), at_limit};
    return fetched;
  }
  said = *std::move(fetched);
  const uint64_t bytes = writer->tar_bytes();
  arrived_ += bytes;
  if (bytes >= kLeastToTime) bytes_a_second_ = static_cast<double>(bytes) / SecondsSince(begun);
  const TarSummary* summary = ORCIO_TRY(writer->Finish());
  ORCIO_TRY(writer->Describe({}));
  const uint64_t end_of_entries = summary->end_of_entries;
  const auto& made = layer_files_.emplace_back(ArchiveWriter::Release(std::move(writer)));
  layer.End(end_of_entries, made.archive_path(),
            ORCIO_TRY(Sidecar::Open(context_.files, made.sidecar_path())));
  return said;
}

Result<TarWords> PrecopyCapture::FetchInto(ArchiveWriter& writer, RemoteHost& host,
                                           const TarBatches& tars, const std::stop_token& stop) {
  TarWords all;
  std::optional<std::chrono::seconds> silence;
  if (down_) silence = context_.service.stall_timeout;
  TrailerSink trailer(writer, tars.trailer_bytes);
  for (const TarCommand& command : tars.commands) {
    ORCIO_TRY(trailer.NextTar());
    auto said = ORCIO_TRY(StreamTar(context_, host, command, trailer, writer, silence, stop));
    AddAll(all.warnings, std::move(said.warnings));
    AddAll(all.vanished, std::move(said.vanished));
  }
  ORCIO_TRY(trailer.End());
  std::sort(all.vanished.begin(), all.vanished.end());
  return all;
}

Result<void> PrecopyCapture::Collect(RemoteHost& host, std::optional<Clock::time_point> deadline,
                                     const std::stop_token& stop) {
  const auto begun = Clock::now();
  const auto layers = Layers();
  const HostClock synced = layers_.back()->synced;
  down_ = !context_.plan.stops.empty();
  Layer* cold = ORCIO_TRY(List(host, false, stop));
  scan_seconds_ = SecondsSince(begun);
  auto where = WhereHeld(cold->files(), layers, SteadyBefore(cold->synced), memory_);
  const auto order = ListingOrder(cold->files(), layers, memory_);
  const auto missing = MissingFiles(cold->files(), order, where, std::nullopt);
  if (deadline) ORCIO_TRY(CheckTime(missing.bytes, *deadline));
  auto said = ORCIO_TRY(Fetch(host, *cold, MakeTarBatches(context_.plan.tar, missing.names), stop));
  transfer_.cold_bytes = arrived_ - transfer_.warm_bytes;
  auto lost = ORCIO_TRY(TakeCold(*cold, said.vanished, where));
  AddAll(context_.facts.warnings, std::move(said.warnings));
  AddAll(context_.facts.warnings, std::move(lost));
  content_.emplace(LayeredFiles{cold->files(), order, where, Layers(),
                                EarliestSeconds(synced, cold->synced) - kClockSlack});
  return {};
}

// A transfer that cannot end in time is not begun: the service would be down for nothing.
Result<void> PrecopyCapture::CheckTime(uint64_t bytes, Clock::time_point deadline) const {
  const double left = std::chrono::duration<double>(deadline - Clock::now()).count();
  if (bytes_a_second_ == 0 || static_cast<double>(bytes) / bytes_a_second_ <= left) return {};
  return Fail(ErrorKind::kLimit,
              "{}: started again without an archive, for {} changed while it was read, and "
              "they would take {:.0f} s, longer than its max_downtime leaves: raise max_downtime, "
              "or exclude something",
              context_.service.name, FormatBytes(bytes),
              static_cast<double>(bytes) / bytes_a_second_);
}

// Lets `where` say what the cold layer, the last one, holds. A file that was listed and is nowhere
// is worth a warning if tar found it gone. If tar said nothing of it, it was not told to read it:
// its list of names comes by standard input, of which a start-up file of the login shell may have
// read before, and a tar that gets less, or nothing, is content.
Result<PrecopyCapture::Warnings> PrecopyCapture::TakeCold(const Layer& cold,
                                                          const std::vector<std::string>& vanished,
                                                          ScratchArray<uint8_t>& where) const {
  const HostListing& files = cold.files();
  const auto number = static_cast<uint8_t>(layers_.size() - 1);
  SomeFiles gone;
  SomeFiles passed_over;
  for (uint32_t i = 0; i < files.size(); ++i) {
    if (where[i] != kNowhere || !files.IsLast(i)) continue;
    if (cold.IsHeld(i)) {
      where[i] = number;
    } else if (std::binary_search(vanished.begin(), vanished.end(), files.Path(i), std::less<>())) {
      gone.Add(files.Path(i));
    } else {
      passed_over.Add(files.Path(i));
    }
  }
  if (!passed_over.empty()) return PassedOver(passed_over);
  if (gone.empty()) return Warnings{};
  return Warnings{fmt::format("{}: vanished before it was read{}", gone.first(), gone.more())};
}

Failure PrecopyCapture::PassedOver(const SomeFiles& files) const {
  return Fail(
      ErrorKind::kRemote,
      "{}: no archive, for tar on {} was to read {}{}, and neither did nor said why: `orcio "
      "check` tells whether a start-up file of the login shell there (~/.bashrc) takes "
      "away what is sent to a command's standard input",
      context_.service.name, context_.service.host, files.first(), files.more());
}

Result<const TarSummary*> PrecopyCapture::Finish() {
  assembly_ = ORCIO_TRY(LayerAssembly::Create(context_.files, context_.repository, context_.name,
                                              *content_, memory_));
  auto finished = assembly_->Finish();
  // Whatever is wrong with what earlier runs left: the next run does without it.
  if (!finished && finished.error().kind == ErrorKind::kDamaged && EarlierLayers() > 0) {
    Error error = std::move(finished).error();
    for (size_t i = 0; i < EarlierLayers(); ++i) {
      const auto& archive = layers_[i]->archive();
      error.message += "; the next run takes nothing over from " + archive.string();
      (void)context_.files.Remove(ListingPath(archive));
    }
    return Failure(std::move(error));
  }
  if (finished && compared_ != nullptr)
    warnings_ = ORCIO_TRY(SilentChanges(*content_, *compared_, memory_));
  return finished;
}

void PrecopyCapture::Report(RunFacts& facts) const {
  facts.transfer = transfer_;
  facts.transfer->full = !has_base_;
  facts.transfer->copied_bytes = assembly_->archive().copied_tar_bytes();
  for (size_t i = 0; i < EarlierLayers(); ++i)
    facts.transfer->reused_entries += assembly_->EntriesFrom(i);
  facts.warnings.insert(facts.warnings.end(), warnings_.begin(), warnings_.end());
}

Result<void> PrecopyCapture::Publish() {
  ORCIO_TRY(assembly_->archive().Publish());
  // The archive is there, with or without: the next run reads everything if it is missing.
  if (const auto written = assembly_->WriteListing(tar_, runs_since_full_); !written)
    context_.facts.warnings.push_back(written.error().message);
  return {};
}

void PrecopyCapture::Explain(Error& error) {
  if (!gave_up_.at_limit) return;
  error.message += last_.Told(*gave_up_.writer);
  gave_up_ = {};
}

// All that is known to be what the host has, but for what the last archive holds. Another listing
// says it: only one that was made after a file was read tells whether that was read under its own
// name (moved_files.h).
Result<bool> PrecopyCapture::Keep(RemoteHost& host, const std::stop_token& stop) {
  const auto fetched = [](const auto& layer) { return layer->sidecar() != nullptr; };
  for (const auto& layer : layers_)
    if (!fetched(layer)) layer->LetGo();
  auto layers = Layers();
  const auto own = layers.begin() + static_cast<std::ptrdiff_t>(EarlierLayers());
  if (std::none_of(own, layers.end(), fetched)) return has_kept_;
  const Layer& last = *ORCIO_TRY(List(host, false, stop));
  auto where = WhereHeld(last.files(), layers, SteadyBefore(last.synced), memory_);
  const auto order = ListingOrder(last.files(), layers, memory_);
  const std::string text = KeptText(tar_, has_base_ ? layers[0] : nullptr);
  if (has_base_) {
    layers.erase(layers.begin());
    for (uint8_t& layer : std::span(where.begin(), where.size()))
      if (layer != kNowhere) layer = layer == 0 ? kNowhere : static_cast<uint8_t>(layer - 1);
  }
  if (std::all_of(where.begin(), where.begin() + where.size(),
                  [](uint8_t layer) { return layer == kNowhere; }))
    return has_kept_;
  // WhereHeld has let none but steady files through.
  constexpr int64_t kEver = INT64_MAX;
  ORCIO_TRY(WriteKept(context_.files, context_.repository, context_.name,
                      {last.files(), order, where, layers, kEver}, context_.facts, text,
                      runs_since_full_, memory_));
  return true;
}

}  // namespace

std::unique_ptr<Capture> MakePrecopyCapture(const CaptureContext& context) {
  return std::make_unique<PrecopyCapture>(context);
}

}  // namespace orcio::inline archiver
