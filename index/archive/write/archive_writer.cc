#include "index/archive/write/archive_writer.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "index/archive/write/member_pipeline.h"

namespace orcio::inline index {
namespace {

unsigned ThreadsOr(unsigned wanted) {
  return wanted > 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

struct ArchiveWriter::State {
  State(ArchiveFiles made, const ArchiveWriterOptions& options)
      : files(std::move(made)),
        pipeline(files.archive(), files.name(), ThreadsOr(options.threads),
                 options.max_bytes_in_flight, files.directory(), options.entry) {}

  ArchiveFiles files;
  MemberPipeline pipeline;
  std::atomic<uint64_t> tar_bytes = 0;
  bool finished = false;
};

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Create(const FileSystem& files,
                                                             const std::filesystem::path& directory,
                                                             std::string name,
                                                             const ArchiveWriterOptions& options) {
  auto made = ORCIO_TRY(ArchiveFiles::Create(files, directory, std::move(name)));
  auto state = std::make_unique<State>(std::move(made), options);
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
  if (!state.finished)
    return Fail(ErrorKind::kInvalid, "{}: described before it is finished", state.files.name());
  return state.files.Describe(state.pipeline.builder(), state.pipeline.archive_bytes(),
                              state.pipeline.sha256(), state.pipeline.spans(),
                              state.pipeline.summary(), facts);
}

void ArchiveWriter::Stop() {
  state_->pipeline.Stop();
}

Result<void> ArchiveWriter::Sync() {
  return state_->files.Sync();
}
Result<void> ArchiveWriter::Publish() {
  return state_->files.Publish(false);
}
Result<void> ArchiveWriter::PublishOver() {
  return state_->files.Publish(true);
}

ArchiveFiles ArchiveWriter::Release(std::unique_ptr<ArchiveWriter> writer) {
  return std::move(writer->state_->files);
}
uint64_t ArchiveWriter::tar_bytes() const {
  return state_->tar_bytes;
}
uint64_t ArchiveWriter::archive_bytes() const {
  return state_->pipeline.archive_bytes();
}

}  // namespace orcio::inline index
