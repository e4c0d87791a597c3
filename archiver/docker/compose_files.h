#pragma once

#include <set>
#include <string>
#include <vector>

#include "archiver/docker/docker.h"

namespace orcio::inline archiver {

// The options by which compose finds the project as it was when it made the containers, from the
// labels that it left on them: several, each once, as not all of a project need have been made from
// the same files, and as labels that list names with commas can be read in several ways.
[[nodiscard]] std::vector<std::vector<std::string>> ProjectOptions(
    const std::vector<DockerContainer>& containers);

[[nodiscard]] std::set<std::string> ServicesOf(const std::vector<DockerContainer>& containers);
// Whether compose takes none of them for an option.
[[nodiscard]] bool AllPlainNames(const std::set<std::string>& services);

// Runs compose, away from the home directory, whose own compose file or .env it would read.
[[nodiscard]] std::string ComposeLine(const std::vector<std::string>& words);

}  // namespace orcio::inline archiver
