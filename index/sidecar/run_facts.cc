#include "index/sidecar/run_facts.h"

#include <nlohmann/json.hpp>

namespace orcio::inline index {
namespace {

using nlohmann::json;

// Takes `key` if it is there. Throws json::exception if it has another type: caught in
// ParseRunFacts, the one place where this library's exceptions become a Result.
template <class T>
void Take(const json& from, const char* key, T& into) {
  if (auto found = from.find(key); found != from.end()) found->get_to(into);
}

// No conversion: of a number beyond what fits, none is defined.
void Take(const json& from, const char* key, int64_t& into) {
  if (auto found = from.find(key); found != from.end())
    into = found->get_ref<const json::number_integer_t&>();
}
void Take(const json& from, const char* key, uint64_t& into) {
  if (auto found = from.find(key); found != from.end())
    into = found->get_ref<const json::number_unsigned_t&>();
}

// The object at `key`; nothing if there is none.
const json* FindObject(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end()) return nullptr;
  static_cast<void>(found->get_ref<const json::object_t&>());
  return &*found;
}

void Take(const json& from, const char* key, std::optional<Downtime>& into) {
  const json* const object = FindObject(from, key);
  if (object == nullptr) return;
  Downtime& downtime = into.emplace();
  Take(*object, "stop", downtime.stop);
  Take(*object, "scan", downtime.scan);
  Take(*object, "stream", downtime.stream);
  Take(*object, "start", downtime.start);
  if (object->contains("not_running")) Take(*object, "not_running", downtime.not_running.emplace());
}

void Take(const json& from, const char* key, std::optional<TransferFacts>& into) {
  const json* const object = FindObject(from, key);
  if (object == nullptr) return;
  TransferFacts& transfer = into.emplace();
  Take(*object, "full", transfer.full);
  Take(*object, "warm_bytes", transfer.warm_bytes);
  Take(*object, "cold_bytes", transfer.cold_bytes);
  Take(*object, "copied_bytes", transfer.copied_bytes);
  Take(*object, "reused_entries", transfer.reused_entries);
}

void Take(const json& from, const char* key, std::optional<WireFacts>& into) {
  const json* const object = FindObject(from, key);
  if (object == nullptr) return;
  WireFacts& wire = into.emplace();
  Take(*object, "packer", wire.packer);
  Take(*object, "bytes", wire.bytes);
}

void Take(const json& from, const char* key, std::optional<ArchiveSize>& into) {
  const json* const object = FindObject(from, key);
  if (object == nullptr) return;
  ArchiveSize& size = into.emplace();
  Take(*object, "tar_bytes", size.tar_bytes);
  Take(*object, "entries", size.entries);
}

// One JSON value that holds no other: taking one apart that does wants memory, and ends the program
// if there is none.
template <class T>
std::string Plain(const T& value) {
  return json(value).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string Joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

template <class T>
std::string Member(std::string_view key, const T& value) {
  return Plain(key) + ":" + Plain(value);
}

std::string ToObject(const Downtime& downtime) {
  std::vector<std::string> members;
  if (downtime.not_running) members.push_back(Member("not_running", *downtime.not_running));
  members.insert(members.end(), {Member("scan", downtime.scan), Member("seconds", downtime.total()),
                                 Member("start", downtime.start), Member("stop", downtime.stop),
                                 Member("stream", downtime.stream)});
  return "{" + Joined(members) + "}";
}

std::string ToObject(const TransferFacts& transfer) {
  return "{" +
         Joined({Member("cold_bytes", transfer.cold_bytes),
                 Member("copied_bytes", transfer.copied_bytes), Member("full", transfer.full),
                 Member("reused_entries", transfer.reused_entries),
                 Member("warm_bytes", transfer.warm_bytes)}) +
         "}";
}

std::string ToObject(const WireFacts& wire) {
  return "{" + Joined({Member("bytes", wire.bytes), Member("packer", wire.packer)}) + "}";
}

std::string ToObject(const ArchiveSize& size) {
  return "{" + Joined({Member("entries", size.entries), Member("tar_bytes", size.tar_bytes)}) + "}";
}

}  // namespace

std::string ToJson(const RunFacts& facts) {
  std::vector<std::string> warnings;
  for (const std::string& warning : facts.warnings) warnings.push_back(Plain(warning));
  std::vector<std::string> tools;
  for (const auto& [tool, version] : facts.tools) tools.push_back(Member(tool, version));
  std::vector<std::string> mounts;
  for (const std::string& mount : facts.mounts) mounts.push_back(Plain(mount));
  std::vector<std::string> members{Member("control", facts.control)};
  if (facts.downtime) members.push_back("\"downtime\":" + ToObject(*facts.downtime));
  members.insert(members.end(), {Member("end", facts.end_seconds), Member("host", facts.host),
                                 Member("mode", facts.mode)});
  if (!mounts.empty()) members.push_back("\"mounts\":[" + Joined(mounts) + "]");
  members.push_back(Member("service", facts.service));
  if (facts.shrunk_from) members.push_back("\"shrunk_from\":" + ToObject(*facts.shrunk_from));
  if (facts.size_accepted) members.push_back(Member("size_accepted", true));
  members.insert(members.end(),
                 {Member("start", facts.start_seconds), "\"tools\":{" + Joined(tools) + "}"});
  if (facts.transfer) members.push_back("\"transfer\":" + ToObject(*facts.transfer));
  members.push_back("\"warnings\":[" + Joined(warnings) + "]");
  if (facts.wire) members.push_back("\"wire\":" + ToObject(*facts.wire));
  return "{" + Joined(members) + "}";
}

Result<RunFacts> ParseRunFacts(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return Fail(ErrorKind::kDamaged, "the run's facts are no JSON object");
  try {
    RunFacts facts;
    Take(object, "service", facts.service);
    Take(object, "host", facts.host);
    Take(object, "mode", facts.mode);
    Take(object, "control", facts.control);
    Take(object, "start", facts.start_seconds);
    Take(object, "end", facts.end_seconds);
    Take(object, "mounts", facts.mounts);
    Take(object, "warnings", facts.warnings);
    Take(object, "tools", facts.tools);
    Take(object, "downtime", facts.downtime);
    Take(object, "transfer", facts.transfer);
    Take(object, "wire", facts.wire);
    Take(object, "shrunk_from", facts.shrunk_from);
    Take(object, "size_accepted", facts.size_accepted);
    return facts;
  } catch (const json::exception& exception) {
    return Fail(ErrorKind::kDamaged, "the run's facts: {}", exception.what());
  }
}

}  // namespace orcio::inline index
