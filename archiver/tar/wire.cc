#include "archiver/tar/wire.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <vector>

#include "archiver/config/service_names.h"
#include "archiver/host/remote_text.h"
#include "base/text/words.h"
#include "base/threads/time_limit.h"

namespace orcio::inline archiver {
namespace {

constexpr std::string_view kWireMark = "orcio-wire: ";

// The tar goes between them. 3 is standard output, and 4 brings tar's exit status, which a shell
// forgets of all but the last command of a pipeline.
constexpr std::string_view kPackBegin = R"sh({ status=$({ { {
)sh";
constexpr std::string_view kPackZstd = R"sh(
} 3>&- 4>&-; echo "$?" >&4; } | zstd -q -3 -c 4>&- >&3; } 4>&1); } 3>&1; exit "$status"
)sh";
constexpr std::string_view kPackGzip = R"sh(
} 3>&- 4>&-; echo "$?" >&4; } | gzip -1 -c 4>&- >&3; } 4>&1); } 3>&1; exit "$status"
)sh";

// Prints "orcio-wire: PACKER", and, if the uptime can be read and the tar between them gives as
// much as matters (kLeastSample), "BYTES PACKED BEGIN END"; read twice, for the disk's pace is in
// neither way's favour.
constexpr std::string_view kProbeBegin = R"sh(LC_ALL=C; export LC_ALL
works() { [ "$(echo x | "$@" 2>/dev/null | "$1" -d -c 2>/dev/null)" = x ]; }
zip=none
pack() { cat; }
if works zstd -q -3 -c; then
  zip=zstd
  pack() { zstd -q -3 -c; }
elif works gzip -1 -c; then
  zip=gzip
  pack() { gzip -1 -c; }
fi
now() { read -r up rest </proc/uptime; } 2>/dev/null
sample() {
  {
)sh";
constexpr std::string_view kProbeEnd = R"sh(
  } 2>/dev/null </dev/null | head -c 16777216
}
bytes=$(sample | wc -c)
[ "$bytes" -ge 1048576 ] || { echo "orcio-wire: $zip"; exit 0; }
now || { echo "orcio-wire: $zip"; exit 0; }
begin=$up
packed=$(sample | pack | wc -c)
now
echo "orcio-wire: $zip $bytes $packed $begin $up"
)sh";

// After a tar that is sent to see how fast the link is.
constexpr std::string_view kLinkSample = R"sh( 2>/dev/null </dev/null | head -c 4194304
)sh";

// Of many small files on a slow disk.
constexpr std::chrono::seconds kLongestProbe{600};
// What kLinkSample ends after.
constexpr uint64_t kLinkSampleBytes = 4194304;
// Less makes no difference whatever way it goes.
constexpr uint64_t kLeastSample = uint64_t{1} << 20;
// Until then a connection gathers pace.
constexpr uint64_t kGathersPace = uint64_t{512} << 10;
// What /proc/uptime cannot tell apart.
constexpr double kShortestSeconds = 0.02;
// The host's CPU has other things to do.
constexpr double kClearly = 1.15;
// Of a file that does not compress, packing leaves more.
constexpr double kCompresses = 0.95;

// Keeps what a host says, if it is short.
class ShortTextSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_).subspan(bytes_); }
  Result<void> Commit(size_t bytes) override {
    bytes_ += bytes;
    if (bytes_ < buffer_.size()) return {};
    return Fail(ErrorKind::kRemote, "the host says more than it was asked for");
  }
  [[nodiscard]] std::string text() const {
    return {reinterpret_cast<const char*>(buffer_.data()), bytes_};
  }

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(size_t{4} << 10);
  size_t bytes_ = 0;
};

// Takes the time that bytes take to arrive, and drops them.
class StopwatchSink : public ByteSink {
 public:
  Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  Result<void> Commit(size_t bytes) override {
    const auto now = std::chrono::steady_clock::now();
    if (bytes_ < kGathersPace) {
      begun_ = now;
      before_ = bytes_ + bytes;
    }
    bytes_ += bytes;
    ended_ = now;
    if (bytes_ <= kLinkSampleBytes) return {};
    return Fail(ErrorKind::kRemote, "the host sends more than it was asked for");
  }
  [[nodiscard]] double BytesASecond() const {
    const double seconds = std::chrono::duration<double>(ended_ - begun_).count();
    return seconds > 0 ? static_cast<double>(bytes_ - before_) / seconds : 0;
  }

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(size_t{64} << 10);
  uint64_t bytes_ = 0;
  uint64_t before_ = 0;  // that had arrived at begun_
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point ended_;
};

