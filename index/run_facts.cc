#include "index/run_facts.h"

#include <nlohmann/json.hpp>

namespace orcio {
namespace {

using nlohmann::json;

// Takes `key` where it is there. Throws json::exception where it has another type: caught in
// ParseRunFacts, the one place where this library's exceptions become a Result.
template <class T>
void Take(const json& from, const char* key, T& into) {
  if (auto found = from.find(key); found != from.end()) found->get_to(into);
}

json ToObject(const Downtime& downtime) {
  return {{"stop", downtime.stop},
          {"stream", downtime.stream},
          {"start", downtime.start},
          {"seconds", downtime.total()}};
}

}  // namespace

std::string ToJson(const RunFacts& facts) {
  json object = {{"service", facts.service},     {"host", facts.host},
                 {"mode", facts.mode},           {"control", facts.control},
                 {"start", facts.start_seconds}, {"end", facts.end_seconds},
                 {"warnings", facts.warnings},   {"tools", facts.tools}};
  if (facts.downtime) object["downtime"] = ToObject(*facts.downtime);
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
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
    Take(object, "warnings", facts.warnings);
    Take(object, "tools", facts.tools);
    if (auto downtime = object.find("downtime"); downtime != object.end()) {
      facts.downtime.emplace();
      Take(*downtime, "stop", facts.downtime->stop);
      Take(*downtime, "stream", facts.downtime->stream);
      Take(*downtime, "start", facts.downtime->start);
    }
    return facts;
  } catch (const json::exception& exception) {
    return Fail(ErrorKind::kDamaged, "the run's facts: {}", exception.what());
  }
}

}  // namespace orcio
