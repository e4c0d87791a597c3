#include "tests/support/services/fake_docker.h"

#include <algorithm>
#include <stdexcept>

#include "base/text/words.h"

namespace orcio::test {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

CommandResult Printed(std::string out) {
  CommandResult result;
  result.out = std::move(out);
  return result;
}

std::string Label(const std::string& name, const std::string& value) {
  return "\"com.docker.compose." + name + "\":\"" + value + "\"";
}

std::string Labels(const FakeDocker::Container& container) {
  std::string labels = "{" + Label("project", "wiki") + "," + Label("service", container.service) +
                       "," + Label("container-number", container.number) + "," +
                       Label("oneoff", container.one_off) + "," +
                       Label("project.working_dir", "/opt/wiki") + "," +
                       Label("project.config_files", container.config_files);
  if (!container.environment_file.empty())
    labels += "," + Label("project.environment_file", container.environment_file);
  if (container.depends_on != "-") labels += "," + Label("depends_on", container.depends_on);
  return labels + "}";
}

}  // namespace

FakeDocker::FakeDocker(FakeHost& host, std::vector<Container> initial)
    : containers(std::move(initial)), host_(host) {
  host.On("docker ps --all --format", "wiki\nwiki\n\nblog\n");
  host.On("docker stop", [this](const std::string& command) {
    for (auto& container : containers) {
      if (Contains(command, container.full_id())) Stop(container);
    }
    return Printed("");
  });
  host.On("docker start", [this](const std::string& command) {
    for (auto& container : containers) {
      if (Contains(command, container.full_id())) Start(container);
    }
    return Printed("");
  });
  host.On("docker inspect", [this](const std::string& script) { return Printed(Obey(script)); });
  host.On("docker pause", [this](const std::string& command) {
    for (auto* container : In(command)) {
      if (container->status != "running" || --container->freezes > 0) continue;
      container->status = "paused";
      if (!container->health.empty()) container->health = "unhealthy";
      paused += container->id;
    }
    return Printed("");
  });
  host.On("docker unpause", [this](const std::string& command) {
    for (auto* container : In(command)) {
      if (container->status != "paused") continue;
      container->status = "running";
      unpaused += container->id;
    }
    return Printed("");
  });
  host.On("docker events --since 1772000000.123456789 --until 177",
          [this](const std::string& command) {
            return Printed(Contains(command, "project=wiki") ? events : "");
          });
  host.On("orcio-hooks", "");
  host.On("docker logs", "starting\nno configuration\n");
  host.On("docker compose version", "none\n");
  host.On("config --services", "db\nweb\njob\n");
  // Compose reaches every container of the services it is told.
  for (const std::string project :
       {"compose --project-name wiki", "--file /opt/wiki/docker-compose.yml"}) {
    host.On(project + " stop", [this](const std::string& command) {
      for (auto& container : containers) {
        if (Contains(command, " " + container.service)) Stop(container);
      }
      return Printed("");
    });
    host.On(project + " start", [this](const std::string& command) {
      for (auto& container : containers) {
        if (Contains(command, " " + container.service)) Start(container);
      }
      return Printed("");
    });
  }
}

void FakeDocker::FilesMention(const std::string& what) {
  host_.On("orcio-hooks", "orcio-hooks: " + what + "\n");
}

void FakeDocker::HasCompose(const std::string& kind, const std::string& version) {
  host_.On("docker compose version", kind + "\n" + version + "\n");
}

FakeDocker::Container& FakeDocker::Of(const std::string& service, const std::string& number) {
  for (auto& container : containers) {
    if (container.service == service && container.number == number) return container;
  }
  throw std::runtime_error("no container of " + service);
}

std::vector<FakeDocker::Container*> FakeDocker::In(const std::string& command) {
  std::vector<Container*> named;
  for (auto& container : containers) {
    if (Contains(command, container.full_id())) named.push_back(&container);
  }
  const auto at = [&](const Container* container) { return command.find(container->full_id()); };
  std::sort(named.begin(), named.end(),
            [&](const Container* a, const Container* b) { return at(a) < at(b); });
  return named;
}

void FakeDocker::Stop(Container& container) {
  stopped += container.id;
  if (!container.stops || container.status == "exited") return;
  container.status = "exited";
  container.finished = stops_at;
}

// What runs already is left as it is.
void FakeDocker::Start(Container& container) {
  if (container.status == "running" || container.status == "restarting") return;
  started += container.id;
  container.status = container.starts ? "running" : "exited";
  container.started = starts_at;
  if (!container.starts) container.finished = starts_at;
}

std::string FakeDocker::Obey(const std::string& script) {
  std::string out;
  std::string ids;
  for (const auto& container : containers) ids += " " + container.full_id();
  for (const auto& line : Lines(script)) {
    if (line.starts_with("ids=$(docker ps") && !Contains(line, "project=wiki")) return out;
    if (line.starts_with("[ -n \"$ids\" ]") && ids.empty()) return out;
    if (line.starts_with("printf orcio-container")) {
      for (const auto& id : Split(ids.substr(1), ' ')) out += "orcio-container: " + id + "\n";
    }
    if (line.starts_with("printf orcio-now")) out += "orcio-now: " + now + "\n";
    if (line.starts_with("stop_level docker stop")) {
      for (auto* container : In(line)) Stop(*container);
      out += "orcio-level: stopped\n";
    }
    if (line.starts_with("start_level docker start")) {
      for (auto* container : In(line)) Start(*container);
    }
    if (!line.starts_with("docker inspect")) continue;
    if (on_inspect) on_inspect();
    out += Inspect(Contains(line, "$ids") ? ids : line);
  }
  return out;
}

std::string FakeDocker::Inspect(const std::string& command) const {
  std::string lines;
  for (const auto& container : containers) {
    if (!Contains(command, container.full_id())) continue;
    const std::string health =
        container.health.empty() ? "" : ",\"Health\":{\"Status\":\"" + container.health + "\"}";
    lines += "{\"id\":\"" + container.full_id() + "\",\"name\":\"/" + container.name() +
             "\",\"image\":\"" + container.image + "\",\"created\":\"" + container.created +
             "\",\"state\":{\"Status\":\"" + container.status +
             "\",\"ExitCode\":3,\"StartedAt\":\"" + container.started + "\",\"FinishedAt\":\"" +
             container.finished + "\"" + health +
             "},\"restarts\":" + std::to_string(container.restarts) +
             ",\"stop_timeout\":null,\"check\":" + container.check +
             ",\"labels\":" + Labels(container) + ",\"mounts\":" + container.mounts + "}\n";
  }
  return lines;
}

}  // namespace orcio::test
