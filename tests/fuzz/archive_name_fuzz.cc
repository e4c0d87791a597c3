// A file name in a repository, and what somebody types to name an archive.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include "index/repository/archive_name.h"
#include "index/repository/repository.h"
#include "index/upkeep/leftovers.h"
#include "tests/support/files/memory_files.h"

namespace {

using namespace orcio;

const std::filesystem::path kRepository = "/backups";

void Require(bool holds) {
  if (!holds) std::abort();
}

// Both become names of directories in the mounted tree.
void CheckComponent(std::string_view name) {
  Require(!name.empty() && name != "." && name != "..");
  Require(name.find('/') == name.npos && name.find('\0') == name.npos);
}

// A file's name holds neither.
bool IsFileName(std::string_view text) {
  return text.find_first_of(std::string_view("/\0", 2)) == text.npos;
}

void CheckName(std::string_view text) {
  const auto name = ParseArchiveName(text, 1'700'000'000);
  if (!name) return;
  CheckComponent(name->service);
  CheckComponent(name->date);
  if (!IsServiceName(name->service)) return;
  const auto again = ParseArchiveName(MakeArchiveName(name->service, name->seconds), 0);
  Require(again && again->service == name->service && again->seconds == name->seconds);
}

// An archive, its sidecar and somebody's file stay, whatever lies beside them.
void CheckLeftovers(const std::string& name) {
  const std::string archive = "wiki-2026-11-23T020000Z.tar.gz";
  if (name == archive || name == archive + ".idx") return;
  test::MemoryFiles files;
  for (const auto& file : {archive, archive + ".idx", name}) files.Put(kRepository / file, {});
  const auto removed = RemoveLeftovers(files, kRepository, 1'800'000'000);
  Require(removed && removed->errors.empty() && removed->names.size() <= 1);
  if (removed->names.empty()) return;
  Require(removed->names[0] == name);
  const auto ends_with_one_of = [&name](std::initializer_list<std::string_view> endings) {
    return std::any_of(endings.begin(), endings.end(),
                       [&](std::string_view ending) { return name.ends_with(ending); });
  };
  const bool hidden =
      name.starts_with('.') &&
      (name.starts_with(".orcio-scratch.") ||
       ends_with_one_of({".part", ".verified", ".protected", ".listing", ".idx.resume"}));
  Require(hidden || ends_with_one_of({".idx", ".kept"}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (IsFileName(text)) {
    CheckName(text);
    CheckLeftovers(text);
  }
  if (const auto selector = ParseSelector(text)) {
    Require(!selector->service.empty() && !selector->date.empty());
    test::MemoryFiles files;
    files.Put(kRepository / "wiki-2026-11-23T020000Z.tar.gz", {});
    files.Put(kRepository / "wiki-2026-11-16T020000Z.tar.gz", {});
    const auto resolved = Repository(files, kRepository).Resolve(*selector);
    Require(!resolved || resolved->name.service == selector->service);
  }
  return 0;
}
