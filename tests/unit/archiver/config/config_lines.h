#pragma once

#include <string>

#include "archiver/config/config.h"
#include "tests/support/catch.h"

// What the tests of configurations share.
namespace orcio::test {

// Of a host `atena` and a service `wiki` with these lines more; the service's first key of `lines`
// stands in line 6, column 5.
inline std::string WithService(const std::string& lines) {
  return "repository: /srv/backups\nhosts: {atena: {}}\nservices:\n  wiki:\n    host: atena\n" +
         lines;
}

// The first key of `lines` stands in line 4, column 5.
inline std::string WithHost(const std::string& lines) {
  return "repository: /srv/backups\nhosts:\n  atena:\n" + lines;
}

inline std::string ErrorOf(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "c.yaml");
  if (config) return "no error";
  CHECK(config.error().kind == ErrorKind::kInvalid);
  return config.error().message;
}

// Fails unless the message starts with the place and holds the words.
inline void CheckError(const std::string& yaml, const std::string& place,
                       const std::string& words) {
  const std::string message = ErrorOf(yaml);
  INFO(yaml);
  INFO(message);
  CHECK(message.starts_with("c.yaml:" + place + ": "));
  CHECK(message.find(words) != std::string::npos);
}

inline ServiceConfig ServiceOf(const std::string& lines) {
  return ValueOf(ParseConfig(WithService(lines), "c.yaml")).services.at(0);
}

inline HostConfig HostOf(const std::string& lines) {
  return ValueOf(ParseConfig(WithHost(lines), "c.yaml")).hosts.at("atena");
}

}  // namespace orcio::test
