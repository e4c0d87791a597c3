// scripts/orcio-host as sshd starts it, for the tests of a key that it restricts.

#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "archiver/ssh/way/ssh_command.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {

inline const std::string kScript = std::string(SourceDirectory()) + "/scripts/orcio-host";

// What the script remembers of the project `wiki` beside the test's own directories.
inline void ForgetMemory(const std::string& path) {
  MustRunShell("rm -rf /run/orcio-host-$(id -u)-$(printf '\\nwiki\\n\\n%s\\n' '" + path +
               "' | cksum | cut -d ' ' -f 1)");
}

// The script as sshd starts it, on a machine whose docker and systemctl only say what they were
// asked.
class Script {
 public:
  explicit Script(std::vector<std::string> options) : options_(std::move(options)) {
    std::filesystem::create_directory(scratch_ / "bin");
    std::filesystem::create_directory(scratch_ / "wiki");
    std::ofstream(scratch_ / "wiki/page") << "text";
    for (const std::string program : {"journalctl", "docker-compose"})
      WriteProgram(scratch_ / "bin" / program, "echo " + program + " \"$@\"\n");
    WriteProgram(scratch_ / "bin/systemctl",
                 "case \"$*\" in *--property=Names,*) case \"$*\" in\n"
                 "*app.service*) echo 'Requires=system.slice lib.service' ;;\n"
                 "*lib.service*) printf 'Names=system.slice\\n\\nPartOf=wiki.service\\n' ;;\n"
                 "*wiki.socket*) echo 'Triggers=wiki.service' ;;\n"
                 "*sshd.service*) echo 'Requires=sshd.service *' ;; esac; exit ;; esac\n"
                 "echo systemctl \"$@\"\n");
    WriteProgram(scratch_ / "bin/docker",
                 "case \"$*\" in *'index .Config.Labels'*) case \"$*\" in\n"
                 "*aaa*) echo wiki; exit ;; *bbb*) echo shop; exit ;;\n"
                 "*ccc*) echo 'Error: No such container: c' >&2; exit 1 ;;\n"
                 "*) echo 'Cannot connect to the Docker daemon' >&2; exit 1 ;; esac ;;\n"
                 // As `docker ps` has them of the project's containers.
                 "*=wiki*'{{.Label \"com.docker.compose.service\"}}')\n"
                 "printf '%s\\n' db db a=b a=b a=b xdb; exit ;;\n"
                 "*=wiki*project.working_dir*) echo /opt/wiki; echo /opt/wiki; exit ;;\n"
                 "*=wiki*project.config_files*) echo '/opt/wiki/a,b.yml,more.yml'; exit ;;\n"
                 "*=wiki*project.environment_file*) echo /opt/wiki/.env; exit ;; esac\n"
                 "echo docker \"$@\"\n");
    options_.insert(options_.end(), {"--path", path()});
  }
  [[nodiscard]] std::string path() const { return (scratch_ / "wiki").string(); }

  // With what an SSH client asks for as it is.
  [[nodiscard]] Ended AskRaw(const std::string& request, const std::string& input = {}) const {
    std::vector<std::string> words{kScript};
    words.insert(words.end(), options_.begin(), options_.end());
    CommandOptions options;
    options.environment["SSH_ORIGINAL_COMMAND"] = request;
    options.environment["PATH"] = (scratch_ / "bin").string() + ":/usr/sbin:/usr/bin:/sbin:/bin";
    options.directory = scratch_.path().string();
    options.input = input;
    return RunCommand(words, options);
  }
  // As orcio sends it.
  [[nodiscard]] Ended Ask(const std::string& command, const std::string& input = {}) const {
    return AskRaw(PortableShellLine("", command), input);
  }
  void CheckRefused(const Ended& ended, const std::string& what) const {
    CAPTURE(what);
    CHECK(ended.status == 1);
    CHECK(ended.out.empty());
    CHECK(ended.err.starts_with("orcio-host: refused: "));
    CHECK(ended.err.find('\x1b') == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch_ / "pwned"));
  }
  void Refuses(const std::string& command) const { CheckRefused(Ask(command), command); }
  // Runs, and its output has `part`.
  void Allows(const std::string& command, const std::string& part) const {
    const Ended ended = Ask(command);
    CAPTURE(command, ended.err);
    CHECK(ended.status == 0);
    CHECK(ended.out.find(part) != std::string::npos);
  }

 private:
  ScratchDirectory scratch_;
  std::vector<std::string> options_;
};

}  // namespace orcio::test
