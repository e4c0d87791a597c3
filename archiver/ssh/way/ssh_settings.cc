#include "archiver/ssh/way/ssh_settings.h"

#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include "archiver/host/remote_text.h"
#include "archiver/host/shell_quote.h"
#include "archiver/ssh/way/ssh_dial.h"
#include "base/text/words.h"
#include "base/threads/patience.h"

namespace orcio::inline archiver {
namespace {

constexpr std::string_view kNoSsh = "orcio-ssh: none\n";
constexpr std::string_view kDefaults = "orcio-ssh: defaults\n";
constexpr std::string_view kEndOfConfig = "orcio-end-of-config";
constexpr size_t kMostTold = size_t{1} << 20;

using Answers = std::map<std::string, std::vector<std::string>, std::less<>>;

Answers AnswersOf(std::string_view told) {
  Answers answers;
  for (const auto& line : Lines(told)) {
    const size_t space = line.find(' ');
    if (space != std::string::npos)
      answers[line.substr(0, space)].push_back(line.substr(space + 1));
  }
  return answers;
}

std::string AnswerTo(const Answers& answers, std::string_view key) {
  const auto found = answers.find(key);
  if (found == answers.end() || found->second.front() == "none") return {};
  return found->second.front();
}

// As the administrator wants it, and not just OpenSSH.
std::optional<std::string> ChosenList(const Answers& answers, const Answers& defaults,
                                      std::string_view key) {
  std::string list = AnswerTo(answers, key);
  if (list.empty() || list == AnswerTo(defaults, key)) return std::nullopt;
  return list;
}

// libssh knows no certificates.
std::string WithoutCertificates(const std::string& list) {
  std::string without;
  for (const auto& algorithm : Split(list, ',')) {
    if (algorithm.find("-cert-v01@") == std::string::npos)
      without += (without.empty() ? "" : ",") + algorithm;
  }
  return without;
}

// Names come unquoted, and are absolute: what begins otherwise belongs to the one before it.
std::vector<std::string> FilesIn(const std::string& answer) {
  std::vector<std::string> files;
  for (const auto& word : Split(answer, ' ')) {
    if (files.empty() || word.starts_with('/')) {
      files.push_back(word);
    } else {
      files.back() += " " + word;
    }
  }
  return files;
}

// What the password database has of this user. getpwuid(3) has one place for its answer, and
// several threads log in at once.
std::string FromPasswd(char* passwd::*what) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> buffer{};
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0) return {};
  return found == nullptr || found->*what == nullptr ? "" : found->*what;
}

std::string PasswdHome() {
  return FromPasswd(&passwd::pw_dir);
}

std::string HomeDirectory() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? PasswdHome() : home;
}

std::string LocalUser() {
  return FromPasswd(&passwd::pw_name);
}

std::string LocalHostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// Nothing for a token that nobody here knows (%C).
std::optional<std::string> TokenValue(char token, const SshSettings& settings,
                                      const HostConfig& config) {
  const std::string name = LocalHostName();
  switch (token) {
    case '%':
      return "%";
    case 'd':
      return HomeDirectory();
    case 'h':
      return settings.hostname;
    case 'i':
      return std::to_string(::getuid());
    case 'k':
      return settings.host_key_alias.empty() ? config.address : settings.host_key_alias;
    case 'L':
      return name.substr(0, name.find('.'));
    case 'l':
      return name;
    case 'n':
      return config.address;
    case 'p':
      return std::to_string(settings.port);
    case 'r':
      return settings.user;
    case 'u':
      return LocalUser();
    default:
      return std::nullopt;
  }
}

