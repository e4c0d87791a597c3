#include "index/archive_writer.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "index/member_pipeline.h"
#include "index/part_file.h"

namespace orcio {
namespace {

std::filesystem::path PartPath(const std::filesystem::path& directory, const std::string& name) {
  return directory / ("." + name + ".part");
}

unsigned ThreadsOr(unsigned wanted) {
  return wanted > 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

struct ArchiveWriter::State {
  State(const FileSystem& file_system, std::filesystem::path into, std::string final_name,
        PartFile part, const ArchiveWriterOptions& options)
      : files(file_system),
        directory(std::move(into)),
        name(std::move(final_name)),
        archive(std::move(part)),
        pipeline(archive.file(), name, ThreadsOr(options.threads), options.max_bytes_in_flight) {}

  Result<void> GiveFinalNames();

  const FileSystem& files;
  const std::filesystem::path directory;
  const std::string name;
  PartFile archive;
  std::optional<PartFile> sidecar;
  MemberPipeline pipeline;
  std::atomic<uint64_t> tar_bytes = 0;
  bool finished = false;
  bool described = false;
};

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Create(const FileSystem& files,
                                                             const std::filesystem::path& directory,
                                                             std::string name,
                                                             const ArchiveWriterOptions& options) {
  auto part = ORCIO_TRY(PartFile::Create(files, PartPath(directory, name)));
  auto state = std::make_unique<State>(files, directory, std::move(name), std::move(part), options);
  return std::unique_ptr<ArchiveWriter>(new ArchiveWriter(std::move(state)));
}

ArchiveWriter::ArchiveWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveWriter::~ArchiveWriter() = default;

Result<std::span<std::byte>> ArchiveWriter::Buffer() {
  return state_->pipeline.Buffer();
}

Result<void> ArchiveWriter::Commit(size_t bytes) {
  ORCIO_TRY(state_->pipeline.Commit(bytes));
  state_->tar_bytes += bytes;
  return {};
}

Result<const TarSummary*> ArchiveWriter::Finish() {
  if (!state_->finished) ORCIO_TRY(state_->pipeline.Finish());
  state_->finished = true;
  return &state_->pipeline.summary();
}

Result<void> ArchiveWriter::Describe(const RunFacts& facts) {
  State& state = *state_;
  if (!state.finished || state.sidecar)
    return Fail(ErrorKind::kInvalid, "{}: described before it is finished, or twice", state.name);
  ArchiveIdentity identity;
  identity.bytes = state.pipeline.archive_bytes();
  identity.sha256 = state.pipeline.sha256();
  const auto archive = ORCIO_TRY(state.files.OpenRead(state.archive.path()));
  identity.edges_sha256 = ORCIO_TRY(DigestEdges(*archive));
  state.sidecar.emplace(
      ORCIO_TRY(PartFile::Create(state.files, PartPath(state.directory, state.name + ".idx"))));
  ORCIO_TRY(state.pipeline.builder().Write(state.sidecar->file(), identity, state.pipeline.spans(),
                                           state.pipeline.summary(), facts));
  state.described = true;
  return {};
}

Result<void> ArchiveWriter::Publish() {
  State& state = *state_;
  if (!state.described)
    return Fail(ErrorKind::kInvalid, "{}: published before it is described", state.name);
  ORCIO_TRY(state.archive.file().Sync());
  ORCIO_TRY(state.sidecar->file().Sync());
  if (auto named = state.GiveFinalNames(); !named) {
    state.archive.Discard();
    state.sidecar->Discard();
    return named;
  }
  state.archive.Keep();
  state.sidecar->Keep();
  return {};
}

// The sidecar first: whoever sees the archive finds its sidecar, too.
Result<void> ArchiveWriter::State::GiveFinalNames() {
  ORCIO_TRY(sidecar->MoveTo(directory / (name + ".idx")));
  ORCIO_TRY(archive.MoveTo(directory / name));
  return files.SyncDirectory(directory);
}

uint64_t ArchiveWriter::tar_bytes() const {
  return state_->tar_bytes;
}
uint64_t ArchiveWriter::archive_bytes() const {
  return state_->pipeline.archive_bytes();
}

}  // namespace orcio
