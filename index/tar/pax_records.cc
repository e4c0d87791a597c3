#include "index/tar/pax_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

namespace orcio::inline index {
namespace {

constexpr std::string_view kSchilyAttribute = "SCHILY.xattr.";
constexpr std::string_view kLibarchiveAttribute = "LIBARCHIVE.xattr.";

template <class Number>
std::optional<Number> ParseDecimal(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// An id that does not fit is no Linux user's, but a number all the same.
std::optional<int64_t> ParseId(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  if (!number) return std::nullopt;
  return ParseDecimal<int64_t>(text).value_or(std::numeric_limits<int64_t>::max());
}

// RFC 4648, with or without the padding (libarchive writes none). What is not of the alphabet is
// passed over, as libarchive does.
std::string DecodeBase64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return bytes;
}

// Strings of the archive's end at a NUL: no path of a file system goes on after one.
std::optional<std::string> TextOrNothing(std::string_view value) {
  value = value.substr(0, value.find('\0'));
  if (value.empty()) return std::nullopt;
  return std::string(value);
}

class Applier {
 public:
  explicit Applier(PaxValues& values) : values_(values) {}

  void Take(std::string_view key, std::string_view value) {
    if (!TakePosix(key, value) && !TakeSparse(key, value) && !TakeAttribute(key, value))
      TakeOther(key, value);
  }
  [[nodiscard]] std::string Finish() {
    if (piece_offset_) values_.sparse_sound = false;
    return std::move(complaint_);
  }

 private:
  bool TakePosix(std::string_view key, std::string_view value);
  bool TakeSparse(std::string_view key, std::string_view value);
  bool TakeAttribute(std::string_view key, std::string_view value);
  void TakeOther(std::string_view key, std::string_view value);
  void TakeMap(std::string_view value);
  void AddPieceNumber(std::optional<uint64_t> number);

  template <class T>
  void Set(std::optional<T>& field, std::optional<T> parsed, std::string_view key,
           std::string_view value) {
    if (value.empty()) {
      field.reset();
    } else if (parsed) {
      field = std::move(parsed);
    } else if (complaint_.empty()) {
      complaint_ = fmt::format("its '{}' is no number that orcio can use", key);
    }
  }

  PaxValues& values_;
  std::optional<uint64_t> piece_offset_;
  std::string complaint_;
};

bool Applier::TakePosix(std::string_view key, std::string_view value) {
  if (key == "path") {
    values_.path = TextOrNothing(value);
  } else if (key == "linkpath") {
    values_.link_target = TextOrNothing(value);
  } else if (key == "size") {
    Set(values_.stored_bytes, ParseDecimal<uint64_t>(value), key, value);
  } else if (key == "mtime") {
    Set(values_.mtime, ParsePaxTime(value), key, value);
  } else if (key == "uid") {
    Set(values_.uid, ParseId(value), key, value);
  } else if (key == "gid") {
    Set(values_.gid, ParseId(value), key, value);
  } else {
    return false;
  }
  return true;
}

bool Applier::TakeSparse(std::string_view key, std::string_view value) {
  constexpr std::string_view kPrefix = "GNU.sparse.";
  if (!key.starts_with(kPrefix)) return false;
  key.remove_prefix(kPrefix.size());
  values_.sparse = true;
  if (key == "name") {
    values_.sparse_name = TextOrNothing(value);
  } else if (key == "size" || key == "realsize") {
    Set(values_.sparse_size, ParseDecimal<uint64_t>(value), key, value);
  } else if (key == "major") {
    values_.sparse_major = ParseDecimal<uint64_t>(value).value_or(0);
  } else if (key == "map") {
    values_.sparse_pieces.clear();
    TakeMap(value);
  } else if (key == "offset" || key == "numbytes") {
    if ((key == "offset") == piece_offset_.has_value()) values_.sparse_sound = false;
    AddPieceNumber(ParseDecimal<uint64_t>(value));
  }
  return true;
}

void Applier::TakeMap(std::string_view value) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    AddPieceNumber(ParseDecimal<uint64_t>(value.substr(0, comma)));
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
}

void Applier::AddPieceNumber(std::optional<uint64_t> number) {
  if (!number || values_.sparse_pieces.size() >= kMaxSparsePieces) {
    values_.sparse_sound = false;
    return;
  }
  if (!piece_offset_) {
    piece_offset_ = number;
    return;
  }
  values_.sparse_pieces.emplace_back(*piece_offset_, *number);
  piece_offset_.reset();
}

bool Applier::TakeAttribute(std::string_view key, std::string_view value) {
  if (key.starts_with(kSchilyAttribute)) {
    values_.schily_attributes.push_back(
        {std::string(key.substr(kSchilyAttribute.size())), std::string(value)});
  } else if (key.starts_with(kLibarchiveAttribute)) {
    values_.libarchive_attributes.push_back(
        {std::string(key.substr(kLibarchiveAttribute.size())), DecodeBase64(value)});
  } else if (key == "RHT.security.selinux") {
    values_.selinux = value;
  } else if (key == "SCHILY.acl.access") {
    values_.access_acl = value;
  } else if (key == "SCHILY.acl.default") {
    values_.default_acl = value;
  } else if (key == "SCHILY.acl.ace") {
    values_.has_nfs4_acl = true;
  } else {
    return false;
  }
  return true;
}

void Applier::TakeOther(std::string_view key, std::string_view value) {
  if (key == "SCHILY.devmajor") {
    Set(values_.device_major, ParseDecimal<uint64_t>(value), key, value);
  } else if (key == "SCHILY.devminor") {
    Set(values_.device_minor, ParseDecimal<uint64_t>(value), key, value);
  } else if (key == "SCHILY.realsize") {
    Set(values_.star_size, ParseDecimal<uint64_t>(value), key, value);
  } else if (key == "GNU.volume.filename") {
    values_.volume_file = TextOrNothing(value);
  } else if (key == "GNU.volume.offset") {
    values_.volume_offset = ParseDecimal<uint64_t>(value).value_or(0);
  }
}

// Takes one record ("LENGTH KEY=VALUE\n") off the front. Nothing if it is malformed.
std::optional<std::pair<std::string_view, std::string_view>> NextRecord(std::string_view& records) {
  const size_t begin = std::min(records.find_first_not_of(" \t"), records.size());
  const size_t digits = std::min(records.find_first_not_of("0123456789", begin), records.size());
  const auto length = ParseDecimal<uint64_t>(records.substr(begin, digits - begin));
  if (!length || *length > records.size() - begin || *length < digits - begin + 2 ||
      (records[digits] != ' ' && records[digits] != '\t')) {
    return std::nullopt;
  }
  const auto end = begin + static_cast<size_t>(*length);
  const std::string_view record = records.substr(digits + 1, end - digits - 2);
  const size_t equals = record.find('=');
  if (records[end - 1] != '\n' || equals == 0 || equals == std::string_view::npos)
    return std::nullopt;
  records.remove_prefix(end);
  return std::pair(record.substr(0, equals), record.substr(equals + 1));
}

}  // namespace

