#include "fusefs/kernel/mount_counters.h"

#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <map>

#include "fusefs/system/mount_table.h"

namespace orcio::inline fusefs {
namespace {

// Calls `visit` with each counter and its name.
template <class Counters, class Visit>
void ForEachCounter(Counters& counters, const Visit& visit) {
  visit("requests", counters.requests);
  visit("open_files", counters.open_files);
  visit("open_archives", counters.open_archives);
  visit("cache_budget", counters.cache_budget);
  visit("cache_bytes", counters.cache.bytes);
  visit("hits", counters.cache.hits);
  visit("misses", counters.cache.misses);
  visit("waits", counters.cache.waits);
  visit("decodes", counters.cache.decodes);
  visit("decoded_bytes", counters.cache.decoded_bytes);
  visit("decode_nanoseconds", counters.cache.decode_nanoseconds);
}

}  // namespace

std::string ToText(const MountCounters& counters) {
  std::string text;
  ForEachCounter(counters, [&](const char* name, uint64_t value) {
    text += fmt::format("{} {}\n", name, value);
  });
  return text;
}

Result<MountCounters> ParseMountCounters(std::string_view text) {
  std::map<std::string_view, std::string_view> values;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t space = std::min(line.find(' '), line.size());
    values[line.substr(0, space)] = line.substr(std::min(space + 1, line.size()));
  }
  MountCounters counters;
  std::string_view wrong;
  ForEachCounter(counters, [&](const char* name, uint64_t& value) {
    const std::string_view digits = values[name];
    const char* const end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || rest != end) wrong = name;
  });
  if (wrong.empty()) return counters;
  return Fail(
      ErrorKind::kDamaged,
      "the mount's counters have no number of {}: it is served by another version of orcio; "
      "mount it anew",
      wrong);
}

std::string Summary(const MountCounters& counters) {
  const SpanCache::Counters& cache = counters.cache;
  return fmt::format(
      "{} requests, {} files and {} archives open; cache: {} of {} bytes, {} hits, {} misses, {} "
      "waits, {} decodes of {} bytes in {:.3f} s",
      counters.requests, counters.open_files, counters.open_archives, cache.bytes,
      counters.cache_budget, cache.hits, cache.misses, cache.waits, cache.decodes,
      cache.decoded_bytes, static_cast<double>(cache.decode_nanoseconds) / 1e9);
}

Result<MountCounters> ReadMountCounters(const std::filesystem::path& mountpoint) {
  const std::filesystem::path directory = ORCIO_TRY(FindMount(mountpoint));
  std::array<char, 4096> text{};
  const ssize_t size = ::getxattr(directory.c_str(), kCountersAttribute, text.data(), text.size());
  if (size < 0)
    return FailErrno(errno, fmt::format("cannot ask the mount on {}", directory.string()));
  return ParseMountCounters({text.data(), static_cast<size_t>(size)});
}

}  // namespace orcio::inline fusefs
