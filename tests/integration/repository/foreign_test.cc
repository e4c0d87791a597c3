// Other programs' archives, with the program as an administrator runs it.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/unique_fd.h"
#include "index/files/file_system.h"
#include "index/sidecar/read/sidecar.h"
#include "tests/integration/mounted_repository.h"
#include "tests/support/archives/gzip_maker.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/environment.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

using Bytes = std::vector<std::byte>;
const std::string kName = "old-20221105.tar.gz";
const std::string kRepacked = "old-2022-11-05.tar.gz";

const Bytes& Tar() {
  static const Bytes tar = MakeTar(6 << 20);
  return tar;
}

// A repository of one archive that orcio did not write.
struct OldArchive {
  ScratchDirectory scratch;
  std::filesystem::path path = scratch / kName;

  explicit OldArchive(std::span<const std::byte> bytes) { Write(bytes); }
  void Write(std::span<const std::byte> bytes) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << AsText(bytes);
  }
  [[nodiscard]] Ended Run(std::vector<std::string> words) const {
    words.insert(words.begin(), {BuiltProgram(), "-r", scratch.path().string()});
    return RunCommand(words);
  }
  [[nodiscard]] std::string Read(const std::string& name) const { return ReadAll(scratch / name); }
  [[nodiscard]] bool Has(const std::string& name) const {
    return std::filesystem::exists(scratch / name);
  }
  // The tar as gzip has it, of the one archive there is.
  [[nodiscard]] Sha256Digest TarDigest() const {
    const auto archive = Has(kRepacked) ? kRepacked : kName;
    return Sha256::Of(AsBytes(RunCommand({"gzip", "-dc", (scratch / archive).string()}).out));
  }
  [[nodiscard]] std::vector<std::string> Leftovers() const {
    std::vector<std::string> names;
    for (auto& name : ValueOf(LocalFileSystem().List(scratch.path())))
      if (name.find(".part") != std::string::npos) names.push_back(name);
    return names;
  }
};

Bytes PackedBy(const std::string& command) {
  const std::string packed = MustRunShell(
      command, {.input = std::string(AsText(Tar())), .environment = {}, .directory = {}});
  const auto bytes = AsBytes(packed);
  return {bytes.begin(), bytes.end()};
}

