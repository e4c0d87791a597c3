#include "index/spans/checkpoint.h"

#include <zstd.h>

#include <array>
#include <new>

#include "base/free_with.h"

namespace orcio::inline index {
namespace {

// Windows are few and small: packing one takes a fraction of what decoding its span does.
constexpr int kWindowLevel = 9;

size_t FreeContext(ZSTD_CCtx* context) {
  return ZSTD_freeCCtx(context);
}

}  // namespace

struct WindowPacker::Context {
  std::unique_ptr<ZSTD_CCtx, FreeWith<FreeContext>> zstd{ZSTD_createCCtx()};
  std::array<std::byte, WindowUse::kWindowBytes> used{};
};

WindowPacker::WindowPacker() : context_(std::make_unique<Context>()) {
  if (context_->zstd == nullptr) throw std::bad_alloc();
}
WindowPacker::~WindowPacker() = default;

void WindowPacker::Pack(std::span<const std::byte> window, const WindowUse& use,
                        std::vector<std::byte>& packed) {
  packed.clear();
  if (!use.any()) return;
  use.CopyUsed(window, context_->used);
  packed.resize(kMaxPackedWindowBytes);
  const size_t bytes =
      ZSTD_compressCCtx(context_->zstd.get(), packed.data(), packed.size(), context_->used.data(),
                        context_->used.size(), kWindowLevel);
  if (ZSTD_isError(bytes) != 0)
    throw std::bad_alloc();  // with room enough it fails for nothing else
  packed.resize(bytes);
}

Result<void> UnpackWindow(std::span<const std::byte> packed, std::span<std::byte> window) {
  const size_t bytes = ZSTD_decompress(window.data(), window.size(), packed.data(), packed.size());
  if (ZSTD_isError(bytes) == 0 && bytes == window.size()) return {};
  return Fail(ErrorKind::kDamaged, "a window that does not unpack to {} bytes", window.size());
}

}  // namespace orcio::inline index