// The name of a file, as ssh_config(5) has it: "~/", tokens, and "${NAME}". Nothing if it speaks of
// something that is not there.
std::optional<std::string> ExpandName(const std::string& name, const SshSettings& settings,
                                      const HostConfig& config) {
  std::string expanded;
  const std::string from = ExpandHome(name);
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] == '%' && i + 1 < from.size()) {
      const auto value = TokenValue(from[++i], settings, config);
      if (!value) return std::nullopt;
      expanded += *value;
    } else if (from.compare(i, 2, "${") == 0 && from.find('}', i) != std::string::npos) {
      const size_t end = from.find('}', i);
      const char* value = std::getenv(from.substr(i + 2, end - i - 2).c_str());
      if (value == nullptr) return std::nullopt;
      expanded += value;
      i = end;
    } else {
      expanded += from[i];
    }
  }
  return expanded;
}

std::string AgentSocket(const Answers& answers) {
  const auto found = answers.find("identityagent");
  std::string named = found == answers.end() ? "SSH_AUTH_SOCK" : found->second.front();
  if (named == "none") return {};
  if (named.starts_with('$')) {
    named.erase(0, 1);
    if (named.starts_with('{') && named.ends_with('}')) named = named.substr(1, named.size() - 2);
  } else if (named != "SSH_AUTH_SOCK") {
    return ExpandHome(named);
  }
  const char* socket = std::getenv(named.c_str());
  return socket == nullptr ? "" : socket;
}

// What leads into a shell's here-document, and through `Include`, without a second thought.
bool IsPlainPath(std::string_view path) {
  return path.starts_with('/') && std::all_of(path.begin(), path.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 ||
                  std::string_view("/._-+@:,=").find(static_cast<char>(c)) !=
                      std::string_view::npos;
         });
}

// The home directory, if it is another than ssh would take for it.
std::optional<std::string> HomeOfItsOwn() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || !IsPlainPath(home)) return std::nullopt;
  if (std::filesystem::path(home).lexically_normal() / "" ==
      std::filesystem::path(PasswdHome()).lexically_normal() / "")
    return std::nullopt;
  return home;
}

// The file that ssh has to be told of, then, if there is one.
std::string ConfigOfItsOwn() {
  const auto home = HomeOfItsOwn();
  std::error_code error;
  const std::string file = home ? *home + "/.ssh/config" : "";
  return home && std::filesystem::exists(file, error) ? file : "";
}

