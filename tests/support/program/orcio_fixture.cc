#include "tests/support/program/orcio_fixture.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace orcio::test {

OrcioFixture::OrcioFixture(std::string program, const std::string& sshd_config)
    : program_(std::move(program)), sshd_(sshd_config) {
  std::filesystem::create_directory(repository());
}

void OrcioFixture::Configure(const std::string& services, const std::string& host_lines) const {
  const HostConfig host = sshd_.Config();
  std::ofstream(config()) << "repository: " << repository().string() << "\n"
                          << "hosts:\n"
                          << "  workshop:\n"
                          << "    address: " << host.address << "\n"
                          << "    port: " << *host.port << "\n"
                          << "    user: " << *host.user << "\n"
                          << "    identity: " << host.identity->string() << "\n"
                          << "    known_hosts: " << host.known_hosts->string() << "\n"
                          << host_lines << "services:\n"
                          << services;
}

Ended OrcioFixture::Run(const std::vector<std::string>& words) const {
  std::vector<std::string> all{program_, "-c", config().string()};
  all.insert(all.end(), words.begin(), words.end());
  return RunCommand(all);
}

std::vector<std::string> OrcioFixture::RepositoryNames() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(repository())) {
    if (entry.path().filename() != ".orcio.lock") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::filesystem::path OrcioFixture::OnlyArchive() const {
  std::vector<std::string> names = RepositoryNames();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".tar.gz"); });
  if (names.size() != 1) throw std::runtime_error("not one archive in " + repository().string());
  return repository() / names.front();
}

}  // namespace orcio::test
