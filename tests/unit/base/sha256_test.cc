#include "base/sha256.h"

#include "base/bytes.h"
#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(ToHex(Sha256::Of({})) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(ToHex(Sha256::Of(AsBytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("Zeros count as bytes, and a finished digest starts anew") {
  Sha256 sha;
  sha.UpdateZeros(100'000);
  const std::string zeros(100'000, '\0');
  CHECK(sha.Finish() == Sha256::Of(AsBytes(zeros)));
  sha.Update(AsBytes("abc"));
  CHECK(sha.Finish() == Sha256::Of(AsBytes("abc")));
}

TEST_CASE("A digest that goes on from another one's state is that of all bytes") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i);
  for (const size_t at : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65}, text.size()}) {
    Sha256 first;
    first.Update(AsBytes(text).first(at));
    const Sha256State state = first.Save();
    CHECK(state.bytes == at);
    Sha256 second;
    second.Update(AsBytes("of another stream"));
    second.GoOn(state);
    CHECK(second.Save() == state);
    second.Update(AsBytes(text).subspan(at));
    CHECK(second.Finish() == Sha256::Of(AsBytes(text)));
  }
}

TEST_CASE("A digest goes on behind more than half a GiB, as the 32 bits of a count have it") {
  Sha256State state = Sha256().Save();
  state.bytes = (uint64_t{5} << 30) + 64;
  Sha256 sha;
  sha.GoOn(state);
  CHECK(sha.Save() == state);
  sha.Update(AsBytes("abc"));
  CHECK(sha.Save().bytes == state.bytes + 3);
}

}  // namespace orcio
