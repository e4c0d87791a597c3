#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "fusefs/namespace.h"

namespace orcio {

// Files the kernel has open: it hands back a plain pointer with each request. Thread-safe.
class OpenFiles {
 public:
  // Valid until Remove.
  [[nodiscard]] const Namespace::File* Add(std::shared_ptr<const Namespace::File> file);
  void Remove(const Namespace::File* file);

 private:
  std::mutex mutex_;
  // Guarded by mutex_. One entry for each open(2).
  std::unordered_map<const Namespace::File*, std::shared_ptr<const Namespace::File>> files_;
};

// What the operations of one mount work on.
struct MountContext {
  const Namespace& tree;
  std::filesystem::path repository;  // whose free space statfs(2) shows
  bool default_permissions = false;  // the kernel checks modes and ACLs
  std::function<void(const std::string&)> log;
  OpenFiles open_files;
};

}  // namespace orcio
