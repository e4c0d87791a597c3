#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace orcio::inline archiver {

enum class FindingLevel { kOk, kWarning, kError };

// One thing that `check` has looked at. Whatever a host said in it is as SafeText shows it.
struct Finding {
  FindingLevel level = FindingLevel::kOk;
  std::string subject = {};  // one word: login, sudo, tar, ...
  std::string text = {};     // what is so, for people
  std::string remedy = {};   // what to do; empty if there is nothing to do, or `text` says it
  std::string host = {};     // empty if it is about this machine
  std::string service = {};  // empty if it is about a host, or the repository, as a whole
  ErrorKind kind = ErrorKind::kRemote;  // of an error
};

using TellFinding = std::function<void(Finding)>;

}  // namespace orcio::inline archiver