template <class Number>
std::optional<Number> ParseWhole(const std::string& word) {
  Number number{};
  const char* end = word.data() + word.size();
  const auto read = std::from_chars(word.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

std::optional<WireSample> ParseProbe(std::string_view out) {
  for (const auto& line : Lines(out)) {
    if (!line.starts_with(kWireMark)) continue;
    const auto words = Split(line.substr(kWireMark.size()), ' ');
    WireSample sample;
    if (words.empty()) return std::nullopt;
    if (words[0] == NameOf(Wire::kZstd)) sample.packer = Wire::kZstd;
    if (words[0] == NameOf(Wire::kGzip)) sample.packer = Wire::kGzip;
    if (words.size() != 5) return sample;
    const auto bytes = ParseWhole<uint64_t>(words[1]);
    const auto packed = ParseWhole<uint64_t>(words[2]);
    const auto begin = ParseWhole<double>(words[3]);
    const auto end = ParseWhole<double>(words[4]);
    if (!bytes || !packed || !begin || !end) return std::nullopt;
    sample.bytes = *bytes;
    sample.packed_bytes = *packed;
    sample.pack_seconds = *end - *begin;
    return sample;
  }
  return std::nullopt;
}

// False if the host does not do as it is asked, or takes too long: that decides against packing
// and is no error, the tar itself will tell.
Result<bool> Streams(RemoteHost& host, const std::string& command, ByteSink& sink,
                     const std::stop_token& stop) {
  const TimeLimit limit(kLongestProbe, stop);
  const auto ended = host.Stream(command, sink, {}, limit.token());
  if (ended) return ended->exit_status == 0;
  if (stop.stop_requested() || ended.error().kind == ErrorKind::kNetwork)
    return Failure(ended.error());
  ORCIO_TRY(host.Connect(stop));
  return false;
}

Result<Wire> ChooseByItself(RemoteHost& host, const std::string& tar_command,
                            std::optional<double> last_ratio, const std::stop_token& stop) {
  ShortTextSink said;
  const std::string probe = std::string(kProbeBegin) + tar_command + std::string(kProbeEnd);
  if (!ORCIO_TRY(Streams(host, probe, said, stop))) return Wire::kNone;
  auto sample = ParseProbe(said.text());
  if (!sample || sample->packer == Wire::kNone || sample->bytes < kLeastSample) return Wire::kNone;
  StopwatchSink link;
  if (!ORCIO_TRY(Streams(host, tar_command + std::string(kLinkSample), link, stop)))
    return Wire::kNone;
  sample->link_bytes_a_second = link.BytesASecond();
  return FasterWire(*sample, last_ratio.value_or(static_cast<double>(sample->packed_bytes) /
                                                 static_cast<double>(sample->bytes)));
}

Result<Wire> CheckPacks(Wire wire, RemoteHost& host, const std::stop_token& stop) {
  const auto result = ORCIO_TRY(host.Run(PackedCommand(wire, "echo x"), {}, stop));
  if (result.exit_status == 0 && !result.out.empty()) return wire;
  return RemoteFailure(
      host, fmt::format("`wire: {}` needs {} there; trying it", NameOf(wire), NameOf(wire)),
      result);
}

}  // namespace

std::string PackedCommand(Wire wire, const std::string& tar_command) {
  if (wire != Wire::kZstd && wire != Wire::kGzip) return tar_command;
  return std::string(kPackBegin) + tar_command +
         std::string(wire == Wire::kZstd ? kPackZstd : kPackGzip);
}

std::unique_ptr<UnpackSink> MakeUnpackSink(Wire wire, ByteSink& sink) {
  if (wire == Wire::kZstd) return UnpackSink::OfZstd(sink);
  if (wire == Wire::kGzip) return UnpackSink::OfGzip(sink);
  return nullptr;
}

Wire FasterWire(const WireSample& sample, double ratio) {
  if (sample.packer == Wire::kNone || sample.bytes == 0 || ratio > kCompresses ||
      sample.link_bytes_a_second == 0)
    return Wire::kNone;
  const double packs =
      static_cast<double>(sample.bytes) / std::max(sample.pack_seconds, kShortestSeconds);
  const double arrives = std::min(packs, sample.link_bytes_a_second / ratio);
  return arrives > sample.link_bytes_a_second * kClearly ? sample.packer : Wire::kNone;
}

Result<Wire> ChooseWire(Wire wire, RemoteHost& host, const std::string& tar_command,
                        std::optional<double> last_ratio, const std::stop_token& stop) {
  if (wire == Wire::kNone) return wire;
  if (wire != Wire::kAuto) return CheckPacks(wire, host, stop);
  return ChooseByItself(host, tar_command, last_ratio, stop);
}

}  // namespace orcio::inline archiver
