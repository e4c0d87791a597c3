#include "archiver/docker/docker_json.h"

#include <nlohmann/json.hpp>

namespace orcio::inline archiver {
namespace {

using Json = nlohmann::json;

Json ToJson(const DockerContainer& container) {
  Json json{{"id", container.id},
            {"name", container.name},
            {"image", container.image},
            {"created", container.created},
            {"status", container.status},
            {"health", container.health},
            {"service", container.service},
            {"number", container.number},
            {"directory", container.working_directory},
            {"files", container.config_files},
            {"environment_files", container.environment_files},
            {"started", container.started_at}};
  if (!container.depends_on) return json;
  json["depends_on"] = Json::array();
  for (const auto& dependency : *container.depends_on) {
    json["depends_on"].push_back(
        {{"service", dependency.service}, {"healthy", dependency.healthy}});
  }
  return json;
}

// These throw what Json throws for a missing or mistyped field.
DockerContainer ContainerOf(const Json& json) {
  DockerContainer container;
  container.id = json.at("id").get<std::string>();
  container.name = json.at("name").get<std::string>();
  container.image = json.value("image", std::string());
  container.created = json.at("created").get<std::string>();
  container.status = json.at("status").get<std::string>();
  container.health = json.at("health").get<std::string>();
  container.service = json.at("service").get<std::string>();
  container.number = json.at("number").get<std::string>();
  container.working_directory = json.at("directory").get<std::string>();
  container.started_at = json.value("started", std::string());
  container.config_files = json.value("files", std::vector<std::string>());
  container.environment_files = json.value("environment_files", std::vector<std::string>());
  if (!json.contains("depends_on")) return container;
  container.depends_on.emplace();
  for (const auto& dependency : json["depends_on"]) {
    container.depends_on->push_back(
        {dependency.at("service").get<std::string>(), dependency.at("healthy").get<bool>()});
  }
  return container;
}

Containers ContainersOf(const Json& json) {
  Containers containers;
  for (const auto& item : json) containers.push_back(ContainerOf(item));
  return containers;
}

Json ToJson(const Containers& containers) {
  Json json = Json::array();
  for (const auto& container : containers) json.push_back(ToJson(container));
  return json;
}

std::string Written(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string ContainersToJson(const std::vector<DockerContainer>& containers) {
  return Written(ToJson(containers));
}

std::string ProjectToJson(const KnownProject& project) {
  if (!project.ids) return ContainersToJson(project.running);
  return Written({{"running", ToJson(project.running)}, {"ids", *project.ids}});
}

Result<KnownProject> ProjectFromJson(const std::string& text) {
  KnownProject project;
  try {
    const Json json = Json::parse(text);
    project.running = ContainersOf(json.is_object() ? json.at("running") : json);
    if (json.is_object()) project.ids = json.at("ids").get<std::set<std::string>>();
  } catch (const Json::exception& exception) {
    return Fail(ErrorKind::kDamaged, "{}", exception.what());
  }
  return project;
}

Result<std::vector<DockerContainer>> ContainersFromJson(const std::string& json) {
  try {
    return ContainersOf(Json::parse(json));
  } catch (const Json::exception& exception) {
    return Fail(ErrorKind::kDamaged, "{}", exception.what());
  }
}

}  // namespace orcio::inline archiver