std::string FileText(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string AskingCommand(const HostConfig& config) {
  const auto own_config = SshConfigOfItsOwn();
  std::string words = own_config ? " -F /dev/stdin" : "";
  if (config.user) words += " -l " + ShellQuote(*config.user);
  if (config.port) words += fmt::format(" -p {}", *config.port);
  words += " -- " + ShellQuote(config.address);
  const std::string input =
      own_config ? fmt::format("<<'{0}'\n{1}\n{0}\n", kEndOfConfig, *own_config) : "</dev/null\n";
  return fmt::format(
      "command -v ssh >/dev/null 2>&1 || {{ printf '{}\\n'; exit 0; }}\n"
      "ssh -T -G{} {}"
      "printf '{}\\n'\n"
      "exec ssh -T -F none -G -- localhost </dev/null\n",
      kNoSsh.substr(0, kNoSsh.size() - 1), words, input, kDefaults.substr(0, kDefaults.size() - 1));
}

Result<std::string> OutputOf(ProxyProcess& process, const Patience& patience) {
  const UniqueFd stream = process.TakeStream();
  std::string output;
  std::array<char, 4096> buffer{};
  for (;;) {
    ORCIO_TRY(WaitForFd(stream.get(), POLLIN, patience));
    const ssize_t got = ::read(stream.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) return FailErrno(errno, "reading what ssh -G says");
    if (got <= 0 || output.size() > kMostTold) return output;
    output.append(buffer.data(), static_cast<size_t>(got));
  }
}

// What ssh objects to, in its own words, on one line.
std::string ObjectionOf(ProxyProcess& process, const std::optional<std::string>& home) {
  std::string said;
  for (const auto& line : Lines(process.TakeErrors())) said += (said.empty() ? "" : "; ") + line;
  const std::string_view stdin_name = "/dev/stdin";
  for (size_t at = 0; home && (at = said.find(stdin_name, at)) != std::string::npos;)
    said.replace(at, stdin_name.size(), *home + "/.ssh/config");
  return Excerpt(said, 1);
}

// A word of a line of ssh_config(5) that is a path, for another home.
std::string PathForHome(const std::string& word, const std::string& home, bool include) {
  const std::string quote = word.starts_with('"') ? "\"" : "";
  const std::string path = word.substr(quote.size());
  if (path.starts_with("~/")) return quote + home + path.substr(1);
  if (include && !path.empty() && path[0] != '/' && path[0] != '~')
    return quote + home + "/.ssh/" + path;
  return word;
}

std::string LineForHome(const std::string& line, const std::string& home) {
  constexpr std::array<std::string_view, 6> kPaths{"include",         "userknownhostsfile",
                                                   "identityagent",   "revokedhostkeys",
                                                   "certificatefile", "globalknownhostsfile"};
  const size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
  const size_t end = std::min(line.find_first_of(" \t=", begin), line.size());
  std::string keyword = line.substr(begin, end - begin);
  for (char& c : keyword) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (std::find(kPaths.begin(), kPaths.end(), keyword) == kPaths.end()) return line;
  std::string changed = line.substr(0, end);
  for (size_t at = end; at < line.size();) {
    const size_t word = std::min(line.find_first_not_of(" \t=", at), line.size());
    const size_t next = std::min(line.find_first_of(" \t", word), line.size());
    changed += line.substr(at, word - at);
    changed += PathForHome(line.substr(word, next - word), home, keyword == "include");
    at = next;
  }
  return changed;
}

// "[USER@]HOST[:PORT]"
std::string JumpWords(std::string_view jump) {
  if (jump.starts_with("ssh://")) return " -- " + ShellQuote(std::string(jump));
  std::string words;
  if (const size_t at = jump.rfind('@'); at != std::string_view::npos) {
    words += " -l " + ShellQuote(std::string(jump.substr(0, at)));
    jump.remove_prefix(at + 1);
  }
  std::string_view port;
  if (jump.starts_with('[') && jump.find(']') != std::string_view::npos) {
    const size_t end = jump.find(']');
    if (jump.substr(end + 1).starts_with(':')) port = jump.substr(end + 2);
    jump = jump.substr(1, end - 1);
  } else if (const size_t colon = jump.find(':'); colon != std::string_view::npos) {
    port = jump.substr(colon + 1);
    jump = jump.substr(0, colon);
  }
  if (!port.empty()) words += " -p " + ShellQuote(std::string(port));
  return words + " -- " + ShellQuote(std::string(jump));
}

}  // namespace

std::string ExpandHome(const std::string& path) {
  return path.starts_with("~/") ? HomeDirectory() + path.substr(1) : path;
}

std::string SshConfigForHome(std::string_view text, const std::string& home) {
  std::string changed;
  for (const auto& line : Lines(text)) {
    if (line != kEndOfConfig) changed += LineForHome(line, home);
    changed += '\n';  // line for line, so that ssh's complaints name the right one
  }
  // The first value counts: what follows is for what has been left open.
  changed += "Host *\nInclude /etc/ssh/ssh_config\nHost *\nUserKnownHostsFile " + home +
             "/.ssh/known_hosts " + home + "/.ssh/known_hosts2";
  return changed;
}

std::optional<std::string> SshConfigOfItsOwn() {
  const auto home = HomeOfItsOwn();
  if (!home) return std::nullopt;
  return SshConfigForHome(FileText(*home + "/.ssh/config"), *home);
}

// ssh itself goes through the others: the last one leads to the host.
std::string JumpCommand(std::string_view jumps, const std::string& config_file) {
  const size_t comma = jumps.rfind(',');
  std::string command = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes";
  if (!config_file.empty()) command += " -F " + ShellQuote(config_file);
  if (comma != std::string_view::npos)
    command += " -J " + ShellQuote(std::string(jumps.substr(0, comma)));
  const auto last = comma == std::string_view::npos ? jumps : jumps.substr(comma + 1);
  return command + " -W '[%h]:%p'" + JumpWords(last);
}

