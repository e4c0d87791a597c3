#include "index/verify/verification.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "index/files/part_file.h"
#include "index/sidecar/sidecar_ending.h"

namespace orcio::inline index {
namespace {

constexpr uint64_t kMaxBytes = 4096;

nlohmann::json RunToJson(const VerificationRun& run) {
  return {{"seconds", run.seconds}, {"damages", run.damages}};
}

// Nothing if it makes no sense.
std::optional<VerificationRun> RunOf(const nlohmann::json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto seconds = json.find("seconds");
  const auto damages = json.find("damages");
  if (seconds == json.end() || !seconds->is_number_integer() || damages == json.end() ||
      !damages->is_number_unsigned())
    return std::nullopt;
  return VerificationRun{seconds->get<int64_t>(), damages->get<uint64_t>()};
}

// As RunOf, of a member that may be missing; `sound` becomes false if it makes no sense.
std::optional<VerificationRun> MemberOf(const nlohmann::json& json, const char* key, bool& sound) {
  const auto member = json.find(key);
  if (member == json.end()) return std::nullopt;
  auto run = RunOf(*member);
  sound = sound && run.has_value();
  return run;
}

// Nothing if it makes no sense, or is of another archive file.
std::optional<Verification> ParseVerification(std::string_view text,
                                              const Sha256Digest& archive_sha256) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto sha256 = json.find("sha256");
  if (sha256 == json.end() || !sha256->is_string() ||
      sha256->get<std::string>() != ToHex(archive_sha256))
    return std::nullopt;
  Verification verification{archive_sha256, std::nullopt, std::nullopt};
  bool sound = true;
  if (const auto read_data = json.find("read_data"); read_data != json.end()) {
    // As it once was: of the last verification alone, of whichever kind.
    if (!read_data->is_boolean()) return std::nullopt;
    (read_data->get<bool>() ? verification.full : verification.quick) = RunOf(json);
  } else {
    verification.full = MemberOf(json, "full", sound);
    verification.quick = MemberOf(json, "quick", sound);
  }
  if (!sound || (!verification.full && !verification.quick)) return std::nullopt;
  return verification;
}

std::string ToText(const Verification& verification) {
  nlohmann::json json = {{"sha256", ToHex(verification.archive_sha256)}};
  if (verification.full) json["full"] = RunToJson(*verification.full);
  if (verification.quick) json["quick"] = RunToJson(*verification.quick);
  return json.dump() + "\n";
}

}  // namespace

uint64_t Verification::damages() const {
  return std::max(full ? full->damages : 0, quick ? quick->damages : 0);
}

int64_t Verification::seconds() const {
  if (!full || !quick) return full ? full->seconds : quick ? quick->seconds : 0;
  return std::max(full->seconds, quick->seconds);
}

std::filesystem::path VerificationPath(const std::filesystem::path& sidecar) {
  std::string name = sidecar.filename().string();
  if (name.ends_with(kSidecarEnding)) name.resize(name.size() - kSidecarEnding.size());
  return sidecar.parent_path() / ("." + name + ".verified");
}

Result<void> RecordVerification(const FileSystem& files, const std::filesystem::path& sidecar,
                                const Sha256Digest& archive_sha256, bool read_data,
                                const VerificationRun& run) {
  const auto path = VerificationPath(sidecar);
  Verification verification{archive_sha256, std::nullopt, std::nullopt};
  if (read_data) {
    verification.full = run;
  } else {
    const auto bytes = ReadWholeFile(files, path, kMaxBytes);
    if (!bytes && bytes.error().errnum != 0 && bytes.error().errnum != ENOENT)
      return Failure(bytes.error());
    if (bytes)
      verification = ParseVerification(AsText(*bytes), archive_sha256).value_or(verification);
    verification.quick = run;
  }
  const std::filesystem::path part_path = path.string() + ".part";
  // What an interrupted run left behind.
  ORCIO_TRY(files.Remove(part_path));
  auto part = ORCIO_TRY(PartFile::Create(files, part_path));
  ORCIO_TRY(part.file().Append(AsBytes(ToText(verification))));
  ORCIO_TRY(part.MoveOnto(path));
  part.Keep();
  return {};
}

std::optional<Verification> LastVerification(const FileSystem& files,
                                             const std::filesystem::path& sidecar,
                                             const Sha256Digest& archive_sha256) {
  const auto bytes = ReadWholeFile(files, VerificationPath(sidecar), kMaxBytes);
  return bytes ? ParseVerification(AsText(*bytes), archive_sha256) : std::nullopt;
}

}  // namespace orcio::inline index
