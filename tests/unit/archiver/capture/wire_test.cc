#include "archiver/tar/wire.h"

#include <array>
#include <csignal>
#include <fstream>
#include <thread>

#include "archiver/config/service_names.h"
#include "archiver/host/shell_quote.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/hosts/fake_host.h"
#include "tests/support/hosts/local_host.h"
#include "tests/support/noise.h"
#include "tests/support/scratch_directory.h"

namespace orcio {
namespace {

class TextSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t bytes) override {
    text.append(reinterpret_cast<const char*>(buffer_.data()), bytes);
    return {};
  }
  std::string text;

 private:
  std::array<std::byte, 1000> buffer_{};
};

struct Crossed {
  std::string text;
  int exit_status = 0;
  Result<void> finished;
};

// What a command's output is once it has crossed.
Result<Crossed> Cross(RemoteHost& host, Wire wire, const std::string& command,
                      const std::string& input = {}) {
  TextSink text;
  const auto unpack = MakeUnpackSink(wire, text);
  ByteSink& sink = unpack ? static_cast<ByteSink&>(*unpack) : text;
  RunOptions options;
  options.input = input;
  const auto ended = ORCIO_TRY(host.Stream(PackedCommand(wire, command), sink, options, {}));
  Crossed crossed{text.text, ended.exit_status, {}};
  if (unpack) crossed.finished = unpack->Finish();
  return crossed;
}

std::string PackedBy(const std::string& packer, const std::string& text) {
  return test::MustRunShell(packer, {.input = text, .environment = {}, .directory = {}});
}

Result<std::string> Unpack(Wire wire, std::string_view packed) {
  TextSink text;
  const auto unpack = MakeUnpackSink(wire, text);
  ORCIO_TRY(test::Feed(*unpack, packed));
  ORCIO_TRY(unpack->Finish());
  return text.text;
}

// This machine, behind a link of so many bytes a second. Its uptime is what the file `uptime` says:
// nothing takes any time there that does not add to it, however busy this machine is.
class SlowHost : public test::LocalHost {
 public:
  explicit SlowHost(double bytes_a_second, std::map<std::string, std::string> environment = {})
      : LocalHost("here", std::move(environment)), bytes_a_second_(bytes_a_second) {
    std::ofstream(uptime()) << "100.00 50.00\n";
  }
  [[nodiscard]] std::filesystem::path uptime() const { return scratch_ / "uptime"; }
  Result<CommandResult> Stream(const std::string& command, ByteSink& sink,
                               const RunOptions& options, const std::stop_token& stop) override {
    Slow slow(sink, bytes_a_second_);
    const std::string proc = "/proc/uptime";
    std::string line = command;
    if (const size_t at = line.find(proc); at != std::string::npos)
      line.replace(at, proc.size(), uptime().string());
    return LocalHost::Stream(line, slow, options, stop);
  }

 private:
  class Slow : public ByteSink {
   public:
    Slow(ByteSink& sink, double bytes_a_second) : sink_(sink), bytes_a_second_(bytes_a_second) {}
    Result<std::span<std::byte>> Buffer() override { return sink_.Buffer(); }
    Result<void> Commit(size_t bytes) override {
      std::this_thread::sleep_for(
          std::chrono::duration<double>(static_cast<double>(bytes) / bytes_a_second_));
      return sink_.Commit(bytes);
    }

   private:
    ByteSink& sink_;
    const double bytes_a_second_;
  };
  const double bytes_a_second_;
  const test::ScratchDirectory scratch_;
};

// Half of it noise.
std::string Compressible(size_t bytes) {
  std::string text;
  for (unsigned seed = 0; text.size() < bytes; ++seed)
    text += test::Noise(512, seed) + std::string(512, 'a');
  text.resize(bytes);
  return text;
}

constexpr double kMiB = 1 << 20;

}  // namespace

TEST_CASE("What crosses the link compressed is what the command wrote, and so is its exit status") {
  const Wire wire = GENERATE(Wire::kNone, Wire::kGzip, Wire::kZstd);
  CAPTURE(NameOf(wire));
  test::LocalHost host;
  const test::ScratchDirectory scratch;
  const std::string bytes = Compressible(3'000'001);
  std::ofstream(scratch / "file") << bytes;
  const std::string cat = "cat " + ShellQuote((scratch / "file").string());
  const auto crossed = ValueOf(Cross(host, wire, cat));
  CHECK((crossed.text == bytes));  // too long to be shown
  CHECK(crossed.exit_status == 0);
  CHECK(crossed.finished);

  for (const int status : {0, 1, 2, 77}) {
    const auto ended = ValueOf(Cross(host, wire, fmt::format("echo a; sh -c 'exit {}'", status)));
    CHECK(ended.text == "a\n");
    CHECK(ended.exit_status == status);
    CHECK(ended.finished);
  }
  CHECK(ValueOf(Cross(host, wire, "sh -c 'kill -KILL $$'")).exit_status == 128 + SIGKILL);
  CHECK(ValueOf(Cross(host, wire, "cd / && cat", "input")).text == "input");
  CHECK(ValueOf(Cross(host, wire, "cd /nonexistent 2>/dev/null && echo a")).exit_status != 0);
}

