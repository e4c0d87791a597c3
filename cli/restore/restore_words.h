#pragma once

#include <string>
#include <vector>

namespace orcio::cli {

// The words of `orcio restore`, see AddRestore.
struct RestoreWords {
  std::string what;
  std::vector<std::string> paths;
  std::string target;
  std::string to;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string owners = "number";
  bool in_place = false;
  bool yes = false;
  bool dry_run = false;
  bool verify = false;
};

}  // namespace orcio::cli
