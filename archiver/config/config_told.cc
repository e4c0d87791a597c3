#include "archiver/config/config_told.h"

#include <array>

#include "archiver/local/mail.h"
#include "archiver/local/ping.h"
#include "base/text/safe_text.h"

namespace orcio::inline archiver {
namespace {

Result<std::string> ReadHook(const ConfigValue& value) {
  auto command = ORCIO_TRY(ReadCommand(value));
  return command == "none" ? std::string() : command;
}

Result<std::chrono::seconds> ReadHookTimeout(const ConfigValue& value) {
  constexpr std::chrono::seconds kLongest{3600};
  const auto timeout = ORCIO_TRY(ReadDuration(value));
  if (timeout <= kLongest) return timeout;
  return FailValue(value, "must be at most 1h: the next service of that host waits for a hook");
}

}  // namespace

Result<HookConfig> ReadHooks(const ConfigValue& value, HookConfig defaults) {
  HookConfig hooks = std::move(defaults);
  const std::array fields = {
      Into("start", hooks.start, ReadHook), Into("success", hooks.success, ReadHook),
      Into("warning", hooks.warning, ReadHook), Into("failure", hooks.failure, ReadHook),
      Into("timeout", hooks.timeout, ReadHookTimeout)};
  ORCIO_TRY(ReadFields(value, fields));
  return hooks;
}

Result<std::string> ReadPing(const ConfigValue& value) {
  if (value.node.kind == YamlNode::Kind::kText && HasControl(value.node.text))
    return FailValue(value, "holds a control character");
  auto url = ORCIO_TRY(ReadText(value));
  if (const auto sound = CheckPingUrl(url); !sound)
    return FailValue(value, "{}", sound.error().message);
  return url;
}

Result<std::string> ReadMail(const ConfigValue& value) {
  auto address = ORCIO_TRY(ReadText(value));
  if (IsMailAddress(address)) return address;
  return FailValue(value,
                   "{} is neither a user nor an address; write one, such as root or "
                   "ada@example.org",
                   Quoted(address));
}

}  // namespace orcio::inline archiver