TEST_CASE("A packer that dies on the host is never taken for the end of the tar") {
  const Wire wire = GENERATE(Wire::kGzip, Wire::kZstd);
  const std::string name(NameOf(wire));
  CAPTURE(name);
  const test::ScratchDirectory programs;
  const std::string dies = GENERATE("exit 0", "kill -KILL $$", "head -c 100 >/dev/null; exit 1",
                                    "head -c 300000 | /usr/bin/NAME -c; exit 0",
                                    "head -c 300000 | /usr/bin/NAME -c | head -c 200000");
  CAPTURE(dies);
  std::string script = dies;
  if (const size_t at = script.find("NAME"); at != std::string::npos) script.replace(at, 4, name);
  std::ofstream(programs / name) << "#!/bin/sh\n" << script << "\n";
  std::filesystem::permissions(programs / name, std::filesystem::perms::owner_all);
  std::ofstream(programs / "file") << Compressible(3'000'000);
  test::LocalHost host("here", {{"PATH", programs.path().string() + ":/usr/bin:/bin"}});
  const auto crossed = Cross(host, wire, "cat " + (programs / "file").string());
  CHECK((!crossed || crossed->exit_status != 0 || !crossed->finished));
}

TEST_CASE("A compressed stream that is cut short, goes on, or is none is an error") {
  const Wire wire = GENERATE(Wire::kGzip, Wire::kZstd);
  CAPTURE(NameOf(wire));
  const std::string text = Compressible(20'000);
  const std::string packed = PackedBy(wire == Wire::kGzip ? "gzip -1 -c" : "zstd -q -3 -c", text);
  CHECK((ValueOf(Unpack(wire, packed)) == text));
  for (size_t size = 0; size < packed.size(); ++size) {
    CAPTURE(size);
    const auto cut = Unpack(wire, std::string_view(packed).substr(0, size));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().kind == ErrorKind::kRemote);
  }
  for (const std::string& other : {packed + "x", packed + packed, text, "x" + packed}) {
    const auto unpacked = Unpack(wire, other);
    REQUIRE_FALSE(unpacked);
    CHECK(unpacked.error().kind == ErrorKind::kRemote);
  }
}

TEST_CASE("A zstd stream that wants a large window is refused") {
  const std::string text = Compressible(40 << 20);
  const auto unpacked = Unpack(Wire::kZstd, PackedBy("zstd -q -1 --long=25 -c", text));
  REQUIRE_FALSE(unpacked);
  CHECK(unpacked.error().kind == ErrorKind::kRemote);
  CHECK((ValueOf(Unpack(Wire::kZstd, PackedBy("zstd -q -19 -c", text.substr(0, 9 << 20)))) ==
         text.substr(0, 9 << 20)));
}

TEST_CASE("A tar is compressed where it arrives clearly earlier so") {
  // 16 MiB in 0.1 s, over 100 Mbit/s.
  WireSample sample{Wire::kZstd, 16 << 20, 5 << 20, 0.1, 12e6};
  CHECK(FasterWire(sample, 0.3) == Wire::kZstd);
  CHECK(FasterWire(sample, 0.9) == Wire::kNone);   // hardly
  CHECK(FasterWire(sample, 0.99) == Wire::kNone);  // films
  sample.packer = Wire::kGzip;
  CHECK(FasterWire(sample, 0.3) == Wire::kGzip);
  sample.pack_seconds = 1.5;  // 11 MB/s: an old machine
  CHECK(FasterWire(sample, 0.3) == Wire::kNone);
  sample.link_bytes_a_second = 2e6;
  CHECK(FasterWire(sample, 0.3) == Wire::kGzip);
  sample.packer = Wire::kNone;
  CHECK(FasterWire(sample, 0.3) == Wire::kNone);
  CHECK(FasterWire({Wire::kZstd, 16 << 20, 5 << 20, 0.1, 2e9}, 0.3) == Wire::kNone);
  CHECK(FasterWire({Wire::kZstd, 16 << 20, 5 << 20, 0.1, 0}, 0.3) == Wire::kNone);
}