std::string ApplyPaxRecords(std::string_view records, PaxValues& values) {
  Applier applier(values);
  // Some writers count the padding of the last block.
  while (!records.empty() && records.front() != '\0') {
    const auto record = NextRecord(records);
    if (!record) {
      static_cast<void>(applier.Finish());
      return "a malformed record";
    }
    applier.Take(record->first, record->second);
  }
  return applier.Finish();
}

std::optional<Timestamp> ParsePaxTime(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto take_digits = [&text] {
    const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
    text.remove_prefix(digits.size());
    return digits;
  };
  const auto seconds = ParseDecimal<int64_t>(take_digits());
  if (!seconds) return {};
  uint32_t nanoseconds = 0;
  if (text.starts_with('.')) {
    constexpr size_t kDigits = 9;
    text.remove_prefix(1);
    const std::string_view fraction = take_digits();
    for (size_t i = 0; i < kDigits; ++i) {
      const char digit = i < fraction.size() ? fraction[i] : '0';
      nanoseconds = nanoseconds * 10 + static_cast<uint32_t>(digit - '0');
    }
    // Times are rounded down, as POSIX has it: away from 0 before 1970.
    const auto rest = fraction.substr(std::min(fraction.size(), kDigits));
    if (negative && rest.find_first_not_of('0') != rest.npos) ++nanoseconds;
  }
  if (!negative) return Timestamp{*seconds, nanoseconds};
  if (nanoseconds == 0) return Timestamp{-*seconds, 0};
  return Timestamp{-*seconds - 1, 1'000'000'000 - nanoseconds};
}

std::string DecodePaxAttributeName(std::string_view keyword, bool by_libarchive) {
  std::string name;
  name.reserve(keyword.size());
  while (!keyword.empty()) {
    unsigned char byte = 0;
    const char* digits = keyword.data() + 1;
    const bool encoded =
        keyword.size() >= 3 && keyword.front() == '%' &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2 &&
        (by_libarchive || keyword.starts_with("%3D") || keyword.starts_with("%25"));
    name.push_back(encoded ? static_cast<char>(byte) : keyword.front());
    keyword.remove_prefix(encoded ? 3 : 1);
  }
  return name;
}

std::map<std::string, std::string> PaxAttributes(PaxValues& values) {
  std::map<std::string, std::string> attributes;
  const auto add = [&](std::string name, std::string&& value) {
    if (name.empty() || name.find('\0') != std::string::npos) return;
    attributes.try_emplace(std::move(name), std::move(value));
  };
  // libarchive writes each attribute twice, and encodes the name the same way both times.
  std::set<std::string_view> by_libarchive;
  for (const ExtendedAttribute& twin : values.libarchive_attributes)
    by_libarchive.insert(twin.name);
  // From the back: the last record of a keyword counts (POSIX).
  auto& schily = values.schily_attributes;
  for (auto given = schily.rbegin(); given != schily.rend(); ++given) {
    add(DecodePaxAttributeName(given->name, by_libarchive.count(given->name) > 0),
        std::move(given->value));
  }
  auto& twins = values.libarchive_attributes;
  for (auto given = twins.rbegin(); given != twins.rend(); ++given)
    add(DecodePaxAttributeName(given->name, true), std::move(given->value));
  if (values.selinux) add("security.selinux", std::move(*values.selinux));
  return attributes;
}

}  // namespace orcio::inline index
