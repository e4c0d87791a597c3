// The completions of bash, zsh and fish, each in its shell as the package installs them: what they
// offer is held against `orcio --help`, and keys are typed at a prompt.
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/support/built.h"
#include "tests/support/catch.h"
#include "tests/support/command.h"
#include "tests/support/needs.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

using Words = std::set<std::string>;

const std::string kSource = SourceDirectory();

// Each shell with orcio's completions, and the program in PATH. A function `orcio` writes the words
// of a command that is typed, one a line, where they can be looked at.
constexpr const char* kTypedBash = R"sh(. /usr/share/bash-completion/bash_completion
orcio() { if [ "$1" = __complete ]; then command orcio "$@"; else printf '%s\n' "$@" >typed; fi; }
)sh";
constexpr const char* kTypedZsh = R"sh(fpath=($PWD/zsh $fpath)
autoload -U compinit
compinit -u -D
orcio() { if [ "$1" = __complete ]; then command orcio "$@"; else printf '%s\n' "$@" >typed; fi; }
)sh";
constexpr const char* kTypedFish = R"sh(function orcio
  if test "$argv[1]" = __complete
    command orcio $argv
  else
    printf '%s\n' $argv >typed
  end
end
)sh";

// For each line of standard input: "== LINE", and what the shell would offer at its end.
constexpr const char* kOfferBash = R"sh(. /usr/share/bash-completion/bash_completion
_completion_loader orcio
[[ $(complete -p orcio) == *'-F _orcio'* ]] || exit 1
compopt() { :; }
while IFS= read -r COMP_LINE; do
  printf '== %s\n' "$COMP_LINE"
  COMP_POINT=${#COMP_LINE}
  read -ra COMP_WORDS <<<"$COMP_LINE"
  [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _orcio
  printf '%s\n' "${COMPREPLY[@]}"
done)sh";
constexpr const char* kOfferZsh = R"sh(fpath=($PWD/zsh $fpath)
autoload -U compinit
compinit -u -D
[[ $_comps[orcio] == _orcio ]] || exit 1
compadd() { print -l -- "${(P@)@[-1]}" }
compset() { return 1 }
_files() { :; }
while IFS= read -r line; do
  print -r -- "== $line"
  words=(${(z)line})
  [[ $line != *' ' ]] || words+=('')
  CURRENT=$#words PREFIX=$words[-1]
  _orcio
done)sh";
constexpr const char* kOfferFish = R"sh(while read -l line
  echo "== $line"
  complete -C "$line" | string replace -r '\t.*' ''
end)sh";

class CompletionScene {
 public:
  CompletionScene() {
    for (const char* program : {"zsh", "fish", "python3"}) NeedProgram(program);
    if (!std::filesystem::exists("/usr/share/bash-completion/bash_completion"))
      SkipOrFail("this test needs bash-completion");
    MakeRepository();
    Install("bash", "share/bash-completion/completions/orcio");
    Install("fish", "share/fish/vendor_completions.d/orcio.fish");
    Install("zsh", "zsh/_orcio");
    Write("bashrc", kTypedBash);
    Write(".zshrc", kTypedZsh);
    Write("typed.fish", kTypedFish);
  }

  [[nodiscard]] std::vector<std::string> Shell(const std::string& name) const {
    if (name == "bash") return {"bash", "--rcfile", "bashrc", "-i"};
    if (name == "zsh") return {"zsh", "-d", "-i"};
    return {"fish", "-i", "-C", "source typed.fish"};
  }

  // What the shell offers at the end of each line.
  [[nodiscard]] std::map<std::string, Words> Offered(const std::string& shell,
                                                     const std::vector<std::string>& lines) const {
    std::vector<std::string> words{"bash", "--norc", "-c", kOfferBash};
    if (shell == "zsh") words = {"zsh", "-d", "-f", "-c", kOfferZsh};
    if (shell == "fish") words = {"fish", "-c", kOfferFish};
    CommandOptions options = Options();
    for (const std::string& line : lines) options.input += line + "\n";
    std::map<std::string, Words> offered;
    std::istringstream out(MustRun(words, options));
    Words* current = nullptr;
    for (std::string line; std::getline(out, line);) {
      if (line.starts_with("== ")) {
        current = &offered[line.substr(3)];
      } else if (current != nullptr && !line.empty()) {
        current->insert(line);
      }
    }
    return offered;
  }

