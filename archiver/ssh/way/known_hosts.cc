#include "archiver/ssh/way/known_hosts.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace orcio::inline archiver {
namespace {

constexpr uint16_t kSshPort = 22;
constexpr std::string_view kHashedName = "|1|";  // HMAC-SHA1, the only hash there is
constexpr size_t kSaltBytes = 20;
constexpr size_t kLongestKey = size_t{64} << 10;  // RSA with 16,384 bits has 2,800

std::string InLowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// The word that `rest` begins with; moves on to the next.
std::string_view TakeKnownHostsWord(std::string_view& rest) {
  const auto word = rest.substr(0, rest.find_first_of(" \t"));
  rest.remove_prefix(word.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  return word;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > kLongestKey) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  const size_t padding = text.size() - 1 - text.find_last_not_of('=');
  if (size < 0 || padding > 2 || static_cast<size_t>(size) < padding) return std::nullopt;
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

// "ssh-ed25519": a key begins with its type (RFC 4253, 6.6).
std::string_view TypeOfKey(std::string_view blob) {
  if (blob.size() < 4) return {};
  uint32_t size = 0;
  for (const char c : blob.substr(0, 4)) size = size << 8 | static_cast<unsigned char>(c);
  return size <= blob.size() - 4 ? blob.substr(4, size) : std::string_view{};
}

// "|1|SALT|HASH", as `HashKnownHosts yes` has it.
bool IsHashOf(std::string_view hashed, std::string_view name) {
  hashed.remove_prefix(kHashedName.size());
  const size_t bar = hashed.find('|');
  if (bar == std::string_view::npos) return false;
  const auto salt = FromBase64(hashed.substr(0, bar));
  const auto hash = FromBase64(hashed.substr(bar + 1));
  if (!salt || !hash || salt->size() != kSaltBytes) return false;
  std::array<unsigned char, EVP_MAX_MD_SIZE> made{};
  unsigned size = 0;
  if (::HMAC(::EVP_sha1(), salt->data(), static_cast<int>(salt->size()),
             reinterpret_cast<const unsigned char*>(name.data()), name.size(), made.data(),
             &size) == nullptr)
    return false;
  return *hash == std::string_view(reinterpret_cast<const char*>(made.data()), size);
}

// `*` and `?` alone mean anything: the brackets of "[host]:port" stand for themselves.
bool MatchesHostPattern(std::string_view name, std::string_view pattern) {
  size_t n = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// `names` are patterns with commas between. One with a `!` that matches decides against all others.
bool MatchesNames(std::string_view names, const std::string& name) {
  if (names.starts_with(kHashedName)) return IsHashOf(names, name);
  const std::string patterns = InLowerCase(names);
  bool matches = false;
  for (std::string_view rest = patterns;;) {
    const size_t comma = rest.find(',');
    std::string_view pattern = rest.substr(0, comma);
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (MatchesHostPattern(name, pattern)) {
      if (negated) return false;
      matches = true;
    }
    if (comma == std::string_view::npos) return matches;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string KnownHostsName(std::string_view address, uint16_t port) {
  return port == kSshPort ? std::string(address) : fmt::format("[{}]:{}", address, port);
}

KnownHosts::KnownHosts(std::string_view address, uint16_t port) {
  names_.push_back({InLowerCase(KnownHostsName(address, port)), {}});
  if (port != kSshPort) names_.push_back({InLowerCase(address), {}});
}

void KnownHosts::Add(std::string_view text, const std::string& file) {
  for (size_t number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    AddLine(line, file, number);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

void KnownHosts::AddFile(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) return;
  if (!error && !std::filesystem::is_regular_file(status)) return;  // /dev/null, for none
  std::ifstream in(file, std::ios::binary);
  if (!in.is_open()) {
    const int why = error ? error.value() : errno;
    unreadable_.push_back(
        fmt::format("{}: {}", file.string(), std::generic_category().message(why)));
    return;
  }
  files_.push_back(file.string());
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) AddLine(line, file.string(), number);
}

void KnownHosts::AddLine(std::string_view line, const std::string& file, size_t number) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (line.empty() || line.starts_with('#')) return;
  Marker marker = Marker::kNone;
  if (line.starts_with('@')) {
    const auto word = TakeKnownHostsWord(line);
    if (word != "@revoked" && word != "@cert-authority") return;
    marker = word == "@revoked" ? Marker::kRevoked : Marker::kAuthority;
    if (line.starts_with('@')) return;  // one marker a line
  }
  const auto names = TakeKnownHostsWord(line);
  const auto type = TakeKnownHostsWord(line);
  const auto blob = FromBase64(TakeKnownHostsWord(line));
  if (!blob || type.empty() || TypeOfKey(*blob) != type) return;
  for (auto& name : names_) {
    if (MatchesNames(names, name.name)) name.entries.push_back({marker, *blob, file, number});
  }
}

HostKeyJudgement KnownHosts::JudgeBy(const Name& name, std::string_view blob) {
  const auto standing = [&](const Entry& entry) {
    const bool same = entry.blob == blob;
    switch (entry.marker) {
      case Marker::kRevoked:
        return same ? HostKeyStanding::kRevoked : HostKeyStanding::kUnknown;
      case Marker::kAuthority:
        return HostKeyStanding::kAuthorityOnly;
      case Marker::kNone:
        break;
    }
    if (same) return HostKeyStanding::kKnown;
    return TypeOfKey(entry.blob) == TypeOfKey(blob) ? HostKeyStanding::kChanged
                                                    : HostKeyStanding::kOtherType;
  };
  HostKeyJudgement judgement;
  for (const auto& entry : name.entries) {
    const auto is = standing(entry);
    if (is > judgement.standing) judgement = {is, entry.file, entry.line};
  }
  return judgement;
}

// A key that the host alone is known by counts at any port; that it has another one there does not,
// for that may be another sshd's.
HostKeyJudgement KnownHosts::Judge(std::string_view key) const {
  const auto blob = FromBase64(key);
  if (!blob) return {};
  auto at_port = JudgeBy(names_.front(), *blob);
  if (at_port.standing > HostKeyStanding::kAuthorityOnly) return at_port;
  // That the host alone has another key says nothing: at this port may be another sshd.
  auto alone = JudgeBy(names_.back(), *blob);
  const bool counts = alone.standing == HostKeyStanding::kKnown ||
                      alone.standing == HostKeyStanding::kRevoked ||
                      (alone.standing == HostKeyStanding::kAuthorityOnly &&
                       at_port.standing == HostKeyStanding::kUnknown);
  return counts ? alone : at_port;
}

std::vector<std::string> KnownHosts::KeyTypes() const {
  std::vector<std::string> types;
  for (const auto& name : names_) {
    for (const auto& entry : name.entries) {
      const std::string type(TypeOfKey(entry.blob));
      if (entry.marker == Marker::kNone && std::ranges::find(types, type) == types.end())
        types.push_back(type);
    }
    if (!types.empty()) break;  // as Judge does
  }
  return types;
}

}  // namespace orcio::inline archiver
