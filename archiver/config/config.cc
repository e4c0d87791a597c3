#include "archiver/config/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "archiver/config/config_reader.h"
#include "archiver/config/config_service.h"
#include "archiver/config/config_told.h"
#include "base/unique_fd.h"

namespace orcio::inline archiver {
namespace {

constexpr size_t kMaxFile = size_t{1} << 20;

constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

bool HoldsOnly(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return kNameCharacters.find(c) != std::string_view::npos || more.find(c) != more.npos;
  });
}

// A host name, an alias of ~/.ssh/config, or an IP address; never something ssh takes for an
// option.
Result<std::string> ReadAddress(const ConfigValue& value) {
  constexpr size_t kLongest = 255;
  auto address = ORCIO_TRY(ReadText(value));
  if (address.find('@') != std::string::npos) {
    return FailValue(value, "{} holds a user; write that as `user:`", Quoted(address));
  }
  if (std::count(address.begin(), address.end(), ':') == 1) {
    return FailValue(value, "{} holds a port; write that as `port:`", Quoted(address));
  }
  if (address.front() == '-' || address.size() > kLongest || !HoldsOnly(address, ":%")) {
    return FailValue(value, "{} is no host name or IP address", Quoted(address));
  }
  return address;
}

Result<std::string> ReadUser(const ConfigValue& value) {
  constexpr size_t kLongest = 64;
  auto user = ORCIO_TRY(ReadText(value));
  if (user.front() == '-' || user.size() > kLongest || !HoldsOnly(user, "@+$")) {
    return FailValue(value, "{} is no user name", Quoted(user));
  }
  return user;
}

Result<uint16_t> ReadPort(const ConfigValue& value) {
  return static_cast<uint16_t>(ORCIO_TRY(ReadNumber(value, 1, 65535)));
}

// In the order of Transport.
Result<Transport> ReadTransport(const ConfigValue& value) {
  constexpr std::array<std::string_view, 2> kTransports{"libssh", "ssh"};
  return static_cast<Transport>(ORCIO_TRY(ReadChoice(value, kTransports)));
}

// A directory of PATH, which separates them by colons.
Result<std::string> ReadProgramDirectory(const ConfigValue& value) {
  auto directory = ORCIO_TRY(ReadAbsolutePath(value));
  if (directory.find(':') == std::string::npos) return directory;
  return FailValue(value, "{} holds a colon; write one directory an item, as in [/opt/bin, /x/bin]",
                   Quoted(directory));
}

Result<std::vector<std::string>> ReadProgramDirectories(const ConfigValue& value) {
  std::vector<std::string> directories;
  for (const auto& item : ORCIO_TRY(ReadItems(value)))
    directories.push_back(ORCIO_TRY(ReadProgramDirectory(item)));
  return directories;
}

// docker itself looks for its parts by that name, and so does the guard.
Result<std::filesystem::path> ReadDocker(const ConfigValue& value) {
  std::filesystem::path program = ORCIO_TRY(ReadProgramDirectory(value));
  if (program.filename() == "docker" && program.has_parent_path() && program != "/docker")
    return program;
  return FailValue(value,
                   "{} must be the path of a program called docker on the host, such as "
                   "/opt/bin/docker; give another one a link of that name",
                   Quoted(program.string()));
}

Result<HostConfig> ReadHost(const NamedValue& named) {
  HostConfig host;
  host.name = named.key;
  host.address = named.key;
  if (named.value.node.kind == YamlNode::Kind::kNull) return host;  // `atena:`, all by default
  const std::array fields = {Into("address", host.address, ReadAddress),
                             Into("port", host.port, ReadPort),
                             Into("user", host.user, ReadUser),
                             Into("identity", host.identity, ReadHomePath),
                             Into("known_hosts", host.known_hosts, ReadHomePath),
                             Into("proxy_command", host.proxy_command, ReadText),
                             Into("transport", host.transport, ReadTransport),
                             Into("sudo", host.sudo, ReadBool),
                             Into("docker", host.docker, ReadDocker),
                             Into("docker_socket", host.docker_socket, ReadAbsolutePath),
                             Into("path", host.path, ReadProgramDirectories),
                             Into("connect_timeout", host.connect_timeout, ReadDuration)};
  ORCIO_TRY(ReadFields(named.value, fields));
  return host;
}

Result<Config> ReadConfig(const YamlNode& root) {
  Config config;
  std::vector<NamedValue> hosts, services;
  const auto read_hooks = [](const ConfigValue& v) { return ReadHooks(v, {}); };
  const std::array fields = {Into("repository", config.repository, ReadAbsolutePath),
                             Into("hosts", hosts, ReadNamed),
                             Into("services", services, ReadNamed),
                             Into("hooks", config.hooks, read_hooks),
                             Into("ping", config.ping, ReadPing),
                             Into("mail", config.mail, ReadMail),
                             Into("prune", config.prune, ReadBool)};
  if (root.kind == YamlNode::Kind::kNull) {
    return FailAt({}, "the configuration is empty; it needs `repository:` at least");
  }
  if (root.kind != YamlNode::Kind::kMap) {
    return FailAt(root.at, "the configuration must be a map of keys, starting with `repository:`");
  }
  ORCIO_TRY(ReadFields(ConfigValue{root, ""}, fields));
  if (config.repository.empty()) {
    return FailAt(root.at, "there is no `repository:`; add it, e.g. repository: /srv/backups");
  }
  // Services last, wherever they stand in the file: they refer to hosts, and hooks apply to them.
  for (const auto& named : hosts) config.hosts[named.key] = ORCIO_TRY(ReadHost(named));
  for (const auto& named : services) {
    config.services.push_back(ORCIO_TRY(ReadService(named, config.hosts, config.hooks)));
  }
  return config;
}

// Reads until the end: what a shell passes as <(...) has no size.
Result<std::string> ReadFile(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) {
    return Failure(Error{ErrorKind::kNotFound, ENOENT,
                         fmt::format("{}: no such configuration; write it (see orcio.yaml(5)), or "
                                     "name another with --config",
                                     path.string())});
  }
  if (!fd.valid()) return FailErrno(errno, fmt::format("{}: cannot open", path.string()));
  std::string text(kMaxFile + 1, '\0');
  size_t used = 0;
  while (used < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, fmt::format("{}: cannot read", path.string()));
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  text.resize(used);
  return text;
}

}  // namespace

const ServiceConfig* Config::FindService(std::string_view name) const {
  const auto found =
      std::find_if(services.begin(), services.end(),
                   [&](const ServiceConfig& service) { return service.name == name; });
  return found == services.end() ? nullptr : &*found;
}

Result<Config> ParseConfig(std::string_view yaml, const std::string& file_name) {
  if (yaml.size() > kMaxFile) {
    return Fail(ErrorKind::kInvalid, "{}:1:1: is larger than 1 MiB", file_name);
  }
  const auto read = [&]() -> Result<Config> {
    return ReadConfig(*ORCIO_TRY(ParseYaml(std::string(yaml))));
  };
  auto config = read();
  if (!config) config.error().message = file_name + ":" + config.error().message;
  return config;
}

Result<Config> LoadConfig(const std::filesystem::path& path) {
  return ParseConfig(ORCIO_TRY(ReadFile(path)), path.string());
}

}  // namespace orcio::inline archiver
