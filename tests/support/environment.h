#pragma once

#include <unistd.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace orcio::test {

// This process's environment with some variables set otherwise, as exec takes it. Made before a
// fork: between fork and exec, setenv may wait for ever for a lock of the allocator's that another
// thread held.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& changed) {
    for (char** each = environ; *each != nullptr; ++each) {
      const std::string_view variable = *each;
      if (changed.count(std::string(variable.substr(0, variable.find('=')))) == 0)
        variables_.emplace_back(variable);
    }
    for (const auto& [name, value] : changed) variables_.push_back(name + "=" + value);
    for (std::string& variable : variables_) pointers_.push_back(variable.data());
    pointers_.push_back(nullptr);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Ends with a null pointer; of this object.
  [[nodiscard]] char** get() { return pointers_.data(); }

 private:
  std::vector<std::string> variables_;
  std::vector<char*> pointers_;
};

}  // namespace orcio::test
