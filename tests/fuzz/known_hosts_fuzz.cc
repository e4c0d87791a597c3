#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "archiver/ssh/way/known_hosts.h"

namespace {

constexpr std::string_view kKey =
    "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB";

void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "\n";
  std::abort();
}

}  // namespace

// The host's name is the first line, and what files say of it the rest.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using orcio::HostKeyStanding;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto name = input.substr(0, input.find('\n'));
  const auto text = input.substr(std::min(name.size() + 1, input.size()));
  for (const uint16_t port : {uint16_t{22}, uint16_t{2222}}) {
    orcio::KnownHosts known(name, port);
    known.Add(text, "f");
    const auto judgement = known.Judge(kKey);
    Require((judgement.standing == HostKeyStanding::kUnknown) == (judgement.line == 0),
            "a line decides");
    Require(judgement.standing != HostKeyStanding::kKnown || !known.KeyTypes().empty(),
            "a known key has a type");
    known.Add("* ssh-ed25519 " + std::string(kKey) + "\n", "f");
    const auto added = known.Judge(kKey).standing;
    Require(added == HostKeyStanding::kKnown || judgement.standing == HostKeyStanding::kRevoked,
            "a key that is listed is known, or revoked");
    known.Add("@revoked * ssh-ed25519 " + std::string(kKey) + "\n", "f");
    Require(known.Judge(kKey).standing == HostKeyStanding::kRevoked, "a revoked key is revoked");
  }
  return 0;
}
