#include "index/spans/window_store.h"

#include "base/bytes.h"
#include "tests/support/catch.h"
#include "tests/support/files/memory_files.h"
#include "tests/support/scratch_directory.h"

namespace orcio {

TEST_CASE("Windows come back as they went in, from memory and from the file beside the sidecar") {
  const test::ScratchDirectory scratch;
  {
    WindowStore store(LocalFileSystem(), scratch / "wiki.tar.gz.idx", 100);
    std::string all;
    for (int i = 0; i < 30; ++i) {
      const std::string packed(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
      CHECK(ValueOf(store.Append(AsBytes(packed))) == all.size());
      all += packed;
    }
    CHECK(store.bytes() == all.size());
    CHECK(std::filesystem::exists(scratch / ".wiki.tar.gz.idx.windows.part"));
    std::string read;
    REQUIRE_OK(store.ReadAll([&](std::span<const std::byte> bytes) { read += AsText(bytes); }));
    CHECK(read == all);
    CHECK(AsText(ValueOf(store.Read(3, 3))) == all.substr(3, 3));
    CHECK(AsText(ValueOf(store.Read(all.size() - 29, 29))) == all.substr(all.size() - 29));
  }
  CHECK(ValueOf(LocalFileSystem().List(scratch.path())).empty());
}

}  // namespace orcio
