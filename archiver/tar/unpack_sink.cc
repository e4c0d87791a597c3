#include "archiver/tar/unpack_sink.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/free_with.h"

namespace orcio::inline archiver {
namespace {

class GunzipSink : public UnpackSink {
 public:
  explicit GunzipSink(ByteSink& sink) : UnpackSink(sink, "gzip") {
    constexpr int kGzipOnly = 16;  // on top of the window's bits, as zlib has it
    if (::inflateInit2(&zlib_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GunzipSink() override { ::inflateEnd(&zlib_); }

 private:
  Result<Step> Decode(std::span<const std::byte> packed, std::span<std::byte> room) override {
    const size_t offered = std::min<size_t>(room.size(), size_t{1} << 30);
    // zlib does not write there; its type is older than const.
    zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
    zlib_.avail_in = static_cast<uInt>(packed.size());
    zlib_.next_out = reinterpret_cast<Bytef*>(room.data());
    zlib_.avail_out = static_cast<uInt>(offered);
    const int done = ::inflate(&zlib_, Z_NO_FLUSH);
    if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR) return NoStream();
    return Step{packed.size() - zlib_.avail_in, offered - zlib_.avail_out, done == Z_STREAM_END};
  }

  z_stream zlib_{};
};

class UnzstdSink : public UnpackSink {
 public:
  explicit UnzstdSink(ByteSink& sink) : UnpackSink(sink, "zstd"), zstd_(ZSTD_createDStream()) {
    if (!zstd_) throw std::bad_alloc();
    constexpr int kLargestWindowLog = 23;
    ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax, kLargestWindowLog);
  }

 private:
  Result<Step> Decode(std::span<const std::byte> packed, std::span<std::byte> room) override {
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    const size_t left = ZSTD_decompressStream(zstd_.get(), &out, &in);
    if (ZSTD_isError(left) != 0) return NoStream();
    return Step{in.pos, out.pos, left == 0};
  }

  std::unique_ptr<ZSTD_DStream, FreeWith<ZSTD_freeDStream>> zstd_;
};

}  // namespace

std::unique_ptr<UnpackSink> UnpackSink::OfGzip(ByteSink& sink) {
  return std::make_unique<GunzipSink>(sink);
}

std::unique_ptr<UnpackSink> UnpackSink::OfZstd(ByteSink& sink) {
  return std::make_unique<UnzstdSink>(sink);
}

Result<void> UnpackSink::Commit(size_t bytes) {
  std::span<const std::byte> packed = std::span(packed_).first(bytes);
  // A decoder may hold back what there was no room for.
  for (bool full = true; !packed.empty() || full;) {
    if (ended_) {
      if (packed.empty()) return {};
      return Fail(ErrorKind::kRemote, "the host sent more behind the end of its {} stream",
                  format_);
    }
    const auto room = ORCIO_TRY(sink_.Buffer());
    const Step step = ORCIO_TRY(Decode(packed, room));
    packed = packed.subspan(step.read);
    if (step.written > 0) ORCIO_TRY(sink_.Commit(step.written));
    ended_ = step.ended;
    full = step.written == room.size();
  }
  return {};
}

Result<void> UnpackSink::Finish() const {
  if (ended_) return {};
  return Fail(ErrorKind::kRemote, "the host's {} stream has no end", format_);
}

Failure UnpackSink::NoStream() const {
  return Fail(ErrorKind::kRemote, "what the host sent is no {} stream", format_);
}

}  // namespace orcio::inline archiver
