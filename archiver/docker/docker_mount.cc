#include "archiver/docker/docker_mount.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace orcio::inline archiver {
namespace {

std::string MountText(const nlohmann::json& mount, const char* key) {
  const auto found = mount.find(key);
  return found != mount.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<DockerMount> ParseMount(const nlohmann::json& json) {
  if (!json.is_object()) return {};
  const std::string type = MountText(json, "Type");
  // tmpfs, named pipes, images: nothing that stays.
  if (type != "bind" && type != "volume") return {};
  DockerMount mount;
  if (type == "volume") mount.volume = MountText(json, "Name");
  mount.source = MountText(json, "Source");
  mount.destination = MountText(json, "Destination");
  const auto writable = json.find("RW");
  mount.writable = writable == json.end() || !writable->is_boolean() || writable->get<bool>();
  if (!mount.source.starts_with('/')) return {};
  return mount;
}

}  // namespace

std::vector<DockerMount> ParseDockerMounts(const nlohmann::json& mounts) {
  std::vector<DockerMount> parsed;
  if (!mounts.is_array()) return parsed;
  for (const auto& mount : mounts) {
    if (auto one = ParseMount(mount)) parsed.push_back(std::move(*one));
  }
  return parsed;
}

}  // namespace orcio::inline archiver
