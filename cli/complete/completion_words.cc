#include "cli/complete/completion_words.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "archiver/config/config.h"
#include "cli/shared/named_archive.h"
#include "index/repository/latest_first.h"
#include "index/sidecar/read/path_lookup.h"

namespace orcio::cli {
namespace {

// Of a directory with more entries than anybody would read through.
constexpr size_t kMostPaths = 1000;

bool CanBeTyped(std::string_view name) {
  return std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

std::set<std::string> ArchivedServices(const Context& context) {
  std::set<std::string> names;
  const auto repository = context.OpenRepository();
  if (!repository) return names;
  const auto archives = repository->List();
  if (!archives) return names;
  for (const ArchiveFile& archive : *archives) {
    if (CanBeTyped(archive.name.service)) names.insert(archive.name.service);
  }
  return names;
}

void OfferDates(const Context& context, const std::string& service, std::string_view typed,
                Completion& completion) {
  const auto repository = context.OpenRepository();
  if (!repository) return;
  const auto archives = repository->ListService(service);
  if (!archives) return;
  const auto offer = [&](const std::string& date, const std::string& description) {
    if (date.starts_with(typed)) completion.words.push_back({service + "@" + date, description});
  };
  offer("latest", LatestFirst(*archives, service, std::time(nullptr)).front()->date);
  for (auto archive = archives->rbegin(); archive != archives->rend(); ++archive)
    offer(archive->date, "");
}

Result<void> OfferPathsIn(const Sidecar& sidecar, std::string_view typed, std::string_view before,
                          Completion& completion) {
  const size_t slash = typed.rfind('/');
  const size_t head = slash == std::string_view::npos ? 0 : slash + 1;
  const NodeId directory = ORCIO_TRY(FindFollowing(sidecar, typed.substr(0, head), true));
  const auto children = ORCIO_TRY(sidecar.ListChildren(directory));
  size_t found = 0;
  for (NodeId id = children.first; id < children.first + children.count; ++id) {
    const std::string_view name = ORCIO_TRY(sidecar.Name(id));
    if (!name.starts_with(typed.substr(head)) || !CanBeTyped(name)) continue;
    if (++found > kMostPaths) break;
    const bool is_directory = ORCIO_TRY(sidecar.Node(id)).type == EntryType::kDirectory;
    completion.words.push_back({std::string(before) + std::string(typed.substr(0, head)) +
                                    std::string(name) + (is_directory ? "/" : ""),
                                ""});
  }
  return {};
}

void OfferPaths(const Context& context, const std::string& selector, std::string_view before,
                std::string_view typed, Completion& completion) {
  const auto opened = OpenSelected(context, selector);
  if (opened) (void)OfferPathsIn(*opened->sidecar, typed, before, completion);
}

}  // namespace

void OfferConfiguredServices(const Context& context, std::string_view typed,
                             Completion& completion) {
  const auto config = context.LoadConfiguration();
  if (!config) return;
  for (const ServiceConfig& service : config->services) {
    if (service.name.starts_with(typed))
      completion.words.push_back({service.name, "on " + service.host});
  }
}

void OfferConfiguredHosts(const Context& context, std::string_view typed, Completion& completion) {
  const auto config = context.LoadConfiguration();
  if (!config) return;
  for (const auto& [name, host] : config->hosts) {
    if (name.starts_with(typed)) completion.words.push_back({name, "host"});
  }
}

void OfferArchivedServices(const Context& context, std::string_view typed, Completion& completion) {
  for (const std::string& name : ArchivedServices(context)) {
    if (name.starts_with(typed)) completion.words.push_back({name, "service"});
  }
}

void OfferSelectors(const Context& context, std::string_view typed, SelectorParts parts,
                    Completion& completion) {
  const size_t colon = typed.find(':');
  if (colon != std::string_view::npos) {
    if (parts.path)
      OfferPaths(context, std::string(typed.substr(0, colon)), typed.substr(0, colon + 1),
                 typed.substr(colon + 1), completion);
    return;
  }
  const size_t at = typed.find('@');
  if (at != std::string_view::npos) {
    if (parts.date)
      OfferDates(context, std::string(typed.substr(0, at)), typed.substr(at + 1), completion);
    return;
  }
  OfferArchivedServices(context, typed, completion);
  if (!parts.date) {  // what takes no date takes no service alone
    for (Completion::Word& word : completion.words) word.text += ':';
    return;
  }
  if (completion.words.size() != 1) return;
  const std::string service = completion.words.front().text;
  if (parts.path) completion.words.push_back({service + ":", "a path in it"});
  OfferDates(context, service, "", completion);
}

void OfferArchivedPaths(const Context& context, const std::string& selector, std::string_view typed,
                        Completion& completion) {
  OfferPaths(context, selector, "", typed, completion);
}

}  // namespace orcio::cli
