// What a host answers: to the questions about its tar, paths, containers and units, at the end of a
// tar, and before a command. Of the input, each NUL begins the next answer; the first byte is the
// first one's exit status.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "archiver/control/compose_control.h"
#include "archiver/control/systemd_control.h"
#include "archiver/docker/compose_tool.h"
#include "archiver/host/command_frame.h"
#include "archiver/host/shell_check.h"
#include "archiver/host/sudo_advice.h"
#include "archiver/plan/other_writers.h"
#include "archiver/plan/volume_check.h"
#include "archiver/safety/guard.h"
#include "archiver/tar/remote_tar.h"
#include "archiver/tar/standing_paths.h"
#include "base/text/safe_text.h"
#include "base/text/words.h"
#include "tests/support/hosts/fake_host.h"

namespace {

using namespace orcio;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Gives one answer after the other to whatever it is asked.
class AnsweringHost : public test::FakeHost {
 public:
  explicit AnsweringHost(const std::vector<CommandResult>& answers) : answers_(answers) {}
  Result<CommandResult> Run(const std::string&, const RunOptions&,
                            const std::stop_token&) override {
    if (next_ >= answers_.size()) return Fail(ErrorKind::kNetwork, "atena: no more answers");
    return answers_[next_++];
  }

 private:
  const std::vector<CommandResult>& answers_;
  size_t next_ = 0;
};

class NoSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span<std::byte>(); }
  Result<void> Commit(size_t) override { return {}; }
};

std::vector<CommandResult> Answers(std::string_view input) {
  std::vector<CommandResult> answers;
  int status = 0;
  if (!input.empty()) {
    status = static_cast<unsigned char>(input[0]) % 4;
    input.remove_prefix(1);
  }
  for (const auto& text : Split(input, '\0')) {
    CommandResult answer;
    answer.exit_status = answers.empty() ? status : 0;
    answer.out = text;
    answer.err = text;
    answers.push_back(std::move(answer));
  }
  return answers;
}

template <class T>
void CheckError(const Result<T>& result) {
  if (result) return;
  Require(!HasControl(result.error().message) && IsUtf8(result.error().message));
  Require(result.error().message.size() < 10'000);
}

ServiceConfig Wiki() {
  ServiceConfig service;
  service.name = "wiki";
  service.host = "atena";
  service.project = "wiki";
  service.units = {"a.service", "b.service"};
  service.paths = {"/srv/wiki", "/srv/photos"};
  service.min_ratio = 0.1;
  return service;
}

void AskAboutTar(const std::vector<CommandResult>& answers) {
  AnsweringHost host(answers);
  const auto tar = DetectRemoteTar(host, {});
  CheckError(tar);
  if (tar) {
    Require(tar->program == "tar" || tar->program == "gtar" || tar->program == "busybox tar");
    Require(!HasControl(tar->description));
  }
  CheckError(CheckRemotePaths(host, Wiki(), {}));
  AnsweringHost again(answers);
  CheckError(CheckShell(again, {}));
}

void AskAboutPaths(const std::vector<CommandResult>& answers) {
  AnsweringHost host(answers);
  const ServiceConfig wiki = Wiki();
  const auto standing = LookAtPaths(host, wiki, {"/srv/wiki/x"}, {});
  if (!standing) return;
  for (const auto& path : standing->empty)
    Require(std::find(wiki.paths.begin(), wiki.paths.end(), path) != wiki.paths.end());
  for (const auto& mount : standing->mounts) {
    Require(mount.place.starts_with('/') && mount.field.starts_with('/'));
    Require(mount.field.find(' ') == std::string::npos);
  }
  // What comes second, of whatever came first.
  if (answers.size() < 2) return;
  CommandResult lost = answers[1];
  lost.exit_status = 98;
  test::FakeHost again;
  again.stream = [&](ByteSink&, const std::stop_token&) { return Result<CommandResult>(lost); };
  NoSink sink;
  PathLosses losses;
  CheckError(MakeWatchfulHost(again, wiki, *standing, {}, losses)->Stream("tar", sink, {}, {}));
  for (const auto& warning : losses.warnings) Require(!HasControl(warning));
}

void AskAboutServices(const std::vector<CommandResult>& answers) {
  AnsweringHost host(answers);
  ComposeControl compose(Wiki());
  CheckError(compose.Inspect(host, {}));
  const ServiceConfig wiki = Wiki();
  VolumeCheck check{{&wiki}, compose.Mounts(), {}, {}};
  LookAtPlaces(host, check, {});
  for (const auto& warning : UncoveredWarnings(check, wiki)) Require(!HasControl(warning));
  AnsweringHost again(answers);
  SystemdControl systemd(Wiki());
  CheckError(systemd.Inspect(again, {}));
  AnsweringHost third(answers);
  CheckError(DetectComposeTool(third, {}));
  AnsweringHost fourth(answers);
  const auto guard = AskGuard(fourth, BeatCommand("x"), std::chrono::seconds(1), {});
  CheckError(guard);
  if (guard) Require(!HasControl(guard->detail));
}

void AskWhoElseWrites(const std::vector<CommandResult>& answers) {
  AnsweringHost host(answers);
  const ServiceConfig wiki = Wiki();
  const auto others = RunningOthers(wiki, host, {});
  if (!others) return;
  const VolumeCheck check{{&wiki}, {}, {}, {}};
  for (const auto& warning : WriterWarnings(check, wiki, *others))
    Require(!HasControl(warning) && IsUtf8(warning));
}

void JudgeTars(const std::vector<CommandResult>& answers) {
  RemoteTar gnu;
  gnu.program = "tar";
  RemoteTar busybox = gnu;
  busybox.kind = RemoteTar::Kind::kBusybox;
  busybox.program = "busybox tar";
  for (const auto& answer : answers) {
    for (const RemoteTar* tar : {&gnu, &busybox}) {
      const auto vanished = VanishedNames(*tar, answer);
      Require(std::is_sorted(vanished.begin(), vanished.end()));
      for (const auto& name : vanished) Require(!name.empty() && !name.ends_with('/'));
      const auto warnings = JudgeTar(*tar, answer);
      CheckError(warnings);
      if (!warnings) continue;
      Require(warnings->size() <= 102);
      for (const auto& warning : *warnings) Require(!HasControl(warning) && IsUtf8(warning));
    }
  }
}

// However an output is cut, the same of it is the command's own.
void TakeNoiseOff(std::string_view output, const std::vector<CommandResult>& answers) {
  FrameFilter whole;
  const std::string own(whole.Take(output));
  FrameFilter pieces;
  std::string taken;
  for (const char& byte : output) taken += pieces.Take({&byte, 1});
  Require(taken == own && pieces.begun() == whole.begun() && pieces.noise() == whole.noise());
  Require(output.starts_with(whole.noise()) && output.ends_with(own));
  for (const auto& answer : answers) (void)SudoAdvice(answer.err);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto answers = Answers(std::string_view(reinterpret_cast<const char*>(data), size));
  AskAboutTar(answers);
  AskAboutPaths(answers);
  AskAboutServices(answers);
  AskWhoElseWrites(answers);
  JudgeTars(answers);
  TakeNoiseOff({reinterpret_cast<const char*>(data), size}, answers);
  return 0;
}
