#include "index/verify/own_check.h"

#include <algorithm>
#include <utility>

#include "index/rebuild/indexed_archive.h"
#include "index/rebuild/rebuild.h"

namespace orcio::inline index {
namespace {

constexpr size_t kMostTold = 3;  // of what else is wrong

// Lost spans one after another are one damage.
std::vector<ArchiveDamage> LostStretches(const IndexedArchive& indexed) {
  std::vector<ArchiveDamage> lost;
  uint64_t end = 0;
  for (size_t i = 0; i < indexed.starts.size(); ++i) {
    if (indexed.starts[i].kind != SpanStart::Kind::kLost) continue;
    const Span& span = indexed.spans[i];
    if (lost.empty() || end != span.tar_offset)
      lost.push_back({.archive_offset = span.archive_offset, .tar_offset = span.tar_offset});
    end = span.tar_offset + span.tar_bytes;
    lost.back().archive_bytes =
        span.archive_offset + span.archive_bytes - lost.back().archive_offset;
    lost.back().tar_bytes = end - lost.back().tar_offset;
  }
  return lost;
}

// What was said of a stretch, which is taken from `texts`.
std::string WordsFor(const ArchiveDamage& damage, const std::string& name,
                     std::vector<std::string>& texts) {
  std::string place = fmt::format("{} at offset {}: ", name, damage.archive_offset);
  const auto said = std::find_if(texts.begin(), texts.end(),
                                 [&](const auto& text) { return text.starts_with(place); });
  if (said == texts.end()) return place + "what is there is damaged or in doubt";
  std::string words = std::move(*said);
  texts.erase(said);
  return words;
}

// One damage for all that is no stretch of the archive.
ArchiveDamage NotWhole(const IndexedArchive& indexed, const std::string& name,
                       const std::vector<std::string>& texts) {
  std::string message = name + ": the tar is not whole";
  for (size_t i = 0; i < std::min(texts.size(), kMostTold); ++i)
    message += (i == 0 ? ": " : "; ") + texts[i];
  if (texts.size() > kMostTold) message += fmt::format("; and {} more", texts.size() - kMostTold);
  return {.tar_offset = indexed.summary.end_of_entries, .message = std::move(message)};
}

}  // namespace

Result<std::vector<ArchiveDamage>> CheckOwnBytes(const FileSystem& files,
                                                 const RandomAccess& archive,
                                                 const std::string& name,
                                                 const std::filesystem::path& sidecar,
                                                 const VerifyOptions& options,
                                                 const std::stop_token& stop) {
  RebuildOptions reading;
  reading.threads = options.threads;
  reading.progress = options.progress;
  const auto indexed = IndexWhole(files, archive, name, sidecar, reading, stop);
  if (!indexed) {
    if (indexed.error().kind != ErrorKind::kDamaged) return Failure(indexed.error());
    return std::vector<ArchiveDamage>{{.message = indexed.error().message}};
  }
  std::vector<ArchiveDamage> damages = LostStretches(**indexed);
  std::vector<std::string> texts = (*indexed)->summary.warnings;
  for (ArchiveDamage& damage : damages) damage.message = WordsFor(damage, name, texts);
  if (damages.empty() && !(*indexed)->summary.whole())
    damages.push_back(NotWhole(**indexed, name, texts));
  return damages;
}

}  // namespace orcio::inline index