std::vector<nlohmann::json> Lines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// A pseudoterminal, and the program on it as the shell's successor.
class OnTerminal {
 public:
  explicit OnTerminal(const std::vector<std::string>& words) {
    master_ = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(master_.get() >= 0);
    REQUIRE(::grantpt(master_.get()) == 0);
    REQUIRE(::unlockpt(master_.get()) == 0);
    const std::string slave = ::ptsname(master_.get());
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    // On a dumb one nothing is shown before the end.
    Environment environment(std::map<std::string, std::string>{{"TERM", "xterm"}});
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::setsid();
      const int terminal = ::open(slave.c_str(), O_RDWR);
      ::ioctl(terminal, TIOCSCTTY, 0);
      for (const int fd : {0, 1, 2}) ::dup2(terminal, fd);
      ::execve(arguments[0], arguments.data(), environment.get());
      ::_exit(127);
    }
  }
  ~OnTerminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      static_cast<void>(Wait());
    }
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  // Waits until it shows something.
  void AwaitOutput() const {
    char byte = 0;
    REQUIRE(::read(master_.get(), &byte, 1) == 1);
  }
  void Close() { master_.Reset(); }
  void Signal(int signal) const { ::kill(pid_, signal); }
  [[nodiscard]] int Wait() {
    int status = 0;
    REQUIRE(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  UniqueFd master_;
  pid_t pid_ = -1;
};

// A tar that takes a while to read and not to store: files of zeros.
Bytes LongToRead(unsigned files, unsigned mebibytes) {
  const Bytes zeros = Gzip(Bytes(1 << 20));
  Bytes bytes;
  for (unsigned file = 0; file < files; ++file) {
    const std::string header = HandMadeHeader{.path = "zeros" + std::to_string(file),
                                              .size = SizeField(uint64_t{mebibytes} << 20)}
                                   .Block();
    const Bytes begin = Gzip(AsBytes(header));
    bytes.insert(bytes.end(), begin.begin(), begin.end());
    for (unsigned i = 0; i < mebibytes; ++i) bytes.insert(bytes.end(), zeros.begin(), zeros.end());
  }
  const Bytes end = Gzip(AsBytes(EndMarker()));
  bytes.insert(bytes.end(), end.begin(), end.end());
  return bytes;
}

// Waits until `reached`, or the program has ended.
template <class Condition>
void Await(BackgroundCommand& program, const Condition& reached) {
  while (program.running() && !reached()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("Archives of gzip, pigz and bgzip verify, and repack to the same tar") {
  const auto [packer, bytes] = GENERATE(table<std::string, Bytes>({
      {"gzip", PackedBy("gzip -6")},
      {"gzip twice", Joined({Gzip(std::span(Tar()).first(2'500'000)),
                             Gzip(std::span(Tar()).subspan(2'500'000))})},
      {"pigz", PackedBy("pigz -p 3")},
      {"pigz, independent blocks", PackedBy("pigz -i -p 3 -9")},
      {"bgzip", Bgzip(Tar())},
      {"zeros behind", Joined({PackedBy("gzip -1"), Bytes(10'000)})},
      {"garbage behind", Joined({PackedBy("gzip -1"), AsBytes("not gzip at all")})},
  }));
  CAPTURE(packer);
  const OldArchive old(bytes);

  const auto verified = old.Run({"--json", "verify", "--read-data"});
  CHECK(verified.err.empty());
  CHECK(verified.status == 0);
  const auto lines = Lines(verified.out);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["type"] == "verify");
  CHECK(lines[0]["read_data"] == true);
  CHECK(lines[0]["damages"] == 0);
  CHECK(lines[0]["tar_bytes"] == Tar().size());
  CHECK(lines[0]["files"] > 5);
  CHECK(Lines(old.Run({"--json", "list"}).out)[0]["archives"][0]["verified"]["damages"] == 0);

  const auto repacked = old.Run({"--json", "repack", "old"});
  CHECK(repacked.err.empty());
  CHECK(repacked.status == 0);
  const auto told = Lines(repacked.out);
  REQUIRE(told.size() == 1);
  CHECK(told[0]["done"] == true);
  CHECK(told[0]["tar_bytes"] == Tar().size());
  CHECK(told[0]["tar_sha256"] == ToHex(Sha256::Of(Tar())));
  CHECK_FALSE(old.Has(kName));
  CHECK(old.TarDigest() == Sha256::Of(Tar()));
  CHECK(old.Leftovers().empty());
  CHECK(old.Run({"verify", "--read-data"}).status == 0);
  const auto again = old.Run({"--json", "repack", "old"});
  CHECK(again.status == 0);
  CHECK(Lines(again.out).at(0)["done"] == false);
}

TEST_CASE("A damaged archive is told of with its place and files, and never repacked") {
  Bytes bytes = PackedBy("gzip -6");
  SECTION("cut short") {
    bytes.resize(bytes.size() * 2 / 3);
  }
  bool before_is_sound = true;
  SECTION("a bit flipped, and nothing but the CRC at the end tells") {
    bytes[bytes.size() / 2] ^= std::byte{16};
    before_is_sound = false;
  }
  SECTION("a bit flipped in a member of its own") {
    bytes = Bgzip(Tar());
    bytes[bytes.size() / 2] ^= std::byte{16};
  }
  const OldArchive old(bytes);
  const auto indexed = old.Run({"--json", "index"});
  CHECK(indexed.status == 4);
  CHECK(Lines(indexed.out).at(0)["done"] == true);
  CHECK(Lines(indexed.out).at(0)["complete"] == false);
  CHECK(indexed.err.find("offset") != std::string::npos);
  const auto verified = old.Run({"--json", "verify", "--read-data"});
  CHECK(verified.status == 4);
  const auto lines = Lines(verified.out);
  REQUIRE(lines.size() >= 2);
  CHECK(lines.front()["type"] == "damage");
  CHECK(lines.back()["type"] == "verify");
  CHECK(lines.back()["damages"] == lines.size() - 1);
  const auto listed = Lines(old.Run({"--json", "list"}).out);
  CHECK(listed[0]["archives"][0]["complete"] == false);

  const auto repacked = old.Run({"--json", "repack", "old"});
  CHECK(repacked.status == 4);
  CHECK(repacked.out.empty());
  CHECK(repacked.err.find(old.path.string()) != std::string::npos);
  CHECK(old.Read(kName) == AsText(bytes));
  CHECK_FALSE(old.Has(kRepacked));
  CHECK(old.Leftovers().empty());
  const auto first = old.Run({"cat", "old:srv/wiki/file1"});
  const OldArchive whole(Gzip(Tar()));
  REQUIRE(whole.Run({"index"}).status == 0);
  if (before_is_sound || first.status == 0) {
    CHECK(first.status == 0);
    CHECK_FALSE(first.out.empty());
    CHECK((first.out == whole.Run({"cat", "old:srv/wiki/file1"}).out));  // too long to be shown
  } else {
    CHECK(first.status == 4);
    CHECK(first.out.empty());
  }
}

TEST_CASE("However a repack is killed, the old archive or the new one is there, and it can go on") {
  const Bytes bytes = PackedBy("gzip -1");
  const auto digest = Sha256::Of(Tar());
  const int moment = GENERATE(range(0, 7));
  CAPTURE(moment);
  const OldArchive old(bytes);
  const auto part = old.scratch / ("." + kRepacked + ".part");
  const auto size = [](const std::filesystem::path& path) {
    std::error_code none;
    const auto bytes_there = std::filesystem::file_size(path, none);
    return none ? 0 : bytes_there;
  };
  {
    BackgroundCommand repack({BuiltProgram(), "-r", old.scratch.path().string(), "repack", "old"},
                             (old.scratch / "log").string());
    Await(repack, [&] {
      switch (moment) {
        case 0:
          return std::filesystem::exists(part);
        case 1:
          return size(part) > 500'000;
        case 2:
          return size(part) > 2'000'000;
        case 3:
          return std::filesystem::exists(old.scratch / ("." + kRepacked + ".idx.part"));
        case 4:
          return old.Has(kRepacked + ".idx");
        case 5:
          return old.Has(kRepacked);
        default:
          return !old.Has(kName);
      }
    });
    repack.End(SIGKILL);
  }
  std::filesystem::remove(old.scratch / "log");
  CHECK((old.Has(kName) || old.Has(kRepacked)));
  if (old.Has(kName)) CHECK(old.Read(kName) == AsText(bytes));
  if (old.Has(kRepacked)) CHECK(old.TarDigest() == digest);
  // Once more: if both are there, the old one is in the way of nothing but itself.
  if (old.Has(kRepacked)) {
    CHECK(old.Run({"verify", "--read-data", (old.scratch / kRepacked).string()}).status == 0);
  } else {
    CHECK(old.Run({"repack", "old"}).status == 0);
    CHECK(old.TarDigest() == digest);
    CHECK_FALSE(old.Has(kName));
    CHECK(old.Leftovers().empty());
  }
}

TEST_CASE("What an index has to leave out is said, and the archive is whole nevertheless") {
  const OldArchive old({});
  const std::string make =
      "import tarfile, io\n"
      "tar = tarfile.open(sys.argv[1], 'w:gz', format=tarfile.PAX_FORMAT)\n"
      "for name in 'plain', 'd/' * 5000 + 'deep':\n"
      "  entry = tarfile.TarInfo(name)\n"
      "  entry.size = 3\n"
      "  tar.addfile(entry, io.BytesIO(b'abc'))\n"
      "tar.close()\n";
  MustRun({"python3", "-c", "import sys\n" + make, old.path.string()});
  const auto indexed = old.Run({"--json", "index"});
  CHECK(indexed.status == 3);
  CHECK(indexed.err.find("is too deep; left out") != std::string::npos);
  const auto line = Lines(indexed.out).at(0);
  CHECK(line["done"] == true);
  CHECK(line["complete"] == true);
  CHECK(line["warnings"].size() == 1);
  CHECK(old.Run({"cat", "old:plain"}).out == "abc");
  CHECK(old.Run({"verify", "--read-data"}).status == 0);
}

TEST_CASE("A repack killed between its two renames can go on") {
  const Bytes bytes = PackedBy("gzip -1");
  const OldArchive old(bytes);
  REQUIRE(old.Run({"repack", "old"}).status == 0);
  std::filesystem::rename(old.scratch / kRepacked, old.scratch / ("." + kRepacked + ".part"));
  old.Write(bytes);
  REQUIRE(old.Has(kRepacked + ".idx"));
  const auto repacked = old.Run({"repack", "old"});
  CHECK(repacked.err.empty());
  CHECK(repacked.status == 0);
  CHECK(old.Has(kRepacked));
  CHECK_FALSE(old.Has(kName));
  CHECK(old.Run({"verify", "--read-data"}).status == 0);
  CHECK(old.Leftovers().empty());
}

TEST_CASE("Indexing goes on when its terminal is closed") {
  const OldArchive old(LongToRead(1, 2000));  // for seconds
  const auto sidecar = old.path.string() + ".idx";
  OnTerminal index({BuiltProgram(), "-v", "index", old.path.string()});
  index.AwaitOutput();
  index.Signal(SIGSTOP);
  // A machine on which this is late has nothing to show for it.
  if (std::filesystem::exists(sidecar)) WARN("the terminal is closed after the end");
  index.Close();
  index.Signal(SIGCONT);
  CHECK(index.Wait() == 0);
  CHECK(ValueOf(Sidecar::Open(LocalFileSystem(), sidecar))->complete());
  CHECK(old.Leftovers().empty());
}

TEST_CASE("Indexing that is killed is gone on with, and comes to the same index") {
  const OldArchive old(LongToRead(1, 4000));
  const std::string index = kName + ".idx";
  const std::string log = "." + index + ".resume";
  REQUIRE(old.Run({"index", old.path.string()}).status == 0);
  const std::string expected = old.Read(index);
  std::filesystem::remove(old.scratch / index);
  // Killed after so many seconds of its own: it does not matter how late this process is.
  for (int seconds = 1; !old.Has(log); ++seconds) {
    (void)RunCommand({"prlimit", "--cpu=" + std::to_string(seconds), "--core=0", BuiltProgram(),
                      "-r", old.scratch.path().string(), "index", old.path.string()});
    REQUIRE_FALSE(old.Has(index));
  }
  const auto resumed = old.Run({"-v", "index", old.path.string()});
  CHECK(resumed.status == 0);
  CHECK(resumed.err.empty());
  CHECK(resumed.out.find(kName + ": continuing at ") != std::string::npos);
  CHECK(old.Read(index) == expected);
  CHECK(old.Leftovers().empty());
  CHECK_FALSE(old.Has("." + index + ".resume"));
}

TEST_CASE("Indexing ends when it is interrupted, and leaves nothing but what it found") {
  const OldArchive old(LongToRead(8, 7000));  // for longer than anybody is late
  const int signal = GENERATE(SIGINT, SIGTERM);
  OnTerminal index({BuiltProgram(), "index", old.path.string()});
  index.AwaitOutput();
  index.Signal(signal);
  CHECK(index.Wait() == (signal == SIGINT ? 130 : 143));
  auto names = ValueOf(LocalFileSystem().List(old.scratch.path()));
  std::erase(names, "." + kName + ".idx.resume");  // once a GiB of tar has gone by
  CHECK(names == std::vector{kName});
}

}  // namespace orcio::test