std::optional<SshSettings> ParseSshSettings(std::string_view told, std::string_view defaults,
                                            const HostConfig& config) {
  const Answers answers = AnswersOf(told);
  const Answers own = AnswersOf(defaults);
  SshSettings settings;
  settings.hostname = AnswerTo(answers, "hostname");
  settings.user = AnswerTo(answers, "user");
  const std::string port = AnswerTo(answers, "port");
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), settings.port);
  if (settings.hostname.empty() || parsed.ec != std::errc()) return std::nullopt;
  const std::string family = AnswerTo(answers, "addressfamily");
  settings.address_family = family == "inet" ? AF_INET : family == "inet6" ? AF_INET6 : AF_UNSPEC;
  settings.host_key_alias = AnswerTo(answers, "hostkeyalias");
  settings.proxy_command = AnswerTo(answers, "proxycommand");
  if (const std::string jumps = AnswerTo(answers, "proxyjump"); !jumps.empty())
    settings.proxy_command = JumpCommand(jumps, ConfigOfItsOwn());
  settings.proxy_passes_fd = AnswerTo(answers, "proxyusefdpass") == "yes";
  settings.asks_about_host_keys = AnswerTo(answers, "stricthostkeychecking") == "ask";
  settings.user_known_hosts = FilesIn(AnswerTo(answers, "userknownhostsfile"));
  settings.global_known_hosts = FilesIn(AnswerTo(answers, "globalknownhostsfile"));
  // Of all names of files, ssh -G prints these as they are written. What cannot be made out is a
  // file that is not there, and lets no host in.
  const std::string revoked = AnswerTo(answers, "revokedhostkeys");
  settings.revoked_host_keys = ExpandName(revoked, settings, config).value_or(revoked);
  settings.identities_only = AnswerTo(answers, "identitiesonly") == "yes";
  settings.agent = AgentSocket(answers);
  settings.ciphers = ChosenList(answers, own, "ciphers");
  settings.macs = ChosenList(answers, own, "macs");
  settings.key_exchanges = ChosenList(answers, own, "kexalgorithms");
  settings.key_algorithms = ChosenList(answers, own, "pubkeyacceptedalgorithms");
  settings.host_key_algorithms = WithoutCertificates(AnswerTo(answers, "hostkeyalgorithms"));
  settings.identities.emplace();
  if (const auto found = answers.find("identityfile"); found != answers.end()) {
    for (const auto& name : found->second) {
      const auto file = ExpandName(name, settings, config);
      if (file && name != "none") settings.identities->push_back(*file);
    }
  }
  return settings;
}

Result<std::optional<SshSettings>> AskOpenSsh(const HostConfig& config, const Patience& patience) {
  const auto home = HomeOfItsOwn();
  const auto process = ORCIO_TRY(ProxyProcess::Start(AskingCommand(config)));
  auto output = OutputOf(*process, patience);
  if (!output && output.error().errnum == ETIMEDOUT)
    return Fail(ErrorKind::kInvalid,
                "host {}: `ssh -G {}` does not end: what does a `Match exec` in ~/.ssh/config wait "
                "for?",
                config.name, config.address);
  const std::string told = ORCIO_TRY(std::move(output));
  if (told == kNoSsh) return std::optional<SshSettings>();
  const size_t mark = told.find(kDefaults);
  if (mark != std::string::npos) {
    auto settings =
        ParseSshSettings(std::string_view(told).substr(0, mark),
                         std::string_view(told).substr(mark + kDefaults.size()), config);
    if (settings) return settings;
  }
  const std::string objection = ObjectionOf(*process, home);
  return Fail(ErrorKind::kInvalid, "host {}: ssh does not take its own configuration: {}",
              config.name,
              objection.empty() ? fmt::format("see `ssh -G {}`", config.address) : objection);
}

}  // namespace orcio::inline archiver
