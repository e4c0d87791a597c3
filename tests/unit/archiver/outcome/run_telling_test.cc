#include "archiver/outcome/run_telling.h"

#include "archiver/config/config.h"
#include "archiver/local/mail.h"
#include "tests/support/catch.h"

namespace orcio {
namespace {

const std::string kName = "srv/members/Ada Lovelace.pdf";

Config TwoServices() {
  Config config;
  config.mail = "root";
  config.services.resize(2);
  config.services[0].name = "wiki";
  config.services[1].name = "members";
  config.services[1].offsite_never = true;
  return config;
}

// How a run ended that had the same to say of both.
RunEnd Ended() {
  RunEnd end;
  end.result = RunResult::kWarnings;
  end.exit_status = 3;
  for (const std::string service : {"wiki", "members"}) {
    ServiceOutcome outcome;
    outcome.service = service;
    outcome.host = "workshop";
    outcome.archive = "/srv/backups/" + service + "-2026-11-23T020000Z.tar.gz";
    outcome.facts.warnings = {kName + ": file changed as we read it"};
    outcome.facts.start_seconds = 1'795'399'200;
    end.said.push_back({service, service + " on workshop: " + outcome.facts.warnings.front()});
    end.outcomes.push_back(std::move(outcome));
  }
  end.said.push_back({"", "of the whole run"});
  return end;
}

bool Has(const std::string& text, const std::string& part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A mail has no name of a file of a service with `offsite: never`, and those of others") {
  const std::string text = MessageText(MailOfRun(TwoServices(), Ended()));
  CHECK(Has(text, "\nwiki on workshop: " + kName + ": file changed as we read it\n"));
  CHECK(Has(text, "\nmembers on workshop: 1 file changed while it was read\n"));
  CHECK(Has(text, "\nmembers on workshop: begun at 2026-11-23T020000Z, it took "));
  CHECK(Has(text, "\nmembers: what was said of it is left out, for `offsite: never`: "));
  CHECK(Has(text, "\nmembers: members-2026-11-23T020000Z.tar.gz, "));
  CHECK(Has(text, "\nof the whole run\n"));
  CHECK(Has(text, "exited with 3"));
  CHECK(text.find("Ada") == text.rfind("Ada"));
}

TEST_CASE("A mail is discreet, too, where such a service failed, or was recovered") {
  RunEnd end = Ended();
  end.outcomes.erase(end.outcomes.begin());
  end.said = {{"members", "members: running again on workshop, confirmed: " + kName},
              {"members", "members on workshop: no archive: " + kName}};
  end.outcomes[0].archive.clear();
  end.outcomes[0].error = Error{ErrorKind::kRemote, 0, "tar failed: " + kName};
  std::string text = MessageText(MailOfRun(TwoServices(), end));
  CHECK_FALSE(Has(text, "Ada"));
  CHECK(Has(text, "\nmembers on workshop: no archive: a command on the host failed\n"));
  CHECK(Has(text, "\nmembers: no archive\n"));
  // Recovered, and not archived by this run.
  end.outcomes.clear();
  text = MessageText(MailOfRun(TwoServices(), end));
  CHECK_FALSE(Has(text, "Ada"));
  CHECK(Has(text, "\nmembers: what was said of it is left out, for `offsite: never`: "));
}

TEST_CASE("What is said of a service that the configuration has no more is left out") {
  RunEnd end = Ended();
  Config config = TwoServices();
  config.services.clear();
  const std::string text = MessageText(MailOfRun(config, end));
  CHECK_FALSE(Has(text, "Ada"));
  CHECK(Has(text, "\nof the whole run\n"));
}

}  // namespace orcio