TEST_CASE("How a tar crosses the link is decided by the host and the link") {
  const test::ScratchDirectory scratch;
  std::ofstream(scratch / "text") << Compressible(6 << 20);
  std::ofstream(scratch / "noise") << test::Noise(6 << 20, 1);
  const std::string text = "cat " + (scratch / "text").string();
  const std::string noise = "cat " + (scratch / "noise").string();
  SlowHost slow(2 * kMiB);
  CHECK(ValueOf(ChooseWire(Wire::kAuto, slow, text, {}, {})) == Wire::kZstd);
  CHECK(ValueOf(ChooseWire(Wire::kAuto, slow, noise, {}, {})) == Wire::kNone);
  // What the last archive tells counts for more.
  CHECK(ValueOf(ChooseWire(Wire::kAuto, slow, text, 0.99, {})) == Wire::kNone);
  // Whose zstd takes ten minutes: longer than this machine for what crosses a link without a limit.
  const test::ScratchDirectory programs;
  SlowHost fast(4096 * kMiB, {{"PATH", programs.path().string() + ":/usr/bin:/bin"}});
  const std::string uptime = fast.uptime().string();
  std::ofstream(programs / "zstd")
      << "#!/bin/sh\nread -r up idle <" << uptime << "\necho \"$((${up%.*} + 600)).00 50.00\" >"
      << uptime << "\nexec /usr/bin/zstd \"$@\"\n";
  std::filesystem::permissions(programs / "zstd", std::filesystem::perms::owner_all);
  CHECK(ValueOf(ChooseWire(Wire::kAuto, fast, text, {}, {})) == Wire::kNone);
  // A few bytes.
  CHECK(ValueOf(ChooseWire(Wire::kAuto, slow, "echo x", {}, {})) == Wire::kNone);
  CHECK(ValueOf(ChooseWire(Wire::kNone, slow, text, {}, {})) == Wire::kNone);
  CHECK(ValueOf(ChooseWire(Wire::kGzip, fast, noise, {}, {})) == Wire::kGzip);
}

TEST_CASE("A host without zstd compresses by gzip, and is not asked for what it lacks") {
  const test::ScratchDirectory scratch;
  std::ofstream(scratch / "text") << Compressible(6 << 20);
  const std::string text = "cat " + (scratch / "text").string();
  const test::ScratchDirectory programs;
  test::MustRunShell("busybox --install -s " + programs.path().string());
  SlowHost busybox(2 * kMiB, {{"PATH", programs.path()}});
  CHECK(ValueOf(ChooseWire(Wire::kAuto, busybox, text, {}, {})) == Wire::kGzip);
  const auto refused = ChooseWire(Wire::kZstd, busybox, text, {}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::kRemote);
  CHECK(refused.error().message.find("zstd") != std::string::npos);
}

// It was read twice, as a large one is.
TEST_CASE("A tar too small for it to matter is read once to find that out") {
  const test::ScratchDirectory scratch;
  test::LocalHost host;
  const std::string reads = (scratch / "reads").string();
  CHECK(ValueOf(ChooseWire(Wire::kAuto, host, "echo x >>" + ShellQuote(reads) + "; echo y", {},
                           {})) == Wire::kNone);
  CHECK(std::filesystem::file_size(reads) == 2);
}

TEST_CASE("A host that answers nonsense, or refuses, has its tar cross as it is") {
  test::FakeHost host;
  std::string said;
  int exit_status = 0;
  host.stream = [&](ByteSink& sink, const std::stop_token&) -> Result<CommandResult> {
    ORCIO_TRY(test::Feed(sink, said));
    CommandResult result;
    result.exit_status = exit_status;
    return result;
  };
  for (const std::string& answer : std::vector<std::string>{
           "", "orcio-wire: ", "orcio-wire: zstd 1", "orcio-wire: lzma 99999999 1 0.0 9.0",
           "orcio-wire: zstd 99999999 x 0.0 9.0",
           "orcio-wire: zstd 99999999999999999999999 1 0.0 9.0", "orcio-wire: zstd -1 1 0.0 9.0",
           "orcio-wire: zstd 9999999 1 9.0 nan", std::string(100'000'000, 'a')}) {
    CAPTURE(answer.substr(0, 100));
    said = answer;
    CHECK(ValueOf(ChooseWire(Wire::kAuto, host, "tar", {}, {})) == Wire::kNone);
  }
  exit_status = 1;
  said = "orcio-wire: zstd 99999999 9 0.0 9.0";
  CHECK(ValueOf(ChooseWire(Wire::kAuto, host, "tar", {}, {})) == Wire::kNone);
  CHECK(host.Count("stream") == 11);  // one of them a sample
}

TEST_CASE("A host that sends without an end has its tar cross as it is, and soon") {
  test::FakeHost host;
  host.stream = [&](ByteSink& sink, const std::stop_token&) -> Result<CommandResult> {
    if (host.Count("stream") == 1) {
      ORCIO_TRY(test::Feed(sink, "orcio-wire: zstd 99999999 9 0.0 0.1\n"));
      return CommandResult{};
    }
    for (;;) ORCIO_TRY(test::Feed(sink, "without an end "));
  };
  CHECK(ValueOf(ChooseWire(Wire::kAuto, host, "tar", {}, {})) == Wire::kNone);
}

TEST_CASE("A link that breaks while it is tried out is an error") {
  test::FakeHost host;
  host.stream = [](ByteSink&, const std::stop_token&) -> Result<CommandResult> {
    return Fail(ErrorKind::kNetwork, "broken");
  };
  const auto chosen = ChooseWire(Wire::kAuto, host, "tar", {}, {});
  REQUIRE_FALSE(chosen);
  CHECK(chosen.error().kind == ErrorKind::kNetwork);
}

}  // namespace orcio
