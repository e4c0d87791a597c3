#pragma once

#include <string>
#include <vector>

#include "archiver/outcome/service_outcome.h"

namespace orcio::inline archiver {

// What came of a service whose data must not leave the premises (`offsite: never`), for where
// others read it, such as in a mail: what kind of thing went wrong and how often, when, and how
// long it took. Nothing in it is a file's name, or was said by a host, a program or an archive.

// "2 files changed while they were read, 1 other warning": by the words of tar and orcio; what they
// are not known to say is another warning. Empty if there is none.
[[nodiscard]] std::string KindsOf(const std::vector<std::string>& warnings);

// What kind of error it is, in words of orcio's own.
[[nodiscard]] std::string KindOf(const Error& error);

// Everything that went wrong, as Problems has it, each as "wiki on atena: ..."; none if nothing
// did.
[[nodiscard]] std::vector<std::string> DiscreetProblems(const ServiceOutcome& outcome);

}  // namespace orcio::inline archiver