  // The words that the shell runs once `keys` and Enter were typed.
  [[nodiscard]] std::string Typed(const std::string& shell,
                                  const std::vector<std::string>& keys) const {
    std::filesystem::remove(scratch_ / "typed");
    std::vector<std::string> words{kSource + "/tests/support/type_at_prompt"};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), {"\n", "--"});
    for (const std::string& word : Shell(shell)) words.push_back(word);
    const std::string shown = MustRun(words, Options());
    UNSCOPED_INFO(shown);
    std::ostringstream text;
    text << std::ifstream(scratch_ / "typed").rdbuf();
    return text.str();
  }

  [[nodiscard]] std::string Help(const std::string& command) const {
    if (command.empty()) return MustRun({BuiltProgram(), "--help"});
    return MustRun({BuiltProgram(), command, "--help"});
  }

 private:
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(scratch_ / name) << text;
  }
  void Install(const std::string& shell, const std::string& place) const {
    std::filesystem::create_directories((scratch_ / place).parent_path());
    std::filesystem::copy_file(kSource + "/scripts/completions/orcio." + shell, scratch_ / place);
  }
  void MakeRepository() const {
    MustRunShell(R"sh(mkdir -p repository "srv/wiki/my photos"
echo x >"srv/wiki/my photos/a b"
for name in wiki-20251116 wiki-20251123 dns-20251123; do
  tar -czf repository/$name.tar.gz srv
done
orcio -r repository index
cat >config.yaml <<END
repository: $PWD/repository
hosts: {atena: }
services: {wiki: {host: atena}, weblog: {host: atena}}
END
)sh",
                 Options());
  }
  [[nodiscard]] CommandOptions Options() const {
    CommandOptions options;
    options.directory = scratch_.path();
    options.environment = {{"PATH", std::filesystem::path(BuiltProgram()).parent_path().string() +
                                        ":" + std::getenv("PATH")},
                           {"HOME", scratch_.path()},
                           {"ZDOTDIR", scratch_.path()},
                           {"TERM", "xterm"},
                           {"XDG_DATA_DIRS", (scratch_ / "share").string() + ":/usr/share"}};
    return options;
  }

  ScratchDirectory scratch_;
};

// The words at the beginning of each line of a part of --help: "-h,--help", "archive".
Words Listed(const std::string& help, const std::string& part) {
  Words listed;
  std::istringstream lines(help);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == part) inside = true;
    if (line.empty()) inside = false;
    if (!inside || !line.starts_with("  ") || line.starts_with("   ")) continue;
    std::istringstream names(line.substr(2, line.find(' ', 2) - 2));
    for (std::string name; std::getline(names, name, ',');)
      listed.insert(name.substr(0, name.find('=')));
  }
  return listed;
}

}  // namespace

TEST_CASE("Each shell knows the commands and options that --help lists, and no others") {
  const CompletionScene scene;
  const Words general = Listed(scene.Help(""), "Options:");
  const Words commands = Listed(scene.Help(""), "Subcommands:");
  REQUIRE(general.contains("--config"));
  REQUIRE(commands.contains("archive"));
  std::vector<std::string> lines{"orcio "};
  std::map<std::string, Words> expected{{"orcio ", commands}};
  for (const std::string& command : commands) {
    const std::string line = "orcio " + command + " -";
    lines.push_back(line);
    expected[line] = general;
    expected[line].merge(Listed(scene.Help(command), "Options:"));
  }
  REQUIRE(expected["orcio mount -"].contains("-o"));
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    auto offered = scene.Offered(shell, lines);
    for (const std::string& line : lines) {
      CAPTURE(line);
      CHECK(offered[line] == expected[line]);
    }
  }
}

TEST_CASE("Services, dates and archived paths are completed at each shell's prompt") {
  const CompletionScene scene;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    // The service, as far as it is unique; a path with spaces in it, part by part.
    CHECK(scene.Typed(shell, {"orcio -c config.yaml ca", "\t", "wi", "\t", ":s", "\t", "wi", "\t",
                              "my", "\t", "a", "\t"}) ==
          "-c\nconfig.yaml\ncat\nwiki:srv/wiki/my photos/a b\n");
    CHECK(scene
              .Typed(shell, {"orcio --repository=rep", "\t", " verify wiki@2025-11-1", "\t",
                             "--read", "\t"})
              .find("verify\nwiki@2025-11-16\n--read-data\n") != std::string::npos);
    CHECK(scene.Typed(shell, {"orcio -c config.yaml archive web", "\t"}) ==
          "-c\nconfig.yaml\narchive\nweblog\n");
    CHECK(scene.Typed(shell, {"orcio -c config.yaml restore wiki --to at", "\t"}) ==
          "-c\nconfig.yaml\nrestore\nwiki\n--to\natena\n");
  }
}

}  // namespace orcio::test
