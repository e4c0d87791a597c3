#include "index/tar_headers.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string_view>

#include "index/bytes.h"

namespace orcio {
namespace {

constexpr size_t kBlock = 512;
constexpr std::string_view kSchilyAttribute = "SCHILY.xattr.";
constexpr std::string_view kLibarchiveAttribute = "LIBARCHIVE.xattr.";

// Where ustar (POSIX.1-1988) and every later dialect have them.
std::span<const std::byte> ModeField(std::span<const std::byte> header) {
  return header.subspan(100, 8);
}
std::span<const std::byte> SizeField(std::span<const std::byte> header) {
  return header.subspan(124, 12);
}
char TypeFlag(std::span<const std::byte> header) {
  return std::to_integer<char>(header[156]);
}

// Octal digits, or, marked by the first bit, GNU's big-endian binary. Only as exact as its two uses
// need: what does not fit is cut.
uint64_t ParseNumber(std::span<const std::byte> field) {
  uint64_t value = 0;
  if ((field[0] & std::byte{0x80}) != std::byte{0}) {
    for (const std::byte byte : field) value = value << 8 | std::to_integer<uint64_t>(byte);
    return value;
  }
  const std::string_view text = AsText(field);
  for (const char c : text.substr(std::min(text.find_first_not_of(" \t"), text.size()))) {
    if (c < '0' || c > '7') break;
    value = value << 3 | static_cast<uint64_t>(c - '0');
  }
  return value;
}

std::string_view UpToNul(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

std::optional<uint64_t> ParseDecimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Calls `take(key, value)` for each record ("LENGTH KEY=VALUE\n") up to the first malformed one, as
// libarchive does.
template <class Take>
void ForEachRecord(std::string_view records, const Take& take) {
  while (!records.empty()) {
    const size_t digits = records.find(' ');
    if (digits == std::string_view::npos) return;
    const uint64_t length = ParseDecimal(records.substr(0, digits)).value_or(0);
    if (length <= digits + 1 || length > records.size() || records[length - 1] != '\n') return;
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    const size_t equals = record.find('=');
    if (equals == 0 || equals == std::string_view::npos) return;
    take(record.substr(0, equals), record.substr(equals + 1));
    records.remove_prefix(length);
  }
}

// What records say in passing, until all of them are read.
struct RecordState {
  bool sparse_name = false;
  std::optional<uint64_t> stored_bytes;
  std::vector<std::string> libarchive_keywords;
};

void TakeRecord(std::string_view key, std::string_view value, TarHeaders& headers,
                RecordState& state) {
  if (key == "path") {
    if (!state.sparse_name && !UpToNul(value).empty()) headers.path = UpToNul(value);
  } else if (key == "GNU.sparse.name") {
    // GNU tar puts a made-up name into "path" for readers that do not know its sparse files.
    if (UpToNul(value).empty()) return;
    headers.path = UpToNul(value);
    state.sparse_name = true;
  } else if (key == "linkpath") {
    if (!UpToNul(value).empty()) headers.link_target = UpToNul(value);
  } else if (key == "size") {
    state.stored_bytes = ParseDecimal(value);
  } else if (key == "mtime") {
    if (auto time = ParsePaxTime(value)) headers.mtime = time;
  } else if (key.starts_with("GNU.sparse.") || key == "SCHILY.realsize" || key == "SUN.holesdata") {
    headers.sparse = true;
  } else if (key.starts_with(kSchilyAttribute)) {
    headers.attribute_keywords.emplace_back(key.substr(kSchilyAttribute.size()));
    headers.attributes.push_back({std::string(), std::string(value)});
  } else if (key.starts_with(kLibarchiveAttribute)) {
    state.libarchive_keywords.emplace_back(key.substr(kLibarchiveAttribute.size()));
  }
}

// libarchive writes each attribute twice, the second time with the name that the first one has.
void NameAttributes(TarHeaders& headers, const RecordState& state) {
  for (size_t i = 0; i < headers.attributes.size(); ++i) {
    const std::string& keyword = headers.attribute_keywords[i];
    const auto& twins = state.libarchive_keywords;
    const bool by_libarchive = std::find(twins.begin(), twins.end(), keyword) != twins.end();
    headers.attributes[i].name = DecodePaxAttributeName(keyword, by_libarchive);
  }
  std::erase_if(headers.attributes, [](const ExtendedAttribute& attribute) {
    return attribute.name.empty() || attribute.name.find('\0') != std::string::npos;
  });
}

bool SaysSomethingOfEntries(std::string_view key) {
  constexpr std::string_view kKeys[] = {"path", "linkpath", "size", "uid", "gid", "mtime"};
  return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys) ||
         key.starts_with(kSchilyAttribute) || key.starts_with("SCHILY.acl.");
}

}  // namespace

TarHeaders ReadTarHeaders(std::span<const std::byte> blocks) {
  TarHeaders headers;
  RecordState state;
  while (blocks.size() >= kBlock) {
    const auto header = blocks.first(kBlock);
    blocks = blocks.subspan(kBlock);
    const char type = TypeFlag(header);
    const bool extension = std::string_view("xXgLKAV").find(type) != std::string_view::npos;
    if (!extension) {
      headers.type = type == '\0' ? '0' : type;
      headers.mode = static_cast<uint32_t>(ParseNumber(ModeField(header)) & 07777);
      headers.stored_bytes = state.stored_bytes.value_or(ParseNumber(SizeField(header)));
      if (type == 'S') headers.sparse = true;
      break;
    }
    // A volume's name stands in the block itself.
    const uint64_t size = type == 'V' ? 0 : ParseNumber(SizeField(header));
    if (size > blocks.size()) break;
    const std::string_view body = AsText(blocks.first(static_cast<size_t>(size)));
    if (type == 'x' || type == 'X') {
      ForEachRecord(body, [&](std::string_view key, std::string_view value) {
        TakeRecord(key, value, headers, state);
      });
    } else if (type == 'g') {
      ForEachRecord(body, [&](std::string_view key, std::string_view) {
        if (SaysSomethingOfEntries(key)) headers.has_global_records = true;
      });
    }
    const uint64_t padded = (size + kBlock - 1) / kBlock * kBlock;
    if (padded > blocks.size()) break;
    headers.extension_bytes += kBlock + padded;
    blocks = blocks.subspan(static_cast<size_t>(padded));
  }
  NameAttributes(headers, state);
  return headers;
}

std::optional<Timestamp> ParsePaxTime(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  if (error != std::errc() || end != whole.data() + whole.size() || seconds < 0) return {};
  uint32_t nanoseconds = 0;
  if (point != std::string_view::npos) {
    const std::string_view fraction = text.substr(point + 1);
    for (size_t i = 0; i < 9; ++i) {
      const char digit = i < fraction.size() ? fraction[i] : '0';
      if (digit < '0' || digit > '9') return {};
      nanoseconds = nanoseconds * 10 + static_cast<uint32_t>(digit - '0');
    }
  }
  if (!negative) return Timestamp{seconds, nanoseconds};
  if (nanoseconds == 0) return Timestamp{-seconds, 0};
  return Timestamp{-seconds - 1, 1'000'000'000 - nanoseconds};
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

}  // namespace orcio
