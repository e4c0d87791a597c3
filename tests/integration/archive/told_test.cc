// Who is told of a run, by the program: hooks, a monitor that is a real HTTP server, and mail.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/hosts/ping_server.h"
#include "tests/support/program/orcio_fixture.h"

namespace orcio::test {
namespace {

std::string TextOf(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// A service whose volume is there, one whose volume is not, and whoever is told.
class Told {
 public:
  explicit Told(std::deque<int> answers = {})
      : monitor_(std::move(answers)), orcio_(BuiltProgram()) {
    std::filesystem::create_directory(scratch() / "volume");
    std::filesystem::create_directory(scratch() / "bin");
    std::ofstream(scratch() / "volume/file") << "content";
    std::ofstream(scratch() / "bin/sendmail") << "#!/bin/sh\ncat >> '" << mail().string() << "'\n";
    ::chmod((scratch() / "bin/sendmail").c_str(), 0700);
    ::setenv("PATH", ((scratch() / "bin").string() + ":" + path_).c_str(), 1);
  }
  ~Told() { ::setenv("PATH", path_.c_str(), 1); }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

  // `more` are lines of each service, `of_host` of their host.
  void Configure(bool broken_too, const std::string& more = {},
                 const std::string& of_host = {}) const {
    const auto service = [&](const std::string& name, const std::string& directory) {
      return "  " + name + ":\n    host: workshop\n    control: none\n    ping: " +
             monitor_.Url("/secret-" + name) + "\n    paths: ['" +
             (scratch() / directory).string() + "']\n" + more;
    };
    orcio_.Configure(service("wiki", "volume") + (broken_too ? service("blog", "gone") : "") +
                         "ping: " + monitor_.Url("/secret-all") +
                         "\nmail: root\nhooks:\n  start: echo start $ORCIO_SERVICE >>'" +
                         hooked().string() + "'\n  success: echo success $ORCIO_SERVICE >>'" +
                         hooked().string() + "'\n  failure: echo failure $ORCIO_SERVICE >>'" +
                         hooked().string() + "'\n",
                     of_host);
  }
  [[nodiscard]] const OrcioFixture& orcio() const { return orcio_; }
  [[nodiscard]] const PingServer& monitor() const { return monitor_; }
  [[nodiscard]] const ScratchDirectory& scratch() const { return orcio_.scratch(); }
  [[nodiscard]] std::filesystem::path mail() const { return scratch() / "mail"; }
  [[nodiscard]] std::filesystem::path hooked() const { return scratch() / "hooked"; }

 private:
  const std::string path_ = std::getenv("PATH");
  PingServer monitor_;
  OrcioFixture orcio_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("When all is well the monitor is told, hooks run, and nobody is written to") {
  const Told told;
  told.Configure(false);
  const Ended ended = told.orcio().Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.out.empty());
  CHECK(ended.err.empty());
  REQUIRE(told.monitor().lines() == Lines{"POST /secret-all/start", "POST /secret-wiki/start",
                                          "POST /secret-wiki", "POST /secret-all"});
  CHECK(told.monitor().requests()[3].body.starts_with("wiki on workshop: done\nwiki: wiki-"));
  CHECK(TextOf(told.hooked()) == "start wiki\nsuccess wiki\n");
  CHECK_FALSE(std::filesystem::exists(told.mail()));
}

TEST_CASE("When a service fails the monitor is told, hooks run, and there is one mail") {
  const Told told;
  told.Configure(true);
  const Ended ended = told.orcio().Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status != 0);
  CHECK(told.monitor().lines() == Lines{"POST /secret-all/start", "POST /secret-wiki/start",
                                        "POST /secret-wiki", "POST /secret-blog/start",
                                        "POST /secret-blog/fail", "POST /secret-all/fail"});
  CHECK(TextOf(told.hooked()) == "start wiki\nsuccess wiki\nstart blog\nfailure blog\n");
  const std::string mail = TextOf(told.mail());
  INFO(mail);
  CHECK(mail.find("\nTo: root\nSubject: orcio on ") != std::string::npos);
  CHECK(mail.find(": blog failed\nDate: ") != std::string::npos);
  CHECK(mail.find("\n\nblog on workshop: no archive: ") != std::string::npos);
  CHECK(mail.find("\nwiki: wiki-") != std::string::npos);
  CHECK(mail.find("\nFrom: ", 1) == std::string::npos);
  CHECK(mail.find("secret") == std::string::npos);
}

TEST_CASE("Neither mail nor pings have names of files of services with `offsite: never`") {
  const Told told;
  const std::string file = (told.scratch() / "volume/Ada Lovelace").string();
  std::ofstream(file) << std::string(4 << 20, 'x');
  // The host's tar, which adds to that file whenever it has read another 100 KiB.
  const auto programs = told.scratch() / "programs";
  std::filesystem::create_directory(programs);
  std::ofstream(programs / "tar") << "#!/bin/sh\nPATH=/usr/bin:/bin\nexec tar --checkpoint=10 "
                                     "--checkpoint-action='exec=echo >>\"" +
                                         file + "\"' \"$@\"\n";
  ::chmod((programs / "tar").c_str(), 0700);
  told.Configure(true, "    offsite: never\n", "    path: ['" + programs.string() + "']\n");
  const Ended ended = told.orcio().Run({"archive"});
  INFO(ended.err);
  CHECK(ended.status == 1);
  // To who is here, all is said.
  CHECK(ended.err.find("Ada Lovelace: file changed as we read it") != std::string::npos);
  CHECK(ended.err.find((told.scratch() / "gone").string()) != std::string::npos);
  const std::string mail = TextOf(told.mail());
  INFO(mail);
  CHECK(mail.find("\nwiki on workshop: 1 file changed while it was read\n") != std::string::npos);
  CHECK(mail.find("\nblog on workshop: no archive: ") != std::string::npos);
  CHECK(mail.find("\nwiki: wiki-") != std::string::npos);
  CHECK(mail.find("`orcio archive` exited with 1.") != std::string::npos);
  for (const auto& request : told.monitor().requests())
    CHECK(request.body.find("Lovelace") == std::string::npos);
  for (const std::string& name : {std::string("Lovelace"), told.scratch().path().string()})
    CHECK(mail.find(name) == std::string::npos);
}

TEST_CASE("A run of one service does not speak for all") {
  const Told told;
  told.Configure(true);
  CHECK(told.orcio().Run({"archive", "wiki"}).status == 0);
  CHECK(told.monitor().lines() == Lines{"POST /secret-wiki/start", "POST /secret-wiki"});
}

TEST_CASE("A run that another one holds up is told of, too") {
  const Told told;
  told.Configure(false);
  const BackgroundCommand holder(
      {"flock", (told.orcio().repository() / ".orcio.lock").string(), "sh", "-c",
       "echo > '" + (told.scratch() / "held").string() + "'; exec sleep 600"},
      (told.scratch() / "log").string());
  while (!std::filesystem::exists(told.scratch() / "held")) ::usleep(10'000);
  CHECK(told.orcio().Run({"archive"}).status == 11);
  CHECK(told.monitor().lines() == Lines{"POST /secret-all/fail"});
  CHECK(TextOf(told.mail()).find(": the run failed\n") != std::string::npos);
}

TEST_CASE("A monitor that answers nothing good is reported without its URL, and changes nothing") {
  const Told told({404, 404, 404, 404});
  told.Configure(false);
  const Ended ended = told.orcio().Run({"archive"});
  CHECK(ended.status == 0);
  CHECK(ended.err.find("orcio: wiki on workshop: the ping of 127.0.0.1 failed: answered with "
                       "status 404") != std::string::npos);
  CHECK(ended.err.find("secret") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(told.mail()));
  (void)told.orcio().OnlyArchive();
}

}  // namespace orcio::test
