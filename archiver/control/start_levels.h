#pragma once

#include <vector>

#include "archiver/docker/docker.h"

namespace orcio::inline archiver {

// The containers by when they start, from compose's labels: each level's containers depend on
// earlier levels only. Without the labels, one service a level in the order they were made, which
// docker-compose 1 chooses by their dependencies.
[[nodiscard]] std::vector<std::vector<DockerContainer>> StartLevels(
    const std::vector<DockerContainer>& containers);

}  // namespace orcio::inline archiver
