#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "archiver/safety/run_journal.h"
#include "index/files/file_system.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/files/plain_files.h"
#include "tests/support/program/golden.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// A service of commands, with a few files of awkward names, on a host whose docker runs nothing. It
// runs as long as a file is there.
class Workshop {
 public:
  Workshop()
      : orcio(BuiltProgram(), "SetEnv PATH=" + Bin() + ":/usr/sbin:/usr/bin:/sbin:/bin\n"),
        transcript([this](const Words& words) { return orcio.Run(words); }) {
    OnHost("docker", "exit 0\n");
    for (const char* name : {"page", "new\nline", "'single' \"double\"", "\xff\xfe not UTF-8",
                             "escape \x1b[31m", "caf\xc3\xa9"})
      Write(name, name);
    fs::create_symlink("page", source() / "link");
    std::ofstream(flag()) << "";
    Configure(Start());
    const fs::path scratch = orcio.scratch().path();
    transcript.Show(scratch.string(), "/SCRATCH");
    transcript.Show(scratch.relative_path().string(), "SCRATCH");
    transcript.Show(orcio.sshd().directory().string(), "/SSHD");
    const std::string port = std::to_string(orcio.sshd().port());
    transcript.Show("127.0.0.1 port " + port, "ADDRESS port PORT");
    transcript.Show("[127.0.0.1]:" + port, "[ADDRESS]:PORT");
    transcript.Show("ssh-keyscan -p " + port + " '127.0.0.1'", "ssh-keyscan -p PORT 'ADDRESS'");
    transcript.ShowFitting("SHA256:[A-Za-z0-9+/]{43}", "FINGERPRINT");
    // Moments of this run, not those that a test chose.
    transcript.HideDigits("20(2[4-9]|[3-9][0-9])-[0-9]{2}-[0-9]{2}(T[0-9]{6}Z| full| quick)");
    transcript.ShowFitting(
        "\\b(in|for|about|stop|scan|stream|start) ([0-9]+ min )?[0-9]+(\\.[0-9])? s\\b",
        "$1 SECONDS");
    transcript.ShowFitting(", ([0-9]+ min )?[0-9]+(\\.[0-9])? s\n", ", SECONDS\n");
    transcript.ShowFitting(
        "\"(seconds|stop|scan|stream|start|downtime|[a-z_]*per_second)\":[0-9.e-]+",
        "\"$1\":NUMBER");
    transcript.ShowFitting("GNU tar\\) [0-9.]+", "GNU tar) VERSION");
  }
  // `start` is the command; `more` are lines of the service's.
  void Configure(const std::string& start, const std::string& more = "    wire: none\n") const {
    orcio.Configure("  wiki:\n    host: workshop\n    control: commands\n    stop: rm " +
                    flag().string() + "\n    start: " + start + "\n    status: test -e " +
                    flag().string() + "\n    guard: none\n" + "    paths: [" + source().string() +
                    "]\n" + more);
  }
  [[nodiscard]] std::string Start() const { return "touch " + flag().string(); }
  void Write(const std::string& name, const std::string& content) const {
    fs::create_directories((source() / name).parent_path());
    std::ofstream(source() / name, std::ios::binary) << content;
  }
  // A program that the host finds before its own.
  void OnHost(const std::string& program, const std::string& script) const {
    WriteProgram(Bin() + "/" + program, script);
  }
  // An archive of its files, of a date that nobody need hide.
  void Archive(const std::string& date) const {
    const Ended archived = orcio.Run({"archive", "-q"});
    INFO(archived.err);
    REQUIRE(archived.status == 0);
    const std::string made = orcio.OnlyArchive();
    const std::string named = orcio.repository() / ("wiki-" + date + ".tar.gz");
    for (const char* end : {"", ".idx"}) fs::rename(made + end, named + end);
  }
  // As a killed run leaves it.
  void LeaveJournal(const std::optional<SwapPlan>& swap = {}) const {
    RunJournal journal;
    journal.service.name = "wiki";
    journal.service.host = "workshop";
    journal.service.control = ControlKind::kCommands;
    journal.service.stop_command = "rm " + flag().string();
    journal.service.start_command = Start();
    journal.service.status_command = "test -e " + flag().string();
    journal.running = {"wiki"};
    journal.memory = "true";
    journal.start_seconds = 1'700'000'000;
    journal.swap = swap;
    REQUIRE_OK(WriteJournal(LocalFileSystem(), orcio.repository(), journal));
    fs::remove(flag());
  }
  // A tree's entries, with those above the service's, which TMPDIR decides on.
  void ShowEntries(int64_t of_service) {
    const fs::path relative = source().relative_path();
    const auto above = std::distance(relative.begin(), relative.end()) - 1;
    const std::string count = std::to_string(of_service + above);
    const std::string shown = std::to_string(of_service) + "+ABOVE";
    transcript.ShowFitting("\\b" + count + " entries", shown + " entries");
    transcript.ShowFitting("\"entries\":" + count + "\\b", "\"entries\":" + shown);
  }
  // A table's columns are as wide as what is hidden.
  void Squeeze() { transcript.ShowFitting(" {2,}", "  "); }
  // How much deflate makes of paths that differ from run to run.
  void HidePacked() {
    transcript.ShowFitting("[0-9.]+ (B|KiB) from", "SIZE from");
    transcript.ShowFitting("[0-9.]+ (B|KiB) of gzip", "SIZE of gzip");
    transcript.ShowFitting("\"bytes\":[0-9]+", "\"bytes\":NUMBER");
  }

  [[nodiscard]] fs::path source() const { return orcio.scratch() / "srv" / "wiki"; }
  [[nodiscard]] fs::path flag() const { return orcio.scratch() / "runs"; }

 private:
  [[nodiscard]] std::string Bin() const { return bin_.path().string(); }
  ScratchDirectory bin_;

 public:
  OrcioFixture orcio;
  Transcript transcript;
};

}  // namespace orcio::test
