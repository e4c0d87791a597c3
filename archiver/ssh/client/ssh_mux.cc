#include "archiver/ssh/client/ssh_mux.h"

namespace orcio::inline archiver {
namespace {

constexpr uint32_t kHello = 0x00000001;
constexpr uint32_t kNewSession = 0x10000002;
constexpr uint32_t kTerminate = 0x10000005;
constexpr uint32_t kPermissionDenied = 0x80000002;
constexpr uint32_t kFailure = 0x80000003;
constexpr uint32_t kExitMessage = 0x80000004;
constexpr uint32_t kSessionOpened = 0x80000006;

constexpr uint32_t kOnlyRequest = 0;  // one command a line
constexpr uint32_t kNoEscape = 0xffffffff;
constexpr size_t kNumber = 4;
constexpr size_t kLongestMuxMessage = size_t{256} << 10;

std::string Number(uint32_t number) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

std::string Text(std::string_view text) {
  return Number(static_cast<uint32_t>(text.size())).append(text);
}

// Takes numbers and texts off a message, and remembers whether one was missing.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] bool whole() const { return whole_; }

  uint32_t Number() {
    uint32_t number = 0;
    for (const char c : Take(kNumber)) number = number << 8 | static_cast<unsigned char>(c);
    return number;
  }
  std::string Text() { return std::string(Take(Number())); }

 private:
  std::string_view Take(size_t count) {
    whole_ = whole_ && count <= left_.size();
    if (!whole_) return {};
    const auto taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }

  std::string_view left_;
  bool whole_ = true;
};

Failure NoMessage() {
  return Fail(ErrorKind::kInvalid, "ssh does not speak as PROTOCOL.mux of OpenSSH has it");
}

MuxMessage ParseMessage(Fields& fields) {
  using Kind = MuxMessage::Kind;
  const uint32_t type = fields.Number();
  if (type == kHello) return {Kind::kHello, fields.Number()};
  if (type != kPermissionDenied && type != kFailure && type != kExitMessage &&
      type != kSessionOpened)
    return {};
  (void)fields.Number();  // the request or the session: there is but one
  if (type == kExitMessage) return {Kind::kExit, fields.Number()};
  if (type == kSessionOpened) return {Kind::kOpened};
  return {Kind::kRefused, 0, fields.Text()};
}

}  // namespace

std::string MuxHello() {
  return Text(Number(kHello) + Number(kMuxVersion));
}

std::string MuxNewSession(std::string_view command) {
  const std::string no = Number(0);  // a terminal, X11, an agent, a subsystem
  return Text(Number(kNewSession) + Number(kOnlyRequest) + Text("") + no + no + no + no +
              Number(kNoEscape) + Text("") + Text(command));
}

std::string MuxTerminate() {
  return Text(Number(kTerminate) + Number(kOnlyRequest));
}

Result<std::optional<MuxMessage>> TakeMuxMessage(std::string& bytes) {
  if (bytes.size() < kNumber) return std::optional<MuxMessage>();
  const size_t length = Fields(bytes).Number();
  if (length > kLongestMuxMessage) return NoMessage();
  if (bytes.size() - kNumber < length) return std::optional<MuxMessage>();
  Fields fields(std::string_view(bytes).substr(kNumber, length));
  auto message = ParseMessage(fields);
  if (!fields.whole()) return NoMessage();
  bytes.erase(0, kNumber + length);
  return std::optional(std::move(message));
}

}  // namespace orcio::inline archiver
