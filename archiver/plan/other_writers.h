#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/config/config.h"
#include "archiver/docker/docker_mount.h"
#include "archiver/host/remote_host.h"
#include "archiver/plan/volume_check.h"

namespace orcio::inline archiver {

// Containers that go on while a service is at rest, and may write where its paths are: of another
// compose project, or of none. Nothing else would tell that what was read is inconsistent.

// The running containers of the service's host that can write to its disks, without those of its
// own compose project; by one command. Nothing if the host does not tell, as without docker, or if
// nothing is stopped for the service. No error: if docker hangs, it is connected to anew.
[[nodiscard]] std::optional<std::vector<MountingContainer>> RunningOthers(
    const ServiceConfig& service, RemoteHost& host, const std::stop_token& stop);

// A warning for each of `others` that can write within the service's paths, or above them, unless
// its `ignore_mounts` have that; with what to do. Passed over is who has all of docker's volumes,
// as managers of the whole machine do. `check` tells where links lead. `since` follows the
// container's name: "started meanwhile", say, or nothing.
[[nodiscard]] std::vector<std::string> WriterWarnings(const VolumeCheck& check,
                                                      const ServiceConfig& service,
                                                      const std::vector<MountingContainer>& others,
                                                      std::string_view since = {});

// Whether the containers of RunningOthers are sure not to be what the service is about: its units
// or commands may stop any container.
[[nodiscard]] bool KnowsItsContainers(const ServiceConfig& service);

// Of the containers that ran before a service was stopped and after it was started, those that are
// to be warned of only now. With KnowsItsContainers, those that were not there before; else those
// that have run all the time.
[[nodiscard]] std::vector<MountingContainer> LateWriters(
    const ServiceConfig& service, const std::vector<MountingContainer>& before,
    const std::vector<MountingContainer>& after);

}  // namespace orcio::inline archiver
