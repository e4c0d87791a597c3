#pragma once

#include <string>
#include <string_view>

#include "cli/complete/completion.h"
#include "cli/shared/context.h"

namespace orcio::cli {

// Each adds to `completion` what begins with `typed`; nothing if it cannot be found out. Names
// with control characters, which no shell hands through, are left out.

void OfferConfiguredServices(const Context& context, std::string_view typed,
                             Completion& completion);
void OfferConfiguredHosts(const Context& context, std::string_view typed, Completion& completion);
void OfferArchivedServices(const Context& context, std::string_view typed, Completion& completion);

// What is to be offered of SERVICE[@DATE][:PATH].
struct SelectorParts {
  bool date = true;
  bool path = false;
};
// First the services; the dates and paths once the service is typed.
void OfferSelectors(const Context& context, std::string_view typed, SelectorParts parts,
                    Completion& completion);

// Paths in the archive that `selector` names.
void OfferArchivedPaths(const Context& context, const std::string& selector, std::string_view typed,
                        Completion& completion);

}  // namespace orcio::cli
