#include "archiver/outcome/json_text.h"

#include "archiver/outcome/service_outcome.h"
#include "base/text/base64.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {

void AddPath(nlohmann::json& object, std::string_view path) {
  object["path"] = path;
  if (!IsUtf8(path)) object["path_base64"] = Base64(path);
}

std::string Dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json ToJson(const Downtime& downtime) {
  nlohmann::json object{{"seconds", downtime.total()},
                        {"stop", downtime.stop},
                        {"scan", downtime.scan},
                        {"stream", downtime.stream},
                        {"start", downtime.start}};
  if (downtime.not_running) object["not_running"] = *downtime.not_running;
  return object;
}

nlohmann::json ToJson(const TransferFacts& transfer) {
  return {{"full", transfer.full},
          {"warm_bytes", transfer.warm_bytes},
          {"cold_bytes", transfer.cold_bytes},
          {"copied_bytes", transfer.copied_bytes},
          {"reused_entries", transfer.reused_entries}};
}

nlohmann::json ToJson(const WireFacts& wire) {
  return {{"packer", wire.packer}, {"bytes", wire.bytes}};
}

nlohmann::json ToJson(const Verification& verification) {
  const auto run = [](const VerificationRun& of) {
    return nlohmann::json{{"seconds", of.seconds}, {"damages", of.damages}};
  };
  nlohmann::json object = {{"seconds", verification.seconds()},
                           {"damages", verification.damages()}};
  if (verification.full) object["full"] = run(*verification.full);
  if (verification.quick) object["quick"] = run(*verification.quick);
  return object;
}

nlohmann::json ToJson(const ServiceOutcome& outcome) {
  nlohmann::json object = {{"type", "service"},
                           {"service", outcome.service},
                           {"host", outcome.host},
                           {"done", !outcome.error && !outcome.start_error},
                           {"running", !outcome.start_error},
                           {"mode", outcome.facts.mode},
                           {"seconds", outcome.seconds},
                           {"warnings", outcome.facts.warnings}};
  if (outcome.error) object["error"] = outcome.error->message;
  if (outcome.start_error) object["start_error"] = outcome.start_error->message;
  if (outcome.hook_error) object["hook_error"] = outcome.hook_error->message;
  if (outcome.ping_error) object["ping_error"] = outcome.ping_error->message;
  if (outcome.facts.downtime) object["downtime"] = ToJson(*outcome.facts.downtime);
  if (outcome.facts.transfer) object["transfer"] = ToJson(*outcome.facts.transfer);
  if (outcome.facts.wire) object["wire"] = ToJson(*outcome.facts.wire);
  if (!outcome.archive.empty()) {
    AddPath(object, outcome.archive.string());
    object["bytes"] = outcome.archive_bytes;
    object["tar_bytes"] = outcome.tar_bytes;
    object["entries"] = outcome.entries;
  }
  return object;
}

}  // namespace orcio::inline archiver
