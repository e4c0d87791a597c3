#pragma once

#include <optional>
#include <stop_token>
#include <string_view>

#include "archiver/config/config.h"
#include "archiver/local/ping.h"
#include "archiver/outcome/service_outcome.h"

namespace orcio::inline archiver {

// Tells those whom the configuration names of one service's run. What fails in it is in the
// outcome and changes nothing else.
class Telling {
 public:
  Telling(const ServiceConfig& service, const PingPatience& first_ping, const std::stop_token& stop)
      : service_(service), first_ping_(first_ping), stop_(stop) {}

  // Before the service is touched. Takes as long as the first ping and the hook may.
  void Begin();
  // Once it runs again, or cannot be made to. Adds to the outcome what failed, here and in Begin.
  void End(ServiceOutcome& outcome);

 private:
  void TellHook(std::string_view event, const ServiceOutcome* outcome);

  const ServiceConfig& service_;
  const PingPatience first_ping_;
  const std::stop_token& stop_;
  std::optional<Error> hook_error_;
  std::optional<Error> ping_error_;
};

// What a ping says of a service: in short if its archives must stay on the premises, for files'
// names are theirs, too.
[[nodiscard]] std::string PingBody(const ServiceConfig& service, const ServiceOutcome& outcome);

// How long a ping may take once a run is over: little if that is to end now.
[[nodiscard]] PingPatience PatienceAtEnd(const std::stop_token& stop);

}  // namespace orcio::inline archiver
